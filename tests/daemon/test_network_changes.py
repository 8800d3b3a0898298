"""Which peers are called anew when the network of this host changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Settings, Start
from ikev1.daemon import network_changes
from ikev1.daemon.network_changes import PathNow, Stranded, stranded
from ikev1.daemon.observe.event_log import Level
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.esp.plane import NetworkChanged, PlaneError

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

PEER, OLD, NEW = "192.0.2.9", "192.0.2.1", "192.0.2.51"


def an_sa(local_host: str = OLD) -> IkeSa:
    return IkeSa(1, "branch", Role.INITIATOR, UdpPath(local_host, 500, PEER, 500), b"initiate", b"responds", 0.0)


def from_address(local_host: str) -> Callable[[str], UdpPath]:
    return lambda connection: UdpPath(local_host, 500, PEER, 500)


def no_way(connection: str) -> UdpPath | None:
    return None


def test_an_sa_whose_address_is_gone_is_stranded() -> None:
    sa = an_sa()
    assert stranded([sa], {NEW}, from_address(NEW)) == [Stranded(sa, UdpPath(NEW, 500, PEER, 500))]


@pytest.mark.parametrize(
    ("usable", "path_now"),
    [
        ({OLD, NEW}, from_address(NEW)),  # its address is still there, though another would be chosen now
        ({OLD}, from_address(OLD)),
        ({NEW}, no_way),  # nobody to call, or no way yet: the address may come back
        (set(), no_way),
        ({NEW}, from_address(OLD)),  # the configuration wants this address
        (set(), from_address(NEW)),  # the kernel names an address that is about to go
    ],
)
def test_an_sa_is_kept_while_nothing_better_is_known(usable: set[str], path_now: PathNow) -> None:
    assert stranded([an_sa()], usable, path_now) == []


# ---------------------------------------------------------------------- in a gateway


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are followed without a pause."""
    monkeypatch.setattr(network_changes, "SETTLE", 0.0)
    monkeypatch.setattr(network_changes, "INTERVAL", 0.0)


def any_address(connection: Connection) -> Connection:
    return replace(connection, local_address="%any")


@pytest.mark.parametrize("start", [Start.START, Start.NONE])
def test_a_new_address_calls_at_once_and_tells_the_peer_that_the_old_pair_is_gone(meet: Meet, start: Start) -> None:
    async def scenario(us: Side, them: Side) -> None:
        if start is Start.NONE:
            await us.gateway.initiate("branch", "net")
        await us.until(lambda: us.gateway.is_up("branch", "net"))
        sent: list[UdpPath] = []
        new = UdpPath("127.0.0.7", us.endpoint.port, "127.0.0.2", them.endpoint.port)
        us.endpoint.send_isakmp = lambda path, datagram: sent.append(path)  # type: ignore[method-assign]
        us.gateway._initiation._path = lambda connection, remote: new  # type: ignore[method-assign]
        us.plane.usable = frozenset({"127.0.0.7"})
        (before,) = us.gateway.engine.sas.values()
        us.plane.listener(NetworkChanged())
        async with asyncio.timeout(60):
            while len(sent) < 3:
                await asyncio.sleep(0.001)
        assert sent == [new] * 3  # two Deletes, and the first message of another phase 1
        (after,) = us.gateway.engine.sas.values()
        assert (after.unique_id != before.unique_id, after.state) == (True, IkeState.CONNECTING)
        assert not us.plane.outbound

    meet(scenario, change=any_address, start=start)


def test_a_call_that_had_no_way_is_tried_as_soon_as_there_is_one(meet: Meet) -> None:
    """Not after the usual wait, which is longer than this test lasts."""

    async def scenario(us: Side, them: Side) -> None:
        way = us.gateway._initiation._path

        def none(connection: Connection, remote: str) -> UdpPath:
            raise NotEstablished("no route")

        us.gateway._initiation._path = none  # type: ignore[method-assign]
        us.gateway.reload()
        async with asyncio.timeout(60):
            while not any("no route" in text for text in us.texts):
                await asyncio.sleep(0.001)
        us.plane.listener(NetworkChanged())
        async with asyncio.timeout(60):
            while not us.plane.followed:
                await asyncio.sleep(0.001)
        us.gateway._initiation._path = way  # type: ignore[method-assign]
        us.plane.listener(NetworkChanged())
        await us.until(lambda: us.gateway.is_up("branch", "net"))

    def started(settings: Settings) -> Settings:
        (branch,) = settings.connections
        tunnels = tuple(replace(tunnel, start=Start.START) for tunnel in branch.tunnels)
        return replace(settings, connections=(replace(branch, tunnels=tunnels),))

    meet(scenario, change=any_address, reloaded=started)


def test_a_change_that_cannot_be_followed_is_logged(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        def refuse() -> None:
            raise PlaneError("the kernel does not tell")

        us.plane.follow = refuse  # type: ignore[method-assign]
        us.plane.listener(NetworkChanged())
        async with asyncio.timeout(60):
            while not any(line.level is Level.ERROR and line.code == PlaneError.code for line in us.lines):
                await asyncio.sleep(0.001)

    meet(scenario)


def test_what_is_not_concerned_stays(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        us.plane.listener(NetworkChanged())
        async with asyncio.timeout(60):
            while not us.plane.followed:
                await asyncio.sleep(0.001)
        assert us.gateway.is_up("branch", "net")
        assert not any(line.level >= Level.WARNING for line in us.lines)

    meet(scenario, change=any_address)
