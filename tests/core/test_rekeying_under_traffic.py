"""Rekeying while packets flow: none is lost on a clean link, whoever rekeys, and whichever way the packets go."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from esp_packets import udp
from ikev1.core.engine import Engine, without_data_plane
from ikev1.core.records.actions import Action, InstallInbound, InstallOutbound, Remove, Send
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.esp.inner import parse
from ikev1.esp.outbound_policies import OutboundPolicies
from ikev1.esp.plane import PeerSends, PlaneEvent
from ikev1.esp.sa_pair import SaPair
from ikev1.testing import Randomness

LATENCY = 0.02  # seconds, each way
REKEYS = 1000


class End:
    """An engine with the pairs and policies of the userspace data plane, which are its own; time is the test's."""

    def __init__(self, world: World, address: str, configured: Settings) -> None:
        self.world, self.address = world, address
        self.random = Randomness(address)
        self.engine = Engine(configured, self.random)
        self.pairs: dict[int, SaPair] = {}
        self.policies = OutboundPolicies()
        self.received: list[bytes] = []

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        now = self.world.now
        for action in without_data_plane(self.engine, wish(self.engine), self.random, now):
            match action:
                case Send(path, octets):
                    self.world.send(path, octets, esp=False)
                case InstallInbound(_, child):
                    self.pairs[child.inbound.spi] = SaPair(child, 1400, os.urandom, self._listen)
                    self.pairs[child.inbound.spi].receives = True
                case InstallOutbound(_, child):
                    self.pairs[child.inbound.spi].sends = True
                    self.policies.add_pair(self.pairs[child.inbound.spi])
                case Remove(child):
                    pair = self.pairs.pop(child.inbound.spi)
                    if pair.sends:
                        self.policies.remove_pair(pair)

    def _listen(self, event: PlaneEvent) -> None:
        if isinstance(event, PeerSends):
            self.world.later.append((self, event.child.inbound.spi))

    def says(self, packet: bytes) -> None:
        pair = self.policies.find(parse(packet)[0])
        assert isinstance(pair, SaPair), "no pair sends"
        for sealed in pair.seal([packet], self.world.now):
            self.world.send(pair.child.path, sealed, esp=True)

    def takes(self, octets: bytes, path: UdpPath, *, esp: bool) -> None:
        if not esp:
            self.does(lambda engine: engine.receive(octets, path, self.world.now))
            return
        pair = self.pairs.get(int.from_bytes(octets[:4]))
        self.received += pair.open([octets], path, self.world.now) if pair is not None else []

    @property
    def number(self) -> int:
        """The number of the pair that sends."""
        return next(
            child.unique_id
            for sa in self.engine.sas.values()
            for child in reversed(sa.children)
            if child.state is ChildState.INSTALLED
        )


class World:
    """Two ends, a clock, and a link on which everything takes the same time."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        lives: dict[str, Any] = {"policies": (policy("aes128-sha256-ecp256", lifetime=30 * 86_400),)}
        ours, theirs = tunnel(lifetime=86_400), tunnel(mirrored=True, lifetime=86_400)
        self.alice = End(self, ALICE, settings(connection(ALICE, BOB, ours, **lives)))
        self.bob = End(self, BOB, settings(connection(BOB, ALICE, theirs, **lives)))
        self.later: list[tuple[End, int]] = []
        self._flying: list[tuple[float, UdpPath, bytes, bool]] = []

    def send(self, path: UdpPath, octets: bytes, *, esp: bool) -> None:
        self._flying.append((self.now + LATENCY, path, octets, esp))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            timer = min(self.alice.engine.deadline(), self.bob.engine.deadline())
            arrival = self._flying[0][0] if self._flying else end + 1
            if min(timer, arrival) > end:
                break
            self.now = max(self.now, min(timer, arrival))
            if arrival <= timer:
                _, path, octets, esp = self._flying.pop(0)
                receiver = self.alice if path.remote_host == ALICE else self.bob
                back = UdpPath(path.remote_host, path.remote_port, path.local_host, path.local_port)
                receiver.takes(octets, back, esp=esp)
            else:
                for each in (self.alice, self.bob):
                    each.does(lambda engine: engine.expire(self.now))
            while self.later:
                each, spi = self.later.pop()
                each.does(lambda engine, spi=spi: engine.peer_sends(spi, self.now))  # type: ignore[misc]
        self.now = end


@pytest.mark.parametrize("rekeys", ["the initiator", "the responder"])
@pytest.mark.parametrize("traffic", ["both ways", "one way", "the other way"])
def test_no_packet_is_lost_on_a_clean_link(rekeys: str, traffic: str) -> None:
    world = World()
    world.alice.does(lambda engine: engine.initiate("peer", "net", UdpPath(ALICE, 500, BOB, 500), world.now))
    world.run(1)
    there = [world.alice] * (traffic != "the other way") + [world.bob] * (traffic != "one way")
    sent = {id(end): 0 for end in (world.alice, world.bob)}
    rekeying = world.alice if rekeys == "the initiator" else world.bob
    pause = 0.05 if traffic == "both ways" else 1.5  # while nothing comes back, a pair switches seconds later
    for _ in range(REKEYS if traffic == "both ways" else REKEYS // 5):
        number = rekeying.number
        rekeying.does(lambda engine, number=number: engine.rekey_child(number, world.now))  # type: ignore[misc]
        for _ in range(5):
            for end in there:
                networks = ("10.1.0.1", "10.2.0.1") if end is world.alice else ("10.2.0.1", "10.1.0.1")
                end.says(udp(*networks))
                sent[id(end)] += 1
            world.run(pause)
    world.run(60)
    assert len(world.bob.received) == sent[id(world.alice)]
    assert len(world.alice.received) == sent[id(world.bob)]
    for end in (world.alice, world.bob):
        assert [len(sa.children) for sa in end.engine.sas.values()] == [1]
        assert len(end.pairs) == 1
    assert rekeying.number > (REKEYS if traffic == "both ways" else REKEYS // 5)
