"""Initiating: from which port, to which of several addresses and names. The clock is simulated, the engine is real."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from configured import connection, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.daemon.initiation import Initiation
from ikev1.daemon.net.host_names import HostNames
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.pending_operations import NotEstablished, PendingOperations

US, A, B, C, SIX = "192.0.2.1", "198.51.100.7", "198.51.100.8", "203.0.113.9", "2001:db8::7"


class Caller:
    """A gateway without network: what it sends, and when; nobody answers but by `answers`."""

    def __init__(self, configured: Settings) -> None:
        self.now = 0.0
        self.zone: dict[str, tuple[str, ...]] = {}
        self.sent: list[tuple[float, UdpPath]] = []
        self.failures: list[Failure] = []
        self.engine = Engine(configured, os.urandom)
        self.operations = PendingOperations()
        self.names = HostNames(self.look_up, self.engine.name_addresses, EventLog(), lambda: self.now)
        self.initiation = Initiation(
            self.engine, self.names, self.operations, self.apply, lambda event: None, lambda: self.now, 500
        )

    async def look_up(self, name: str) -> tuple[str, ...]:
        return self.zone.get(name, ())

    def apply(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.sent.append((self.now, action.path))
            elif isinstance(action, Report):
                self.operations.observe(action.event)
                if isinstance(action.event, Failure):
                    self.failures.append(action.event)

    async def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            for _ in range(9):
                await asyncio.sleep(0)
            at = min(self.engine.deadline(), self.initiation.deadline)
            if at > end:
                break
            self.now = max(self.now, at)
            self.apply(self.engine.expire(self.now))
            self.initiation.due(self.now)
        self.now = end

    @property
    def hosts(self) -> list[str]:
        """The addresses that were called, each call once."""
        called = [path.remote_host for _, path in self.sent]
        return [host for place, host in enumerate(called) if not place or called[place - 1] != host]


def play(scenario: Callable[[Caller], Awaitable[None]], *remotes: str, **options: Any) -> None:
    first, *others = remotes
    change = options.pop("settings", {})
    branch = connection(US, first, tunnel(), name="branch", further_remote_addresses=tuple(others), **options)

    async def life() -> None:
        caller = Caller(settings(branch, **change))
        caller.names.adopt(caller.engine.settings)
        await scenario(caller)
        await caller.names.close()

    asyncio.run(life())


async def fails(caller: Caller, seconds: float) -> str:
    """The reason with which an initiation fails within so many seconds."""
    attempt = asyncio.ensure_future(caller.initiation.initiate("branch", "net"))
    await caller.passes(seconds)
    with pytest.raises(NotEstablished) as caught:
        await asyncio.wait_for(attempt, 0)
    return str(caught.value)


def test_several_addresses_are_called_in_turn_and_each_fails_by_itself() -> None:
    async def scenario(caller: Caller) -> None:
        reason = await fails(caller, 300)
        assert caller.hosts == [A, B, C]
        assert all(host in reason for host in (A, B, C))
        begins = [next(at for at, path in caller.sent if path.remote_host == host) for host in (A, B, C)]
        assert begins == [0.0, 15.0, 30.0]
        assert [failure.code for failure in caller.failures] == [Code.PEER_SILENT] * 3

    play(scenario, A, B, C, "203.0.113.0/28")


def test_the_next_call_begins_after_the_address_that_failed_last() -> None:
    async def scenario(caller: Caller) -> None:
        attempt = asyncio.ensure_future(caller.initiation.initiate("branch", "net"))
        await caller.passes(20)
        assert caller.hosts == [A, B]
        attempt.cancel()
        (sa,) = caller.engine.sas.values()
        caller.apply(caller.engine.close_ike(sa.unique_id, caller.now))
        caller.sent.clear()
        await fails(caller, 300)
        assert caller.hosts == [B, C, A]

    play(scenario, A, B, C)


def test_a_single_address_has_all_repetitions() -> None:
    async def scenario(caller: Caller) -> None:
        await fails(caller, 300)
        assert caller.hosts == [A]
        assert len(caller.sent) == 6
        assert caller.sent[-1][0] > 80

    play(scenario, A)


def test_two_who_want_the_same_share_the_calls() -> None:
    async def scenario(caller: Caller) -> None:
        reasons = asyncio.gather(
            *(caller.initiation.initiate("branch", name) for name in ("net", "net", None)), return_exceptions=True
        )
        await caller.passes(300)
        assert all(isinstance(each, NotEstablished) for each in await reasons)
        assert caller.hosts == [A, B]

    play(scenario, A, B)


def test_a_name_is_looked_up_at_each_call_in_both_ip_versions() -> None:
    async def scenario(caller: Caller) -> None:
        assert "vpn.example.org" in await fails(caller, 1)
        assert caller.sent == []
        caller.zone["vpn.example.org"] = (A, SIX)
        reason = await fails(caller, 300)
        assert caller.hosts == [A]  # our address is an IPv4 address
        assert SIX in reason
        caller.zone["vpn.example.org"] = (B,)
        await fails(caller, 300)
        assert caller.hosts == [A, B]

    play(scenario, "vpn.example.org")


def test_what_cannot_be_called_is_said() -> None:
    async def scenario(caller: Caller) -> None:
        assert "%any" in await fails(caller, 1)

    play(scenario, "%any")


@pytest.mark.parametrize(("port", "local"), [(500, 500), (4500, 4500), (1500, 500)])
def test_a_call_to_the_encapsulation_port_begins_on_it_at_both_ends(port: int, local: int) -> None:
    async def scenario(caller: Caller) -> None:
        await fails(caller, 300)
        assert {path for _, path in caller.sent} == {UdpPath(US, local, A, port)}

    play(scenario, A, remote_port=port)


def test_while_a_peer_is_silent_there_is_a_reason() -> None:
    async def scenario(caller: Caller) -> None:
        assert caller.engine.why_waiting("branch", "net") == ""
        attempt = asyncio.ensure_future(caller.initiation.initiate("branch", "net"))
        await caller.passes(30)
        assert "MM1" in caller.engine.why_waiting("branch", "net")
        attempt.cancel()

    play(scenario, A)
