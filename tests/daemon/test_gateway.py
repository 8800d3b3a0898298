"""Whole gateways in conversation: real engines and sockets, only the packets of the tunnel are imagined."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from ikev1.config import ConfigError
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.records.actions import Keep
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Settings, Start
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.esp.plane import Acquire, Counters, PeerMoved, RekeyNeeded

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side


def states(side: Side) -> list[IkeState]:
    return [sa.state for sa in side.gateway.engine.sas.values()]


def children(side: Side) -> list[ChildState]:
    return [child.state for sa in side.gateway.engine.sas.values() for child in sa.children]


def test_a_tunnel_comes_up_on_both_sides(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: len(them.plane.outbound) == 1)
        assert states(us) == states(them) == [IkeState.ESTABLISHED]
        (ours,), (theirs,) = us.plane.outbound.values(), them.plane.outbound.values()
        assert us.plane.inbound == us.plane.outbound
        assert (ours.inbound, ours.outbound) == (theirs.outbound, theirs.inbound)
        assert us.gateway.is_up("branch", "net")
        assert not us.gateway.is_up("branch", "other")

    meet(scenario)


def test_a_bug_while_a_pair_is_installed_leaves_nothing_of_it(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(us: Side, them: Side) -> None:
        install = us.plane.install_inbound

        def broken(child: ChildSa) -> None:
            install(child)
            raise ValueError("a bug")

        monkeypatch.setattr(us.plane, "install_inbound", broken)
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        assert not us.plane.inbound
        assert not us.plane.outbound

    meet(scenario)


def test_the_isakmp_sa_can_come_up_alone_and_carries_a_tunnel_later(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", None)
        assert (states(us), children(us)) == ([IkeState.ESTABLISHED], [])
        await us.gateway.initiate("branch", None)
        await us.gateway.initiate("branch", "net")
        assert (states(us), children(us)) == ([IkeState.ESTABLISHED], [ChildState.INSTALLED])
        assert us.gateway.counters.total["ike-up"] == 1

    meet(scenario)


def test_two_who_want_the_same_tunnel_at_once_both_learn_that_it_is_up(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await asyncio.gather(us.gateway.initiate("branch", "net"), us.gateway.initiate("branch", None))
        assert states(us) == [IkeState.ESTABLISHED]

    meet(scenario)


def test_a_peer_that_called_can_be_offered_a_tunnel_wherever_it_is(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(NotEstablished):
            await them.gateway.initiate("branch", "net")
        await us.gateway.initiate("branch", None)
        await them.until(lambda: states(them) == [IkeState.ESTABLISHED])
        await them.gateway.initiate("branch", "net")
        await us.until(lambda: us.gateway.is_up("branch", "net"))

    meet(scenario, their_change=lambda c: replace(c, remote_address="%any"))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, remote_address="%any"),
        lambda c: replace(c, name="other"),
        lambda c: replace(c, tunnels=()),
    ],
    ids=["no single address", "no connection", "no tunnel"],
)
def test_what_cannot_be_called_is_said_at_once(meet: Meet, change: Callable[[Connection], Connection]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        assert states(us) == []

    meet(scenario, change=change)


def test_a_silent_peer_is_given_up_with_a_reason(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(NotEstablished, match="MM1"):
            await us.gateway.initiate("branch", "net")
        assert states(us) == []

    meet(scenario, settings=impatient, change=lambda c: replace(c, remote_address="127.0.0.3"))


def test_a_wrong_secret_is_told_in_the_log_and_to_who_waits(
    meet: Meet, impatient: Callable[[Settings], Settings]
) -> None:
    now = [1_000_000.0]

    async def scenario(us: Side, them: Side) -> None:
        waiting = asyncio.ensure_future(us.gateway.initiate("branch", "net"))
        await them.until(lambda: any(line.code == "psk-mismatch" for line in them.lines))
        now[0] += 60
        with pytest.raises(NotEstablished):
            await waiting
        assert not any("something else" in text or "between the two" in text for text in us.texts + them.texts)

    wrong = b"something else"
    meet(scenario, settings=impatient, change=lambda c: replace(c, secret=wrong), clock=lambda: now[0])


@pytest.mark.parametrize("ours", [True, False])
def test_a_pair_that_a_data_plane_refuses_comes_up_nowhere(meet: Meet, ours: bool) -> None:
    async def scenario(us: Side, them: Side) -> None:
        refusing, other = (us, them) if ours else (them, us)
        refusing.plane.refuse = "no such cipher here"
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        (line,) = [line for line in refusing.lines if line.code == "install-failed"]
        assert "no such cipher here" in line.text
        told = "deleted-by-peer" if ours else "refused-by-peer"
        await other.until(lambda: any(line.code == told for line in other.lines))
        for side in (us, them):
            assert children(side) == []
            assert not side.plane.inbound
            assert side.gateway.counters.total["child-up"] == 0

    meet(scenario)


@pytest.mark.parametrize("ours", [True, False])
def test_without_an_spi_no_tunnel_comes_up_and_nothing_is_lost(meet: Meet, ours: bool) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", None)
        full = us if ours else them
        full.plane.exhausted = True
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        assert [line.code for line in full.lines if "the kernel is full" in line.text] == ["no-spi"]
        full.plane.exhausted = False
        await us.gateway.initiate("branch", "net")
        assert len(children(us)) == 1

    meet(scenario)


def test_a_data_plane_that_breaks_down_is_asked_once(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        us.plane.break_down()
        async with asyncio.timeout(60):
            while not any(line.code == "data-plane" for line in us.lines):
                await asyncio.sleep(0)
        await us.gateway.initiate("branch", None)  # which takes many turns of the loop
        assert us.plane.broken == 1

    meet(scenario)


def test_counters_that_cannot_be_had_are_none(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (pair,) = us.plane.outbound.values()
        assert us.gateway.counters_of(pair).packets_in == 2
        us.plane.refuse = "the kernel does not tell"
        assert us.gateway.counters_of(pair) == Counters()
        assert "the kernel does not tell" in us.texts[-1]

    meet(scenario)


def test_closing_tells_the_peer(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        us.gateway.close_child(sa.children[0])
        us.gateway.close_child(sa.children[0])
        await them.until(lambda: them.gateway.counters.total["child-down"] == 1)
        assert not us.plane.inbound
        assert not them.plane.inbound
        us.gateway.close_ike(sa)
        await them.until(lambda: them.gateway.counters.total["ike-down"] == 1)
        assert states(us) == states(them) == []

    meet(scenario)


def test_the_data_plane_asks_for_new_keys(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (old,) = us.plane.outbound.values()
        us.plane.listener(RekeyNeeded(old, "its sequence numbers are nearly used up"))
        await us.until(lambda: us.gateway.counters.total["child-rekey"] == 1)
        assert sorted(children(us)) == [ChildState.INSTALLED, ChildState.REKEYED]

    meet(scenario)


def test_another_pair_is_awaited_only_until_the_peer_has_it(meet: Meet) -> None:
    """It does not send yet: the older one does for seconds."""

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await asyncio.wait_for(us.gateway.initiate("branch", "net"), SWITCHES_AFTER - 1)
        assert us.gateway.counters.total["child-ready"] == 1
        assert us.gateway.counters.total["child-rekey"] == 0
        assert len(us.plane.inbound) == 2
        await them.until(lambda: them.gateway.counters.total["child-rekey"] == 1)

    meet(scenario)


def test_a_started_tunnel_comes_up_and_again_after_the_peer_closed_it(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.until(lambda: us.gateway.is_up("branch", "net"))
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        (sa,) = them.gateway.engine.sas.values()
        them.gateway.close_child(sa.children[0])
        await us.until(lambda: us.gateway.counters.total["child-up"] == 2)
        assert us.gateway.is_up("branch", "net")

    meet(scenario, start=Start.START)


def test_a_started_tunnel_that_the_operator_released_stays_down(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.until(lambda: us.gateway.is_up("branch", "net"))
        us.gateway.autostart.release("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        us.gateway.close_child(sa.children[0])
        await them.until(lambda: them.gateway.counters.total["child-down"] == 1)
        assert us.gateway.counters.total["child-up"] == 1
        us.gateway.autostart.adopt(us.gateway.settings)
        await us.until(lambda: us.gateway.counters.total["child-up"] == 2)

    meet(scenario, start=Start.START)


def test_a_trap_brings_its_tunnel_up_with_the_first_packet(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert list(us.plane.traps) == [("branch", "net")]
        assert states(us) == []
        us.plane.listener(Acquire("branch", "net", "10.1.0.1 to 10.2.0.1"))
        await us.until(lambda: us.gateway.is_up("branch", "net"))

    meet(scenario, start=Start.TRAP)


def test_a_reload_follows_the_new_configuration(meet: Meet) -> None:
    def trapped(settings: Settings) -> Settings:
        (old,) = settings.connections
        return replace(settings, connections=(replace(old, tunnels=(replace(old.tunnels[0], start=Start.TRAP),)),))

    async def scenario(us: Side, them: Side) -> None:
        await us.until(lambda: us.gateway.is_up("branch", "net"))
        us.gateway.reload()
        assert list(us.plane.traps) == [("branch", "net")]
        assert us.gateway.is_up("branch", "net")

    meet(scenario, start=Start.START, reloaded=trapped)


def test_a_broken_configuration_changes_nothing(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        before, of_engine = us.gateway.settings, us.gateway.engine.settings
        with pytest.raises(ConfigError):
            us.gateway.reload()
        assert us.gateway.settings is before
        assert us.gateway.engine.settings is of_engine

    meet(scenario)


def test_closing_the_gateway_says_goodbye(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        await us.gateway.close()
        assert us.plane.closed
        await them.until(lambda: them.gateway.counters.total["ike-down"] == 1)

    meet(scenario)


def test_sas_outlive_the_process_and_their_pairs_are_replaced(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        (cookies,) = us.gateway.engine.sas
        (old,) = them.plane.outbound
        us.die()
        async with us.again() as heir:
            await them.until(lambda: them.gateway.counters.total["child-up"] == 2)
            await heir.until(lambda: heir.gateway.is_up("branch", "net"))
            assert list(heir.gateway.engine.sas) == list(them.gateway.engine.sas) == [cookies]
            assert them.gateway.counters.total["ike-up"] == 1
            assert old not in them.plane.outbound
        await them.until(lambda: them.gateway.counters.total["ike-down"] == 1)
        async with us.again() as stranger:
            assert not stranger.gateway.engine.sas

    meet(scenario)


def test_pairs_that_a_kernel_carried_meanwhile_go_on(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        us.die()
        async with us.again(outlived=us.plane.inbound) as heir:
            assert heir.gateway.is_up("branch", "net")
            assert heir.plane.inbound.keys() == us.plane.inbound.keys()
            (pair,) = heir.plane.inbound.values()
            heir.gateway.close_child(pair)
            await them.until(lambda: them.gateway.counters.total["child-down"] == 1)
            assert them.gateway.counters.total["child-up"] == 1
            assert not heir.plane.inbound

    meet(scenario)


def test_what_outlived_a_process_and_nobody_remembers_is_not_adopted(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        us.die()
        us.control.with_suffix(".sqlite").unlink()
        async with us.again(outlived=us.plane.inbound) as heir:
            assert not heir.gateway.engine.sas
            assert not heir.plane.inbound

    meet(scenario)


def test_pairs_that_an_earlier_process_had_yet_to_negotiate_again_are_protected(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        (pair,) = sa.children
        us.store.write([Keep(replace(sa, children=(), lost=sa.children, resumes_at=us.gateway.now() + 10))])
        us.die()
        async with us.again() as heir:
            assert not heir.plane.inbound
            assert heir.plane.protected is not None
            assert ("branch", "net") in heir.plane.protected
            await heir.until(lambda: heir.gateway.is_up("branch", "net"))
            (again,) = heir.plane.inbound.values()
            assert again.unique_id > pair.unique_id

    meet(scenario)


def test_a_peer_that_moved_behind_its_nat_is_followed_and_the_log_tells(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        behind = replace(sa, nat=Nat(NatTraversalVersion.RFC_3947, remote_behind=True))
        us.store.write([Keep(behind)])
        us.die()
        async with us.again(outlived=us.plane.inbound) as heir:
            (pair,) = heir.plane.outbound.values()
            elsewhere = pair.path._replace(local_port=us.gateway.settings.encapsulation_port, remote_port=40_000)
            heir.plane.listener(PeerMoved(pair, elsewhere))
            await asyncio.sleep(0)
            (moved,) = heir.plane.outbound.values()
            assert moved.path == elsewhere
            (line,) = [line for line in heir.lines if line.code == Code.PEER_MOVED]
            assert pair.path.remote in line.text
            assert "127.0.0.2[40000]" in line.text

    meet(scenario)


def test_a_peer_that_no_nat_moved_is_not_followed(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (pair,) = us.plane.outbound.values()
        us.plane.listener(PeerMoved(pair, pair.path._replace(remote_port=40_000)))
        await asyncio.sleep(0)
        assert list(us.plane.outbound.values()) == [pair]
        assert not any("moved" in text for text in us.texts)

    meet(scenario)


def test_the_log_tells_once_a_minute_what_was_refused(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    now = [1_000_000.0]

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (spi,) = us.plane.inbound
        us.plane.counted[spi] = Counters(replays=3)
        now[0] += 61  # and the alarm rings that waits for what a lost message would need
        async with asyncio.timeout(60):
            while not any("3 replays" in text for text in us.texts):
                await asyncio.sleep(0)

    meet(scenario, settings=impatient, clock=lambda: now[0])


def test_a_store_that_fails_is_told_and_does_not_stop_the_gateway(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        us.store.close()
        await us.gateway.initiate("branch", "net")
        assert any(line.code == "store" for line in us.lines)

    meet(scenario)


def test_the_thief_of_the_store_finds_no_keys_of_an_sa_that_was_closed_half_a_minute_ago(
    meet: Meet, impatient: Callable[[Settings], Settings]
) -> None:
    now = [1_000_000.0]

    def stolen(side: Side) -> bytes:
        return b"".join(file.read_bytes() for file in side.control.parent.glob("ours.sqlite*"))

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        assert sa.keys is not None
        secret = sa.keys.SKEYID_d
        us.gateway.close_ike(sa)
        assert secret in stolen(us)
        await us.gateway.initiate("branch", None)  # and the alarm rings that waits for what a lost message would need
        now[0] += 31
        async with asyncio.timeout(60):
            while secret in stolen(us):
                await asyncio.sleep(0)

    meet(scenario, settings=impatient, clock=lambda: now[0])


def test_a_tunnel_that_is_under_way_is_not_begun_twice(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await asyncio.gather(*(us.gateway.initiate("branch", "net") for _ in range(3)))
        assert children(us) == [ChildState.INSTALLED]
        us.gateway.close_child(next(iter(us.plane.outbound.values())))
        await asyncio.gather(*(us.gateway.initiate("branch", "net") for _ in range(3)))
        assert children(us) == [ChildState.INSTALLED]

    meet(scenario)


def test_the_log_follows_a_negotiation(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        labels = [text.partition(":")[0] for line, text in zip(us.lines, us.texts, strict=True) if line.group == "ENC"]
        assert labels == [
            *("MM1 sent", "MM2 received", "MM3 sent", "MM4 received", "MM5 sent", "MM6 received"),
            *("QM1 sent", "QM2 received", "QM3 sent"),
        ]

    meet(scenario)


def test_esp_goes_to_the_data_plane_and_silence_behind_a_nat_is_broken_by_keepalives(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", None)
        (sa,) = us.gateway.engine.sas.values()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(60)
            encapsulated = UdpPath("127.0.0.1", us.endpoint.encapsulation_port, *peer.getsockname())
            peer.sendto(b"\0\0\x10\0an ESP packet", encapsulated[:2])
            async with asyncio.timeout(60):
                while not us.plane.received:
                    await asyncio.sleep(0)
            assert us.plane.received == [b"\0\0\x10\0an ESP packet"]
            behind = Nat(NatTraversalVersion.RFC_3947, local_behind=True)
            us.gateway.apply([Keep(replace(sa, path=encapsulated, nat=behind))])
            assert [await asyncio.to_thread(peer.recv, 10) for _ in range(2)] == [b"\xff"] * 2

    meet(scenario, settings=lambda s: replace(s, nat_keepalive=0.05))
