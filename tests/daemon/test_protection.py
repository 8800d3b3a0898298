"""Which traffic is protected: what the data plane is told as tunnels come, go and fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from esp_packets import child
from ikev1.core.records.child_sa import IpsecMode, Mark, PacketMarks
from ikev1.core.records.events import ChildUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel, WhenDown
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.protection import Protection
from ikev1.esp.plane import Protected

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

LOCAL, REMOTE = Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16")
Key = tuple[str, str]


def tunnel(name: str, start: Start, when_down: WhenDown | None = None) -> Tunnel:
    return Tunnel(name, LOCAL, REMOTE, (), start=start, when_down=when_down)


def settings(*tunnels: Tunnel, local_address: str = "%any", remote_address: str = "%any") -> Settings:
    connection = Connection("branch", (), tunnels, b"secret")
    return Settings((replace(connection, local_address=local_address, remote_address=remote_address),))


class World:
    """A data plane that is told, and the log."""

    def __init__(self, plane: type[CountingPlane]) -> None:
        self.plane = plane(lambda event: None, lambda path, packets: 0)
        self.lines: list[Line] = []
        log = EventLog()
        log.attach(Level.DEBUG, self.lines.append)
        self.protection = Protection(self.plane, log)

    @property
    def protected(self) -> set[str]:
        assert self.plane.protected is not None
        assert {connection for connection, _ in self.plane.protected} <= {"branch"}
        return {tunnel for _, tunnel in self.plane.protected}


@pytest.fixture
def world(counting_plane: type[CountingPlane]) -> World:
    return World(counting_plane)


def test_the_plane_is_told_even_if_nothing_is_protected(world: World) -> None:
    """An earlier process may have left something else."""
    world.protection.adopt(settings())
    assert world.protected == set()


@pytest.mark.parametrize("start", [Start.START, Start.TRAP])
def test_what_comes_up_by_itself_is_always_protected(world: World, start: Start) -> None:
    world.protection.adopt(settings(tunnel("net", start)))
    assert world.plane.protected == {("branch", "net"): Protected("branch", "net", LOCAL, REMOTE)}
    world.protection.use("branch", "net")
    world.protection.leave("branch", "net")
    assert world.protected == {"net"}


@pytest.mark.parametrize(
    ("local_address", "remote"), [("192.0.2.1", "0.0.0.0/0[udp]"), ("2001:db8::1", "::/0[udp]"), ("%any", None)]
)
def test_a_port_in_transport_mode_is_protected_from_anybody(
    world: World, local_address: str, remote: str | None
) -> None:
    """An L2TP server: nobody may use it without IPsec."""
    l2tp = Tunnel(
        "l2tp", Selector.parse("dynamic[udp/1701]"), Selector.parse("dynamic[udp]"), (), mode=IpsecMode.TRANSPORT
    )
    world.protection.adopt(settings(replace(l2tp, when_down=WhenDown.DROP), local_address=local_address))
    expected = None
    if remote is not None:
        local = Selector.parse(f"{local_address}[udp/1701]")
        expected = Protected("branch", "l2tp", local, Selector.parse(remote), mode=IpsecMode.TRANSPORT)
    assert world.plane.protected == ({("branch", "l2tp"): expected} if expected else {})


def l2tp_up(local: str) -> ChildUp:
    """A client has a pair for L2TP with 192.0.2.2."""
    path = UdpPath(local, 500, "192.0.2.2", 500)
    pair = child(local=f"{local}[udp/40001]", remote="192.0.2.2[udp/1701]", path=path)
    pair = replace(pair, connection="branch", name="l2tp", mode=IpsecMode.TRANSPORT)
    sa = IkeSa(1, "branch", Role.INITIATOR, path, b"i" * 8, b"r" * 8, created_at=0.0)
    return ChildUp(sa, pair)


def l2tp_client(**changes: Any) -> Tunnel:
    ends = Selector.parse("dynamic[udp/40001]"), Selector.parse("dynamic[udp/1701]")
    found: Tunnel = replace(Tunnel("l2tp", *ends, (), mode=IpsecMode.TRANSPORT, when_down=WhenDown.DROP), **changes)
    return found


def test_the_port_of_a_client_is_protected_from_its_first_pair_on(world: World) -> None:
    """Its address is not known before. Afterwards xl2tpd uses the port, also without a pair, and obeys anybody."""
    world.protection.adopt(settings(l2tp_client(), remote_address="vpn.example.com"))
    world.protection.use("branch", "l2tp")
    assert world.protected == set()
    for local in ("192.0.2.1", "198.51.100.7"):
        world.protection.observe(l2tp_up(local))
        ends = Selector.parse(f"{local}[udp/40001]"), Selector.parse("0.0.0.0/0[udp]")
        expected = Protected("branch", "l2tp", *ends, mode=IpsecMode.TRANSPORT)
        assert world.plane.protected == {("branch", "l2tp"): expected}
    world.protection.adopt(settings(remote_address="vpn.example.com"))
    assert world.protected == set()


@pytest.mark.parametrize(
    ("changes", "remote_address"),
    [
        ({"when_down": None}, "192.0.2.2"),
        ({"when_down": WhenDown.PASS}, "192.0.2.2"),
        ({"local": DYNAMIC}, "192.0.2.2"),
        ({"mode": IpsecMode.TUNNEL}, "192.0.2.2"),
        ({}, "%any"),
    ],
)
def test_other_traffic_is_not_closed_by_a_pair(world: World, changes: dict[str, Any], remote_address: str) -> None:
    world.protection.adopt(settings(l2tp_client(**changes), remote_address=remote_address))
    world.protection.observe(l2tp_up("192.0.2.1"))
    assert world.protected == set()


def test_transport_mode_without_a_port_does_not_close_the_host(world: World) -> None:
    whole = Tunnel("all", DYNAMIC, DYNAMIC, (), mode=IpsecMode.TRANSPORT, when_down=WhenDown.DROP)
    world.protection.adopt(settings(whole, local_address="192.0.2.1"))
    assert world.protected == set()


def test_what_comes_up_on_command_is_protected_from_its_first_up_to_a_down(world: World) -> None:
    world.protection.adopt(settings(tunnel("net", Start.NONE), tunnel("other", Start.NONE)))
    assert world.protected == set()
    world.protection.use("branch", "net")
    assert world.protected == {"net"}
    world.protection.leave("branch", "other")
    assert world.protected == {"net"}
    world.protection.leave("branch", "net")
    assert world.protected == set()


def test_an_operator_closes_all_tunnels_of_a_connection(world: World) -> None:
    world.protection.adopt(settings(tunnel("net", Start.NONE), tunnel("other", Start.NONE), tunnel("up", Start.START)))
    for name in ("net", "other"):
        world.protection.use("branch", name)
    assert world.protected == {"net", "other", "up"}
    world.protection.leave("branch")
    assert world.protected == {"up"}


@pytest.mark.parametrize("start", Start)
def test_the_operator_s_word_goes_before_all_that(world: World, start: Start) -> None:
    tunnels = tunnel("drops", start, WhenDown.DROP), tunnel("passes", start, WhenDown.PASS)
    world.protection.adopt(settings(*tunnels))
    for change in (world.protection.use, world.protection.leave):
        for name in ("drops", "passes"):
            change("branch", name)
        assert world.protected == {"drops"}


def test_a_reload_keeps_in_mind_what_is_in_use_and_forgets_what_is_gone(world: World) -> None:
    world.protection.adopt(settings(tunnel("net", Start.NONE), tunnel("old", Start.START)))
    world.protection.use("branch", "net")
    world.protection.adopt(settings(tunnel("net", Start.NONE)))
    assert world.protected == {"net"}
    world.protection.adopt(settings())
    world.protection.adopt(settings(tunnel("net", Start.NONE)))
    assert world.protected == set()


def test_nobody_knows_a_tunnel_that_is_not_configured(world: World) -> None:
    world.protection.adopt(settings())
    world.protection.use("branch", "net")
    assert world.protected == set()


Addresses = dict[str, str]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ({}, None),
        ({"remote_address": "192.0.2.2"}, None),
        ({"local_address": "192.0.2.1", "remote_address": "192.0.2.0/24"}, None),
        ({"local_address": "192.0.2.1", "remote_address": "192.0.2.2"}, ("192.0.2.1", "192.0.2.2")),
    ],
)
def test_what_is_dynamic_is_protected_where_the_addresses_are_configured(
    world: World, addresses: Addresses, expected: tuple[str, str] | None
) -> None:
    dynamic = replace(tunnel("net", Start.START), local=DYNAMIC, remote=DYNAMIC, mode=IpsecMode.TRANSPORT)
    world.protection.adopt(settings(dynamic, **addresses))
    told = world.plane.protected or {}
    found = [(protected.local, protected.remote) for protected in told.values()]
    assert found == ([tuple(map(Selector.parse, expected))] if expected else [])


def test_the_plane_is_told_of_marks(world: World) -> None:
    marks = PacketMarks(mark_out=Mark(42, 255))
    world.protection.adopt(settings(replace(tunnel("net", Start.START), marks=marks)))
    told = world.plane.protected or {}
    assert [protected.marks for protected in told.values()] == [marks]


def test_what_the_plane_cannot_do_is_logged_and_tried_again(world: World) -> None:
    world.plane.refuse = "the kernel is full"
    world.protection.adopt(settings(tunnel("net", Start.START)))
    assert [line.level for line in world.lines] == [Level.ERROR]
    assert world.plane.protected is None
    world.plane.refuse = ""
    world.protection.adopt(settings(tunnel("net", Start.START)))
    assert world.protected == {"net"}
