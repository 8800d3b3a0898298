"""Tunnels that come up by themselves: when they are tried, and when no longer. The clock is simulated."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecKeys, IpsecSuite
from ikev1.core.records.events import ChildDown, ChildUp, Code, Failure
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Xauth, XauthStep
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.back_off import BackOff
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.traps import Traps

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

NETWORK = Selector.parse("10.1.0.0/16")
PATH = UdpPath("192.0.2.1", 500, "198.51.100.7", 500)
SA = IkeSa(7, "branch", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, created_at=0.0)


def settings(*tunnels: Tunnel, keyingtries: int = 0) -> Settings:
    branch = Connection("branch", (), tunnels, b"secret", keyingtries=keyingtries)
    return Settings(connections=(branch,), retry_initiate_jitter=0.0)


def tunnel(name: str, start: Start, remote: Selector = NETWORK) -> Tunnel:
    return Tunnel(name, NETWORK, remote, (), start=start)


def pair(name: str, state: ChildState = ChildState.INSTALLED) -> ChildSa:
    keys = IpsecKeys(1, b"", b"")
    suite = IpsecSuite(12, 128, 5)
    return ChildSa(1, name, "branch", suite, keys, keys, NETWORK, NETWORK, PATH, False, True, 0.0, state=state)


class World:
    """What `Autostart` acts on: an initiation that fails so many times, a note of every attempt, and a clock."""

    def __init__(self, plane: type[CountingPlane], failures: int) -> None:
        self.plane = plane(lambda event: None, lambda path, packets: 0)
        self.now = 1000.0
        self.tries: list[tuple[float, str]] = []
        self.lines: list[Line] = []
        self.up: set[str] = set()
        self.failures = failures
        log = EventLog()
        log.attach(Level.DEBUG, self.lines.append)
        self.traps = Traps(self.plane, lambda name: (), log)
        self.autostart = Autostart(
            self.traps,
            self.initiate,
            lambda connection, name: name in self.up,
            log,
            clock=lambda: self.now,
            random=lambda octets: bytes(octets),
            changed=lambda: None,
        )

    async def initiate(self, connection: str, name: str) -> None:
        self.tries.append((self.now - 1000.0, f"{connection}/{name}"))
        await asyncio.sleep(0)
        if len(self.tries) <= self.failures:
            raise NotEstablished("nobody there")
        self.comes_up(name)

    def comes_up(self, name: str) -> None:
        self.up.add(name)
        self.autostart.observe(ChildUp(SA, pair(name)))

    def goes_down(self, name: str, state: ChildState = ChildState.INSTALLED) -> None:
        if state is ChildState.INSTALLED:
            self.up.discard(name)
        self.autostart.observe(ChildDown(SA, pair(name, state), "deleted by the peer"))

    async def passes(self, seconds: float) -> None:
        """Let so much time pass, with everything that happens meanwhile."""
        end = self.now + seconds
        while True:
            self.autostart.due(self.now)
            for _ in range(5):
                await asyncio.sleep(0)
            if self.autostart.deadline > end:
                break
            self.now = max(self.now, self.autostart.deadline)
        self.now = end

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.tries]


Live = Callable[..., None]


@pytest.fixture
def live(counting_plane: type[CountingPlane]) -> Live:
    def run(scenario: Callable[[World], Awaitable[None]], failures: int = 0) -> None:
        async def life() -> None:
            world = World(counting_plane, failures)
            await scenario(world)
            await world.autostart.close()
            assert world.autostart.deadline == math.inf

        asyncio.run(life())

    return run


def test_a_tunnel_that_fails_is_tried_again_ever_more_rarely_for_ever(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(2000)
        assert world.times == [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215, 1515, 1815]
        assert {line.code for line in world.lines} == {NotEstablished.code}

    live(scenario, 1000)


def test_the_waits_begin_anew_once_the_tunnel_was_up(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(100)
        assert world.times == [0, 5, 15]
        world.failures = 1000
        world.goes_down("net")
        await world.passes(20)
        assert world.times == [0, 5, 15, 100, 105, 115]

    live(scenario, 2)


def test_the_number_of_attempts_can_be_limited(live: Live) -> None:
    async def scenario(world: World) -> None:
        wanted = settings(tunnel("net", Start.START), keyingtries=3)
        world.autostart.adopt(wanted)
        await world.passes(10_000)
        assert world.times == [0, 5, 15]
        assert [line.level for line in world.lines] == [Level.WARNING, Level.WARNING, Level.ERROR]
        world.autostart.adopt(wanted)  # a reload
        await world.passes(1)
        assert len(world.tries) == 4

    live(scenario, 1000)


def test_a_peer_that_deletes_what_comes_up_is_backed_off_from(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        for wait in (0, 5, 10, 20, 40):
            await world.passes(0)
            world.goes_down("net")
            before = len(world.tries)
            if wait:
                await world.passes(wait - 0.5)
                assert len(world.tries) == before
                await world.passes(0.5)
        told = [line for line in world.lines if line.code == Code.TUNNEL_FLAPPING]
        assert len(told) == 4
        assert all(PATH.remote_host in line.text for line in told)
        await world.passes(3600)  # now it stays up
        world.goes_down("net")
        before = len(world.tries)
        await world.passes(0)
        assert len(world.tries) == before + 1

    live(scenario)


def test_a_pair_that_was_rekeyed_and_ends_begins_nothing(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(100)
        world.goes_down("net", ChildState.REKEYED)
        world.autostart.observe(ChildDown(SA, pair("net"), "one of two"))  # another one is up
        await world.passes(1000)
        assert len(world.tries) == 1

    live(scenario)


def test_what_is_no_longer_wanted_is_no_longer_tried(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("one", Start.START), tunnel("two", Start.START)))
        await world.passes(10)
        assert {name for _, name in world.tries} == {"branch/one", "branch/two"}
        world.autostart.adopt(settings(tunnel("two", Start.START), tunnel("one", Start.NONE)))
        tried = len(world.tries)
        await world.passes(1000)
        assert {name for _, name in world.tries[tried:]} == {"branch/two"}

    live(scenario, 1000)


def test_what_the_operator_closes_stays_closed_until_the_operator_wants_it_again(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(1)
        world.autostart.release("branch")
        world.goes_down("net")
        await world.passes(1000)
        assert len(world.tries) == 1
        world.comes_up("net")
        world.autostart.resume("branch", "net")
        await world.passes(100)
        assert len(world.tries) == 1
        world.goes_down("net")
        await world.passes(1)
        assert len(world.tries) == 2

    live(scenario)


def test_a_dead_peer_is_called_again_until_the_tunnel_is_up(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.NONE)))
        world.autostart.call_again("branch", "net")
        world.autostart.call_again("branch", "net")
        world.autostart.call_again("removed", "net")
        await world.passes(30)
        assert world.times == [0, 5, 15]
        world.goes_down("net")
        await world.passes(1000)
        assert len(world.tries) == 3

    live(scenario, 2)


def test_packets_begin_no_attempt_during_one_and_after_a_failed_one(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.TRAP)))
        for _ in range(3):
            world.autostart.acquire("branch", "net", "10.1.0.1 to 10.2.0.1")
        await world.passes(4)
        world.autostart.acquire("branch", "net", "10.1.0.1 to 10.2.0.1")
        await world.passes(2)
        assert world.times == [0]
        world.autostart.acquire("branch", "net", "10.1.0.1 to 10.2.0.1")
        await world.passes(0)
        assert world.times == [0, 6]
        await world.passes(1)
        world.goes_down("net")  # the next packet is served at once
        world.autostart.acquire("branch", "net", "10.1.0.1 to 10.2.0.1")
        await world.passes(0)
        assert world.times == [0, 6, 7]

    live(scenario, 1)


def test_traps_follow_the_settings(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("one", Start.TRAP), tunnel("two", Start.TRAP)))
        assert list(world.plane.traps) == [("branch", "one"), ("branch", "two")]
        other = Selector.parse("10.9.0.0/16")
        world.autostart.adopt(settings(tunnel("two", Start.TRAP, other), tunnel("one", Start.NONE)))
        assert [(trap.tunnel, trap.local, trap.remote) for trap in world.plane.traps.values()] == [
            ("two", NETWORK, other)
        ]
        assert world.tries == []

    live(scenario)


def test_a_trap_for_nobody_knows_what_is_told(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.TRAP, DYNAMIC)))
        assert world.plane.traps == {}
        assert [line.level for line in world.lines] == [Level.ERROR]

    live(scenario)


def test_a_trap_follows_the_addresses_of_a_name(counting_plane: type[CountingPlane]) -> None:
    plane, log = counting_plane(lambda event: None, lambda path, packets: 0), EventLog()
    lines: list[Line] = []
    log.attach(Level.DEBUG, lines.append)
    found: list[str] = []
    traps = Traps(plane, lambda name: tuple(found), log)
    named = Connection("branch", (), (net := tunnel("net", Start.TRAP),), remote_address="vpn.example.org")
    plane.trap_needs_host = True
    traps.adopt({("branch", "net"): (named, net)})
    assert plane.traps == {}
    assert lines == []  # not an error: it waits for the look-up
    for address in ("198.51.100.7", "198.51.100.8"):
        found[:] = [address]
        traps.follow_names()
        assert [trap.remote_host for trap in plane.traps.values()] == [address]
    traps.adopt({})
    found[:] = ["198.51.100.9"]
    traps.follow_names()
    assert plane.traps == {}
    plane.close()


@pytest.mark.parametrize("share", [0, 0xFFFF])
def test_waits_grow_up_to_their_limit_and_jitter_only_adds(share: int) -> None:
    rule = BackOff(interval=2.0, base=3.0, limit=50.0, jitter=0.5)
    waits = [rule.wait(failures, lambda octets: share.to_bytes(octets)) for failures in (1, 2, 3, 4, 10**6)]
    least = [2.0, 6.0, 18.0, 50.0, 50.0]
    assert all(low <= wait <= 1.5 * low for low, wait in zip(least, waits, strict=True))
    assert (waits == least) is (share == 0)
    assert rule._replace(base=1.0).wait(100, lambda octets: bytes(octets)) == 2.0
    assert BackOff.of(replace(settings(), retry_initiate_interval=7.0)) == BackOff(7.0, jitter=0.0)


def test_a_tunnel_that_waits_is_tried_at_once_when_there_is_a_reason(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(1)
        assert world.autostart.failing == {"branch"}
        world.autostart.retry("other")
        await world.passes(1)
        assert world.times == [0]
        world.autostart.retry("branch")
        await world.passes(1)
        assert world.times == [0, 2]

    live(scenario, 1000)


def test_a_reason_during_an_attempt_lets_the_next_follow_without_a_wait(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        world.autostart.due(world.now)
        await asyncio.sleep(0)
        world.autostart.retry("branch")
        await world.passes(1)
        assert world.times == [0, 0]

    live(scenario, 1000)


def test_no_more_tunnels_than_the_window_are_tried_at_once(live: Live) -> None:
    async def scenario(world: World) -> None:
        answer = asyncio.Event()

        async def initiate(connection: str, name: str) -> None:
            world.tries.append((0.0, name))
            await answer.wait()
            world.comes_up(name)

        world.autostart._initiate = initiate
        tunnels = [tunnel(f"net{number}", Start.START) for number in range(7)]
        world.autostart.adopt(replace(settings(*tunnels), initiation_window=3))
        await world.passes(1)
        assert len(world.tries) == 3
        answer.set()
        await world.passes(1)
        assert len(world.tries) == 7

    live(scenario)


REJECTED = Failure(
    Code.XAUTH_FAILED,
    "XAUTH: the gateway rejected the user name or the password",
    "198.51.100.7",
    replace(SA, xauth=Xauth(serves=False, step=XauthStep.REJECTED)),
)


def test_a_user_whom_the_gateway_rejects_is_not_tried_for_ever(live: Live) -> None:
    """Each attempt counts there, until the account is locked."""

    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START), tunnel("other", Start.TRAP)))
        await world.passes(1)
        world.autostart.observe(REJECTED)
        world.autostart.observe(REJECTED)
        await world.passes(100_000)
        world.autostart.acquire("branch", "other", "a packet")
        await world.passes(10)
        assert len(world.tries) == 1
        assert [line.code for line in world.lines if line.level == Level.ERROR] == [Code.XAUTH_FAILED]
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(1)
        assert len(world.tries) == 2, "a reload may have brought another password"

    live(scenario, failures=100)


def test_a_client_whom_we_reject_is_no_reason_to_stop(live: Live) -> None:
    of_server = replace(SA, xauth=Xauth(serves=True, step=XauthStep.REJECTED))

    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.passes(1)
        world.autostart.observe(REJECTED._replace(sa=of_server))
        await world.passes(100)
        assert len(world.tries) > 1

    live(scenario, failures=100)
