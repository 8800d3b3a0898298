"""What a man in the middle without keys, or a peer with a proof of its own, tries against what belongs to others."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from dishonest import drop, resealed
from ikev1.core.exchanges.informational import delete_ike, notify
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.events import ChildDown, Code, IkeConfirmed, Note
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Unique
from ikev1.wire.header import Header
from ikev1.wire.payloads import VendorId
from ikev1.wire.registry import ExchangeType, Flags, NotifyType, PayloadType
from nat import NatBox
from playbook import Datagram, Network, Peer, establish, say

CAROL, ELSEWHERE = "198.51.100.33", "203.0.113.77"

# --- a call that is led astray --------------------------------------------------------------------------------------


class Redirected:
    """Alice calls carol, and a man in the middle leads that to bob: by default it seems to come from her own address.

    Alice refuses bob, which the man in the middle keeps to himself.
    """

    def __init__(self, network: Network, source: str = ALICE, *, known: bool = False, **of_bob: Any) -> None:
        names = {"local_id": "alice.example"}
        to_bob = connection(ALICE, BOB, tunnel(), name="bob", remote_id="bob.example", **names)
        to_carol = connection(ALICE, CAROL, tunnel(), name="carol", remote_id="carol.example", **names)
        options = {"local_id": "bob.example", "remote_id": "*.example"} | of_bob
        at_bob = connection(BOB, options.pop("remote", ALICE), tunnel(mirrored=True), **options)
        self.network, self.source = network, source
        self.alice = network.peer("alice", ALICE, settings(to_bob, to_carol, replace(to_bob, name="bob too")))
        self.bob = network.peer("bob", BOB, settings(at_bob))
        if known:
            self.alice.calls(connection="bob", host=BOB)
            network.settle()
        self.known = set(self.bob.engine.sas)
        network.link = self.leads_astray
        self.alice.calls("net", connection="carol", host=CAROL)
        network.settle()
        assert self.alice.failures == [Code.ID_MISMATCH]

    def leads_astray(self, datagram: Datagram) -> list[Datagram]:
        if datagram.octets[:16] in self.known:
            return [datagram]
        if datagram.sender == "bob":
            return [datagram._replace(source=(CAROL, datagram.source[1]), destination=(ALICE, datagram.destination[1]))]
        if datagram.destination[0] == BOB or datagram.label.startswith("INFO"):
            return []
        if datagram.label == "MM1" and self.source != ALICE:
            datagram = resealed(self.bob, datagram, drop(VendorId))  # else the two would look for a NAT
        return [datagram._replace(source=(self.source, datagram.source[1]), destination=(BOB, datagram.destination[1]))]

    def goes_away(self) -> None:
        """The man in the middle is content."""
        self.network.link = lambda datagram: [datagram]


def junk(cookies: bytes, message_id: int) -> bytes:
    """A Quick Mode by somebody without the keys."""
    header = Header(
        cookies[:8], cookies[8:], PayloadType.HASH, ExchangeType.QUICK_MODE, Flags.ENCRYPTION, message_id, 28 + 48
    )
    return header.build() + bytes(48)


def test_our_own_question_sent_back_confirms_nothing_whatever_junk_came_before(network: Network) -> None:
    """Each error notify of ours would take one place among the message IDs that are remembered."""
    there = Redirected(network, known=True)
    network.wait(5.5)
    question = next(datagram for datagram in network.sent if datagram.label == "INFO N(R_U_THERE)")
    assert question.sender == "bob"
    network.flying.clear()
    path = UdpPath(BOB, 500, ALICE, 500)
    for number in range(1, 100):
        there.bob.takes(junk(question.octets[:16], number), path)
    assert list(network.flying) == []
    there.bob.takes(question.octets, path)
    assert there.bob.saw(IkeConfirmed) == [
        confirmed for confirmed in there.bob.saw(IkeConfirmed) if confirmed.sa.cookies in there.known
    ]
    assert there.bob.saw(ChildDown) == []
    assert there.known <= set(there.bob.engine.sas)


def test_a_call_that_was_led_astray_does_not_keep_a_tunnel_down(network: Network) -> None:
    """Bob believes to have an ISAKMP SA with alice, who knows of none."""
    there = Redirected(network)
    there.goes_away()
    for _ in range(2):
        there.bob.calls(host=ALICE)
        network.run(200)
    assert Code.NOT_CONFIRMED in there.bob.failures
    assert {child.outbound.spi for child in there.bob.children} == {child.inbound.spi for child in there.alice.children}
    assert there.bob.children


def test_a_call_that_was_led_astray_does_not_send_the_real_peer_away(network: Network) -> None:
    """It seemed to come from another address, and the first one of an identity is to stay."""
    there = Redirected(network, ELSEWHERE, remote="%any", unique=Unique.KEEP)
    there.goes_away()
    there.alice.calls(None, connection="bob too", host=BOB)
    network.flying.clear()  # who has begun something with bob already does not say INITIAL-CONTACT
    there.alice.calls("net", connection="bob", host=BOB)
    network.run(10)
    assert Code.DUPLICATE_PEER not in [note.code for note in there.bob.saw(Note)]
    assert there.bob.children


# --- what was removed from the configuration ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_peer_that_was_removed_keeps_no_pair_by_deleting_its_isakmp_sa_first(
    network: Network, alice: Peer, bob: Peer, how: str
) -> None:
    establish(network, alice)
    sa, pair = alice.sa, bob.child
    alice.does(lambda engine: say(engine, sa, [delete_ike(sa)], network.now))
    network.settle()
    if how == "reload":
        bob.is_given(settings())
    else:
        bob.settings = settings()
        bob.is_killed(pair.inbound.spi)
    assert dict(bob.engine.sas) == {}
    assert [down.child.inbound.spi for down in bob.saw(ChildDown)] == [pair.inbound.spi]


# --- the traffic of a neighbour in transport mode -------------------------------------------------------------------


def test_a_move_gives_nobody_the_traffic_of_a_neighbour_in_transport_mode(network: Network) -> None:
    """Mallory had her pair elsewhere, where it was nobody's, and comes behind the NAT of alice."""
    outside, home = "203.0.113.1", "192.0.2.33"
    ours = tunnel(local=None, remote=None, mode=IpsecMode.TRANSPORT)
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", ours)))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, ours, local_id="alice.example")))
    mallory = network.peer("mallory", home, settings(connection(home, BOB, ours, local_id="mallory.example")))
    boxes = [NatBox(network, alice, outside), NatBox(network, mallory, ELSEWHERE, first_port=50_001)]
    for each in (alice, mallory):
        each.calls(host=BOB)
        network.settle()
    boxes[1].moves_to(outside, 60_001)
    mallory.does(lambda engine: engine.rekey_child(mallory.child.unique_id, network.now))
    network.run(30)
    used = bob.outbound[Selector.parse(BOB), Selector.parse(outside)]
    assert used.outbound.spi == alice.child.inbound.spi
    assert Code.SELECTORS_UNACCEPTABLE in [note.code for note in bob.saw(Note)]


# --- a peer that calls and calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirms", [False, True])
def test_a_peer_that_calls_and_calls_does_not_pile_up_isakmp_sas(network: Network, confirms: bool) -> None:
    """It does not say INITIAL-CONTACT, nor that it knows dead peer detection."""
    to_bob = connection(ALICE, BOB, tunnel())
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    alice = network.peer("alice", ALICE, settings(to_bob, replace(to_bob, name="too")))
    network.link = lambda datagram: [resealed(bob, datagram, drop(VendorId)) if datagram.label == "MM1" else datagram]
    for _ in range(30):
        alice.engine, alice.stored = type(alice.engine)(alice.settings, alice.random), {}
        alice.calls(None, connection="too")
        network.flying.clear()
        alice.calls(None)
        network.settle()
        if confirms:
            asks(alice)
        assert len(bob.engine.sas) == len(bob.stored) <= 8
    assert [sa.confirmed for sa in bob.engine.sas.values()] == [confirms] * len(bob.engine.sas)
    network.run(60)
    assert len(bob.engine.sas) == len(bob.stored) <= 2


def asks(peer: Peer) -> None:
    """R-U-THERE, as a peer sends it that looks whether we are alive."""
    sa = next(sa for sa in peer.engine.sas.values() if sa.is_up)
    question = notify(sa, NotifyType.R_U_THERE, bytes(4))
    peer.does(lambda engine: say(engine, sa, [question], peer.network.now))
    peer.network.settle()


# --- a call that is never finished ----------------------------------------------------------------------------------


def test_a_call_that_is_never_finished_does_not_hold_up_a_tunnel(network: Network, alice: Peer, bob: Peer) -> None:
    """A man in the middle needs no secret for messages 1 to 4."""
    alice.calls(None)
    while network.flying[0].label != "MM5":
        network.deliver(network.flying.popleft())
    network.flying.clear()
    alice.engine = type(alice.engine)(alice.settings, alice.random)
    bob.calls()
    network.settle()
    assert [child.outbound.spi for child in bob.children] == [alice.child.inbound.spi]


# --- the network of somebody with the same identity -----------------------------------------------------------------


def test_where_all_of_one_identity_may_stay_none_takes_the_network_of_another(network: Network) -> None:
    at_bob = connection(BOB, "%any", tunnel(local="10.2.0.0/16", remote="10.9.0.0/24"), unique=Unique.NEVER)
    bob = network.peer("bob", BOB, settings(at_bob))
    first, second = (
        network.peer(
            name,
            host,
            settings(connection(host, BOB, tunnel(local="10.9.0.1/32"), local_id="keyid:all", remote_id=BOB)),
        )
        for name, host in (("alice", ALICE), ("mallory", ELSEWHERE))
    )
    for each in (first, second):
        each.calls(host=BOB)
        network.settle()
    assert [child.outbound.spi for child in bob.outbound.values()] == [first.child.inbound.spi]
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
