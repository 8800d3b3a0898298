"""Host names of peers: when they are looked up, and what becomes of the answers. The clock is simulated."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Awaitable, Callable, Mapping

from ikev1.core.records.events import Code
from ikev1.core.records.settings import Connection, Settings
from ikev1.daemon.net.host_names import HostNames, SystemLookUp
from ikev1.daemon.observe.event_log import EventLog, Level, Line

A, B, SIX = "198.51.100.7", "203.0.113.9", "2001:db8::7"


def settings(*remotes: str, dns_interval: float = 60.0) -> Settings:
    first, *others = remotes
    branch = Connection("branch", (), (), remote_address=first, further_remote_addresses=tuple(others))
    return Settings(connections=(branch,), dns_interval=dns_interval)


class Resolver:
    """Names in a world without a network."""

    def __init__(self) -> None:
        self.now = 0.0
        self.zone: dict[str, tuple[str, ...]] = {}
        self.asked: list[str] = []
        self.told: list[Mapping[str, tuple[str, ...]]] = []
        self.lines: list[Line] = []
        log = EventLog()
        log.attach(Level.DEBUG, self.lines.append)
        self.names = HostNames(self.look_up, self.told.append, log, lambda: self.now)

    async def look_up(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        await asyncio.sleep(0)
        if name not in self.zone:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.zone[name]

    async def settles(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def play(scenario: Callable[[Resolver], Awaitable[None]]) -> None:
    async def life() -> None:
        resolver = Resolver()
        await scenario(resolver)
        await resolver.names.close()

    asyncio.run(life())


def test_names_are_looked_up_at_once_and_at_their_interval() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.zone = {"vpn.example.org": (A, SIX)}
        resolver.names.adopt(settings("vpn.example.org", B, "%any"))
        await resolver.settles()
        assert resolver.told == [{"vpn.example.org": (A, SIX)}]
        assert resolver.names.deadline == 60.0
        resolver.names.due(59.0)
        assert resolver.asked == ["vpn.example.org"]
        resolver.now, resolver.zone = 60.0, {"vpn.example.org": (B,)}
        resolver.names.due(60.0)
        await resolver.settles()
        assert resolver.told[1:] == [{"vpn.example.org": (B,)}]
        assert resolver.names.deadline == 120.0

    play(scenario)


def test_without_names_nothing_is_due() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.names.adopt(settings(A, "198.51.100.0/24"))
        resolver.names.hint()
        await resolver.settles()
        assert (resolver.asked, resolver.names.deadline) == ([], math.inf)

    play(scenario)


def test_an_old_answer_outlives_a_failure_which_is_told_once() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.zone = {"vpn.example.org": (A,)}
        resolver.names.adopt(settings("vpn.example.org"))
        await resolver.settles()
        resolver.zone.clear()
        for now in (60.0, 120.0, 180.0):
            resolver.now = now
            resolver.names.due(now)
            await resolver.settles()
        assert resolver.told == [{"vpn.example.org": (A,)}]
        assert [line.code for line in resolver.lines if line.code] == [Code.NAME_NOT_RESOLVED]
        assert len(resolver.asked) == 4

    play(scenario)


def test_callers_with_unknown_addresses_cause_few_look_ups() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.names.adopt(settings("vpn.example.org"))
        await resolver.settles()
        for now in (1.0, 2.0, 10.9, 11.0, 20.0):
            resolver.now = now
            resolver.names.hint()
            await resolver.settles()
        assert len(resolver.asked) == 3

    play(scenario)


def test_several_calls_share_a_look_up() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.zone = {"vpn.example.org": (A,)}
        resolver.names.adopt(settings("vpn.example.org"))
        await asyncio.gather(*(resolver.names.refresh(["vpn.example.org"]) for _ in range(9)))
        assert resolver.asked == ["vpn.example.org"]
        await resolver.names.refresh(["vpn.example.org", "other.example.org"])
        assert resolver.asked == ["vpn.example.org"] * 2

    play(scenario)


def test_names_that_are_no_longer_configured_are_forgotten() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.zone = {"vpn.example.org": (A,), "b.example.org": (B,)}
        resolver.names.adopt(settings("vpn.example.org", "b.example.org"))
        await resolver.settles()
        resolver.names.adopt(settings("b.example.org"))
        assert resolver.told[-1] == {"b.example.org": (B,)}

    play(scenario)


def test_addresses_that_cannot_be_a_peers_are_left_out() -> None:
    async def scenario(resolver: Resolver) -> None:
        resolver.zone = {"vpn.example.org": ("0.0.0.0", "224.0.0.1", "::", A, *(f"192.0.2.{n}" for n in range(99)))}
        resolver.names.adopt(settings("vpn.example.org"))
        await resolver.settles()
        (found,) = resolver.told[-1].values()
        assert (found[0], len(found)) == (A, 16)

    play(scenario)


def test_the_system_knows_the_loopback_addresses() -> None:
    assert set(asyncio.run(SystemLookUp()("localhost"))) & {"127.0.0.1", "::1"}
