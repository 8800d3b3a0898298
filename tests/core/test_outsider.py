"""What an outsider does: who sees every datagram and sends what he likes, but has no key, and neither drops nor delays.

No datagram of his changes anything that established peers see. The same conversation is held in two worlds, and he
listens in the one. Each datagram of his leaves the ISAKMP SAs and pairs of its receiver as they were; one that he
copied and that arrives before its original has the effect of the original, and leads nobody to where he is. After a
quiet minute both worlds are alike.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as thoroughness
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from configured import ALICE, BOB
from ikev1.core.exchanges.informational import clear_notify
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_chain
from ikev1.wire.payloads import Delete
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId
from playbook import Couple, Datagram, Network, Peer, end
from two_worlds import PROOFS, Kind, Snapshot, World, paths_of, snapshot, snapshot_after

MALLORY = "203.0.113.66"
PHASE_1 = (ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE)
EXCHANGES = (*PHASE_1, ExchangeType.INFORMATIONAL, ExchangeType.QUICK_MODE, ExchangeType.NEW_GROUP_MODE, 6, 99)
NOTIFIES = (
    NotifyType.NO_PROPOSAL_CHOSEN,
    NotifyType.INVALID_COOKIE,
    NotifyType.INVALID_SPI,
    NotifyType.AUTHENTICATION_FAILED,
    NotifyType.INITIAL_CONTACT,
    NotifyType.R_U_THERE,
    NotifyType.R_U_THERE_ACK,
    NotifyType.RESPONDER_LIFETIME,
)
QUIET = 60.0  # seconds
YESTERDAY = 86_400.0
AM2_AT_MOST = 2.0  # octets for each of message 1

Change = Callable[[bytes], bytes]
Wish = Callable[[World, Peer], None]


# --- what he makes of what he saw -----------------------------------------------------------------------------------


def put(octets: bytes, place: int, value: bytes) -> bytes:
    return octets[:place] + value + octets[place + len(value) :]


def flip(place: float, bits: int) -> Change:
    """Another octet somewhere."""

    def change(octets: bytes) -> bytes:
        at = int(place * (len(octets) - 1))
        return put(octets, at, bytes([octets[at] ^ bits]))

    return change


def cut(share: float) -> Change:
    """Less of it, and the length in the header says so."""
    return lambda octets: with_length(octets[: HEADER_SIZE + int(share * (len(octets) - HEADER_SIZE))])


def extend(more: bytes) -> Change:
    """More of it, and the length in the header says so."""
    return lambda octets: with_length(octets + more)


def with_length(octets: bytes) -> bytes:
    return put(octets, 24, len(octets).to_bytes(4))


def header_field(place: int, value: bytes) -> Change:
    """Another next payload, version, exchange type, flags, message ID or cookie."""
    return lambda octets: put(octets, place, value)


changes = st.one_of(
    st.builds(flip, st.floats(0, 1), st.integers(1, 255)),
    st.builds(cut, st.floats(0, 1)),
    st.builds(extend, st.binary(min_size=1, max_size=64)),
    st.builds(header_field, st.just(16), st.integers(0, 33).map(lambda kind: bytes([kind]))),
    st.builds(header_field, st.just(18), st.sampled_from(EXCHANGES).map(lambda kind: bytes([kind]))),
    st.builds(header_field, st.just(19), st.integers(0, 7).map(lambda flags: bytes([flags]))),
    st.builds(header_field, st.just(20), st.integers(0, 3).map(lambda number: number.to_bytes(4))),
    st.builds(header_field, st.just(8), st.just(bytes(8))),
)
numbers = st.integers(0, 1000)
peers = st.sampled_from(["alice", "bob"])
sources = st.sampled_from(["mallory", "his", "own"])
ports = st.sampled_from([500, 4500])
source_ports = st.sampled_from([500, 4500, 666])


WISHES: list[Wish] = [
    World.calls,
    World.calls_for_ike,
    World.renews_pair,
    World.renews_ike,
    World.closes_pair,
    World.closes_ike,
]


class Outsider(RuleBasedStateMachine):
    """Two peers in two worlds, and whoever listens in one of them."""

    mode: Mode = Mode.MAIN
    has_twin = True  # whether there is an undisturbed world to compare with

    @initialize(
        proof=st.sampled_from(PROOFS),
        hidden=st.sampled_from([(), ("alice",), ("bob",), ("alice", "bob")]),
        transport=st.booleans(),
        up=st.booleans(),
    )
    def begin(self, proof: str, hidden: tuple[str, ...], transport: bool, up: bool) -> None:
        kind = Kind(self.mode, proof, hidden, transport)
        self.quiet, self.noisy = World(kind), World(kind)
        self.network = self.noisy.network
        self.worlds = (self.quiet, self.noisy) if self.has_twin else (self.noisy,)
        self.crossed = False  # whether the peers ever wished something at once
        self.lost: list[Datagram] = []
        link, self.network.link = self.network.link, lambda datagram: self.passes(link(datagram))
        self.counted = 0  # datagrams of the network
        self.taken: Counter[str] = Counter()  # what Mallory's address sent: octets by exchange, datagrams
        self.given: Counter[str] = Counter()  # what it got: octets by kind
        self.asked = 0  # how often it gave reason to ask whether the peer is there now
        if up:
            self.wish(World.calls, "alice")
            self.rest(1.0)

    # --- what the peers do

    @precondition(lambda self: not self.network.flying)
    @rule(wish=st.sampled_from([*WISHES, World.loses_its_ports]), who=peers)
    def wish(self, wish: Wish, who: str) -> None:
        """A peer wants something, in both worlds."""
        for world in self.worlds:
            wish(world, world.network.peers[who])
        self.quiet.network.settle()

    @precondition(lambda self: not self.network.flying)
    @rule(one=st.sampled_from(WISHES), other=st.sampled_from(WISHES))
    def wish_at_once(self, one: Wish, other: Wish) -> None:
        """Both want something at the same time."""
        self.crossed = True
        for world in self.worlds:
            one(world, world.alice)
            other(world, world.bob)
        self.quiet.network.settle()

    @precondition(lambda self: self.network.flying)
    @rule(number=st.integers(1, 4))
    def deliver(self, number: int) -> None:
        """What the peers sent arrives."""
        for _ in range(min(number, len(self.network.flying))):
            flying = self.network.flying.popleft()
            if self.is_early(flying):
                self.lost.append(flying)  # a copy of it may be the first that is taken
            self.network.deliver(flying)

    @rule(seconds=st.sampled_from([0.5, 5.0, 35.0, YESTERDAY]))
    def rest(self, seconds: float) -> None:
        """Time passes, and then a quiet minute with some traffic; both worlds are alike after that."""
        for world in self.worlds:
            world.network.run(seconds)
            world.carries_traffic()
            world.network.run(QUIET)
            world.carries_traffic()
            world.network.run(1.0)
        if not self.has_twin:
            return
        assert self.quiet.agrees()
        assert self.noisy.agrees()
        # what was wished at once may have happened in another order where a copy was faster
        look = World.outline if self.crossed else World.portrait
        assert look(self.noisy) == look(self.quiet)

    # --- what the outsider does

    @precondition(lambda self: self.network.flying)
    @rule(which=numbers, source=sources, port=ports, source_port=source_ports)
    def copies_first(self, which: int, source: str, port: int, source_port: int) -> None:
        """His copy of what is under way is faster than the original."""
        flying = self.network.flying[which % len(self.network.flying)]
        target = self.network.receiver(flying)
        if target is not None:
            self.injects(target.name, flying.octets, source, port, source_port)

    @rule(which=numbers, to=peers, port=ports, source_port=source_ports)
    def copies_a_packet_first(self, which: int, to: str, port: int, source_port: int) -> None:
        """His copy of an ESP packet is faster than the original, and is taken in its place."""
        target = self.network.peers[to]
        if target.inbound:
            self.asked += 1
            spi, places = sorted(target.inbound)[which % len(target.inbound)], paths_of(target)
            self.noisy.arrives(target, spi, UdpPath(target.address, port, MALLORY, source_port))
            assert paths_of(target) == places

    @precondition(lambda self: self.network.sent)
    @rule(which=numbers, to=peers, source=sources, port=ports, source_port=source_ports)
    def copies(self, which: int, to: str, source: str, port: int, source_port: int) -> None:
        """He repeats what was sent before, to whom it was for or to its sender."""
        self.injects(to, self.sent(which).octets, source, port, source_port)

    @precondition(lambda self: self.network.sent)
    @rule(which=numbers, to=peers, change=changes, source=sources, port=ports, source_port=source_ports)
    def changes(self, which: int, to: str, change: Change, source: str, port: int, source_port: int) -> None:
        """He repeats it with a change of his own."""
        self.injects(to, change(self.sent(which).octets), source, port, source_port)

    @precondition(lambda self: self.network.sent)
    @rule(
        which=numbers,
        to=peers,
        kind=st.sampled_from(NOTIFIES),
        cookies=st.booleans(),
        source=sources,
        port=ports,
        source_port=source_ports,
    )
    def notifies(
        self, which: int, to: str, kind: NotifyType, cookies: bool, source: str, port: int, source_port: int
    ) -> None:
        """He reports a trouble in the clear, under cookies that he saw."""
        header = Header.parse(self.sent(which).octets)
        octets = clear_notify(header.CKY_I, header.CKY_R if cookies else bytes(8), kind, which)
        self.injects(to, octets, source, port, source_port)

    @precondition(lambda self: self.network.sent)
    @rule(which=numbers, to=peers, pair=st.booleans(), source=sources, port=ports, source_port=source_ports)
    def deletes(self, which: int, to: str, pair: bool, source: str, port: int, source_port: int) -> None:
        """He deletes in the clear an ISAKMP SA, or pairs whose SPIs he saw."""
        header = Header.parse(self.sent(which).octets)
        spis = tuple(child.outbound.spi.to_bytes(4) for child in self.network.peers[to].children)
        payload = (
            Delete(DOI.IPSEC, ProtocolId.ESP, spis)
            if pair
            else Delete(DOI.IPSEC, ProtocolId.ISAKMP, (header.CKY_I + header.CKY_R,))
        )
        first, chain = build_chain([payload])
        told = Header(header.CKY_I, header.CKY_R, first, ExchangeType.INFORMATIONAL, 0, which, HEADER_SIZE + len(chain))
        self.injects(to, told.build() + chain, source, port, source_port)

    @precondition(lambda self: self.network.sent)
    @rule(
        which=numbers,
        to=peers,
        exchange=st.sampled_from(EXCHANGES),
        flags=st.integers(0, 3),
        message_id=st.integers(0, 3) | st.none(),
        body=st.binary(max_size=96),
        source=sources,
        port=ports,
        source_port=source_ports,
    )
    def babbles(
        self,
        which: int,
        to: str,
        exchange: int,
        flags: int,
        message_id: int | None,
        body: bytes,
        source: str,
        port: int,
        source_port: int,
    ) -> None:
        """He sends junk under cookies, and perhaps a message ID, that he saw."""
        seen = Header.parse(self.sent(which).octets)
        number = seen.message_id if message_id is None else message_id
        header = Header(seen.CKY_I, seen.CKY_R, 8, exchange, flags, number, HEADER_SIZE + len(body))
        self.injects(to, header.build() + body, source, port, source_port)

    @precondition(lambda self: self.network.sent)
    @rule(
        first=numbers, which=numbers, to=peers, both=st.booleans(), source=sources, port=ports, source_port=source_ports
    )
    def calls(self, first: int, which: int, to: str, both: bool, source: str, port: int, source_port: int) -> None:
        """He calls with somebody else's first message, under cookies that he saw."""
        calls = [sent.octets for sent in self.network.sent if sent.label in ("MM1", "AM1")]
        cookies = self.sent(which).octets[: 16 if both else 8]
        if calls:
            self.injects(to, put(calls[first % len(calls)], 0, cookies), source, port, source_port)

    @rule(to=peers, octets=st.binary(max_size=64), source=sources, port=ports, source_port=source_ports)
    def sends_junk(self, to: str, octets: bytes, source: str, port: int, source_port: int) -> None:
        """He sends anything."""
        self.injects(to, octets, source, port, source_port)

    # --- how he does it

    def passes(self, datagrams: list[Datagram]) -> list[Datagram]:
        """Notes what a NAT box does not let through, and what is to be answered where Mallory is, or at the address of
        the sender itself: a copy of that is the first that arrives.
        """
        for datagram in datagrams:
            sender, (host, port) = self.network.peers[datagram.sender], datagram.destination
            receiver = self.noisy.other(sender)
            elsewhere = (MALLORY, sender.address, self.noisy.hosts[sender.name])
            if host in elsewhere or host == self.noisy.hosts[receiver.name] != receiver.address:
                self.lost.append(datagram._replace(destination=(receiver.address, port)))
        return datagrams

    def sent(self, which: int) -> Datagram:
        """One of the datagrams so far, the newest first."""
        return self.network.sent[-1 - which % len(self.network.sent)]

    def path(self, target: Peer, source: str, port: int, source_port: int) -> UdpPath:
        """The path by which a datagram of his comes."""
        hosts = {
            "mallory": MALLORY,
            "his": self.noisy.hosts[self.noisy.other(target).name],
            "own": self.noisy.hosts[target.name],
        }
        return UdpPath(target.address, port, hosts[source], source_port)

    def sends(self, target: Peer, octets: bytes, path: UdpPath) -> None:
        if path.remote_host == MALLORY:
            self.taken[exchange_of(octets)] += len(octets)
            self.taken["datagrams"] += 1
        target.takes(octets, path)

    def injects(self, to: str, octets: bytes, source: str, port: int, source_port: int) -> None:
        """A datagram of his arrives, and changes nothing.

        If it is a copy of what is under way, altered perhaps where nothing vouches for it, then it may have the effect
        of the original, except that it leads nobody elsewhere.
        """
        target = self.network.peers[to]
        path = self.path(target, source, port, source_port)
        originals = [flying for flying in (*self.network.flying, *self.lost) if self.may_be(target, octets, flying)]
        if self.spoils_phase_1(octets) and all(octets != original.octets for original in originals):
            return
        if any(self.is_excused(original, path) for original in originals):
            return
        before, places = snapshot(target), paths_of(target)
        effects = [snapshot_after(target, original) for original in originals]
        self.asked += bool(effects) and path.remote_host == MALLORY
        self.sends(target, octets, path)
        after = snapshot(target)
        changed = self.harmless(after).differences(self.harmless(before))
        if changed and self.has_the_peer_asked(octets, path):
            changed = self.harmless(after).unasked().differences(self.harmless(before).unasked())
        if changed and effects:
            changed = min((after.wherever().differences(effect.wherever()) for effect in effects), key=len)
        assert changed == []
        assert after.paths() <= places.union(*(effect.paths() for effect in effects))

    def may_be(self, target: Peer, octets: bytes, flying: Datagram) -> bool:
        """Whether it is for the exchange in which ``flying`` is under way to the same peer."""
        same = octets[:16] == flying.octets[:16] and octets[20:24] == flying.octets[20:24]
        return same and self.network.receiver(flying) is target

    def is_early(self, flying: Datagram) -> bool:
        """Whether it is a message of phase 2 for a peer that has not done with phase 1, and does not take it yet."""
        target = self.network.receiver(flying)
        sa = None if target is None else target.engine.sas.get(flying.octets[:16])
        return flying.octets[20:24] != bytes(4) and (sa is None or sa.state is IkeState.CONNECTING)

    def has_the_peer_asked(self, octets: bytes, path: UdpPath) -> bool:
        """Whether it is an error in the clear and comes from the peer's address, or seems to: the peer is asked whether
        it is alive, and nothing else follows.
        """
        errors = (NotifyType.INVALID_COOKIE, NotifyType.INVALID_SPI)
        clear = len(octets) > HEADER_SIZE and octets[18] == ExchangeType.INFORMATIONAL and not octets[19] & 1
        named = any(int(kind).to_bytes(2) in octets[HEADER_SIZE:] for kind in errors)
        return clear and named and path.remote_host != MALLORY

    def is_excused(self, original: Datagram, path: UdpPath) -> bool:
        """Whether a copy of ``original`` that comes by ``path`` may have another effect."""
        return self.makes_believe_in_a_nat(original, path) or self.overtakes_a_delete(original)

    def harmless(self, seen: Snapshot) -> Snapshot:
        """What he must not change: all but what junk leaves of a phase 1 under way, which no key vouches for."""
        return seen.without_complaints()

    # --- what cannot be mended

    def spoils_phase_1(self, octets: bytes) -> bool:
        """Whether it is about a phase 1 under way, most of which no key proves: whoever is on the way can spoil it."""
        calling = {
            sa.CKY_I
            for peer in self.noisy.peers
            for sa in peer.engine.sas.values()
            if sa.state is IkeState.CONNECTING and sa.role is Role.INITIATOR
        }
        return octets[:8] in calling and len(octets) > 18 and octets[18] in PHASE_1

    def makes_believe_in_a_nat(self, flying: Datagram, path: UdpPath) -> bool:
        """Whether it comes from the peer's address but another port, and where a NAT may give a peer any port: there
        whoever is faster in the peer's name is the peer (RFC 3947 §3.2, §7), until its next message.
        """
        true = UdpPath(*flying.destination, *flying.source)
        return path.remote_host == true.remote_host and path != true

    # --- what is not mended yet

    def overtakes_a_delete(self, flying: Datagram) -> bool:
        """Whether it deletes the ISAKMP SA before the Deletes of its pairs arrive, which nobody takes any more then:
        the receiver keeps pairs that its peer has not, until they expire.
        """
        flights = list(self.network.flying)
        ahead = flights[: flights.index(flying)] if flying in flights else []
        return "D(ISAKMP)" in flying.label and any("D(ESP)" in other.label for other in ahead)

    # --- what he gets

    @invariant()
    def gets_little(self) -> None:
        """What goes to where the outsider says that he is does not exceed by much what came from there."""
        new, self.counted = self.network.sent[self.counted :], len(self.network.sent)
        for sent in new:
            if sent.destination[0] == MALLORY:
                kind = sent.label if sent.label in ("INFO N(R_U_THERE)", "MM2", "AM2") else "notify"
                self.given[kind] += len(sent.octets)
        assert self.given["MM2"] <= 1.2 * self.taken["IDENTITY_PROTECTION"]
        assert self.given["AM2"] <= AM2_AT_MOST * self.taken["AGGRESSIVE"]
        assert self.given["notify"] <= 40 * self.taken["datagrams"]
        assert self.given["INFO N(R_U_THERE)"] <= 4 * 108 * self.asked


class ManOnTheWay(Outsider):
    """An outsider who can also drop and delay what he sees, and spoil a phase 1 under way."""

    has_twin = False

    @precondition(lambda self: self.network.flying)
    @rule(which=numbers)
    def drops(self, which: int) -> None:
        """A datagram is lost."""
        self.network.flying.rotate(-(which % len(self.network.flying)))
        self.lost.append(self.network.flying.popleft())

    @precondition(lambda self: self.network.flying)
    @rule(by=numbers, seconds=st.sampled_from([0.0, 0.2, 3.0, 20.0]))
    def delays(self, by: int, seconds: float) -> None:
        """Datagrams arrive in another order, or late."""
        self.network.flying.rotate(by)
        self.network.wait(seconds)

    def spoils_phase_1(self, octets: bytes) -> bool:
        """He may, but what a peer itself sent is a proof, and may be taken after all."""
        return super().spoils_phase_1(octets) and any(octets == sent.octets for sent in self.network.sent)


def exchange_of(octets: bytes) -> str:
    return ExchangeType(octets[18]).name if len(octets) >= HEADER_SIZE else "none"


def thoroughly() -> thoroughness:
    """``OUTSIDER_EXAMPLES`` conversations at random, the shortest of those that fail; without that a few, always the
    same.
    """
    wanted = os.environ.get("OUTSIDER_EXAMPLES")
    return thoroughness(
        max_examples=int(wanted or 40),
        stateful_step_count=60 if wanted else 30,
        derandomize=wanted is None,
        phases=(Phase.generate, Phase.shrink) if wanted else (Phase.generate,),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("who", [Outsider, ManOnTheWay])
@pytest.mark.parametrize("mode", list(Mode))
def test_an_outsider_changes_nothing_that_established_peers_see(mode: Mode, who: type[Outsider]) -> None:
    machine = type(who.__name__, (who,), {"mode": mode})
    run_state_machine_as_test(machine, settings=thoroughly())


# --- what it found --------------------------------------------------------------------------------------------------


def test_a_copy_of_an_old_call_does_not_keep_us_from_calling(network: Network, couple: Couple) -> None:
    """It leaves a half-open caller that never goes on, and for which nothing of ours waits."""
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE}, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    old_call = network.flying[0]
    network.settle()
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    bob.takes(old_call.octets, UdpPath(BOB, 500, ALICE, 666))
    assert bob.sa.state is IkeState.CONNECTING
    bob.calls()
    network.run(60)
    assert len(bob.children) == 1
    assert alice.carries.inbound == bob.carries.outbound


def test_a_copy_of_an_old_call_does_not_keep_us_from_renewing_a_pair(network: Network, couple: Couple) -> None:
    """Its ISAKMP SA has ended, so the peer is to be called first."""
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE}, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    old_call = network.flying[0]
    network.settle()
    alice.does(lambda engine: end(engine, alice.sa, "lifetime expired", network.now))
    bob.does(lambda engine: end(engine, bob.sa, "lifetime expired", network.now))
    bob.takes(old_call.octets, UdpPath(BOB, 500, ALICE, 666))
    bob.does(lambda engine: engine.rekey_child(bob.children[0].unique_id, network.now))
    network.run(1)
    assert [sa.role for sa in bob.engine.sas.values() if sa.is_up] == [Role.INITIATOR]
