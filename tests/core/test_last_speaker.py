"""Whoever sends the last message of phase 1 gives nothing up before the peer has shown that it meant to reach us.

Main Mode's responder and Aggressive Mode's initiator speak last: a call that was led astray, or a message 3 that was
lost, must cost neither end what it had.
"""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from dishonest import add, resealed
from ikev1.core.exchanges.informational import notify
from ikev1.core.exchanges.protection import open_message
from ikev1.core.records.events import ChildDown, Code, IkeConfirmed, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, NotifyType, ProtocolId
from playbook import Couple, Datagram, Network, Peer, establish, say

CAROL = "198.51.100.33"
HASTY: dict[str, Any] = {"mode": Mode.AGGRESSIVE, "aggressive": Aggressive.ACCEPT_PSK}


class Redirected:
    """Alice, who has a tunnel with bob and calls carol; a man in the middle leads what she sends to bob.

    The sites share a secret, so bob cannot tell; alice can, for bob proves that he is bob.
    """

    def __init__(self, network: Network) -> None:
        to_bob = connection(ALICE, BOB, tunnel(), name="bob", local_id="alice.example", remote_id="bob.example")
        to_carol = connection(ALICE, CAROL, tunnel(), name="carol", local_id="alice.example", remote_id="carol.example")
        of_bob = connection(BOB, "%any", tunnel(mirrored=True), local_id="bob.example", remote_id="*.example")
        self.network = network
        self.alice = network.peer("alice", ALICE, settings(to_bob, to_carol))
        self.bob = network.peer("bob", BOB, settings(of_bob))
        self.alice.calls(connection="bob")
        network.settle()
        self.before = self.bob.sa
        self.bob.events.clear()
        self.astray: bytes = b""

    def leads_astray(self, datagram: Datagram) -> list[Datagram]:
        """Bob answers what carol was asked, and his answers bear her address."""
        cookie = datagram.octets[:8]
        if datagram.destination[0] == CAROL:
            self.astray = cookie
            return [datagram._replace(destination=(BOB, datagram.destination[1]))]
        if cookie == self.astray and datagram.sender == "bob":
            return [datagram._replace(source=(CAROL, datagram.source[1]))]
        return [datagram]


@pytest.mark.parametrize("tunnel_name", ["net", None])
def test_a_call_that_was_led_astray_ends_nothing_where_it_arrives(network: Network, tunnel_name: str | None) -> None:
    there = Redirected(network)
    network.link = there.leads_astray
    there.alice.calls(tunnel_name, connection="carol", host=CAROL)
    network.settle()
    assert there.alice.failures == [Code.ID_MISMATCH]
    network.run(120)
    assert there.bob.saw(IkeDown) == [] or all(
        down.sa.cookies != there.before.cookies for down in there.bob.saw(IkeDown)
    )
    assert there.bob.saw(ChildDown) == []
    assert there.before.cookies in there.bob.engine.sas
    assert [child.inbound.spi for child in there.bob.children] == [there.before.children[0].inbound.spi]


def test_the_refusal_of_who_was_led_astray_confirms_nothing(network: Network) -> None:
    """Alice's error notify comes under the new keys, and so does her Delete: neither is a word of consent."""
    there = Redirected(network)
    network.link = there.leads_astray
    there.alice.calls(None, connection="carol", host=CAROL)
    network.settle()
    assert [label for label in network.labels("alice") if label.startswith("INFO")]
    assert there.bob.saw(IkeConfirmed) == []
    network.run(60)
    assert [sa.cookies for sa in there.bob.engine.sas.values()] == [there.before.cookies], "no false one stays"


@pytest.mark.parametrize("kind", [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INITIAL_CONTACT, NotifyType.R_U_THERE])
def test_what_confirms_is_a_question_that_expects_an_answer(network: Network, couple: Couple, kind: NotifyType) -> None:
    alice, bob = couple()
    establish(network, alice, None)
    assert not bob.sa.confirmed
    assert alice.sa.confirmed, "message 6 was the answer to her proof"
    alice.does(lambda engine: say(engine, alice.sa, [notify(alice.sa, kind, bytes(4))], network.now))
    network.settle()
    assert bob.sa.confirmed is (kind == NotifyType.R_U_THERE)


def test_quick_mode_confirms(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    assert not bob.sa.confirmed
    alice.calls()
    network.plays("alice -> bob QM1", "bob -x alice QM2")
    assert bob.sa.confirmed


@pytest.mark.parametrize("lost", [1, 2])
def test_message_3_of_aggressive_mode_lost_in_a_renewal_costs_neither_end_anything(
    network: Network, couple: Couple, lost: int
) -> None:
    alice, bob = couple(alice=HASTY, bob=HASTY)
    establish(network, alice)
    pair = alice.child
    left = lost

    def link(datagram: Datagram) -> list[Datagram]:
        nonlocal left
        if datagram.label == "AM3" and left:
            left -= 1
            return []
        return [datagram]

    network.link = link
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(120)
    assert alice.inbound.keys() == {pair.inbound.spi}
    assert bob.outbound
    assert {sa.cookies for sa in up(alice)} == {sa.cookies for sa in up(bob)}


def up(peer: Peer) -> list[IkeSa]:
    return [sa for sa in peer.engine.sas.values() if sa.is_up]


def test_message_3_of_aggressive_mode_that_never_arrives_leaves_the_older_sa(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=HASTY, bob=HASTY)
    establish(network, alice)
    before = alice.sa.cookies
    network.link = lambda datagram: [] if datagram.label == "AM3" else [datagram]
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(60)
    assert [sa.cookies for sa in up(alice)] == [sa.cookies for sa in up(bob)] == [before]
    assert alice.saw(ChildDown) == bob.saw(ChildDown) == []
    assert Code.NOT_CONFIRMED in alice.failures


# --- INITIAL-CONTACT ------------------------------------------------------------------------------------------------


def contact(sa: IkeSa) -> Notification:
    return Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, NotifyType.INITIAL_CONTACT, b"")


def reboots(peer: Peer) -> None:
    """Loses all that it knew."""
    peer.engine = type(peer.engine)(peer.settings, peer.random)
    for kept in (peer.inbound, peer.outbound, peer.stored):
        kept.clear()


def test_initial_contact_in_message_5_waits_for_a_confirmation(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old = bob.child
    reboots(alice)
    alice.calls(None)
    network.settle()
    assert bob.saw(ChildDown) == []
    alice.calls()
    network.settle()
    assert [down.child.inbound.spi for down in bob.saw(ChildDown)] == [old.inbound.spi]
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize(("seconds", "obeyed"), [(0, True), (50, True), (70, False)])
def test_initial_contact_in_a_message_of_its_own_is_obeyed_right_after_phase_1(
    network: Network, alice: Peer, bob: Peer, seconds: int, obeyed: bool
) -> None:
    establish(network, alice)
    old = bob.child
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(0)
    new = alice.sa
    network.now += seconds
    alice.does(lambda engine: say(engine, new, [contact(new)], network.now))
    network.settle()
    assert bob.saw(ChildDown) == [], "not confirmed"
    tells_that_it_is_there(alice)
    network.settle()
    assert (old.inbound.spi in bob.inbound) is not obeyed


def tells_that_it_is_there(peer: Peer) -> None:
    """R-U-THERE, as a peer sends it that looks whether we are alive."""
    question = notify(peer.sa, NotifyType.R_U_THERE, bytes(4))
    peer.does(lambda engine: say(engine, peer.sa, [question], peer.network.now))


def test_initial_contact_of_the_responder_in_message_6_is_obeyed(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old = alice.child
    reboots(bob)
    network.link = lambda datagram: (
        [resealed(alice, datagram, add(contact(alice.engine.sas[datagram.octets[:16]])))]
        if datagram.label == "MM6"
        else [datagram]
    )
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert [down.child.inbound.spi for down in alice.saw(ChildDown)] == [old.inbound.spi]


def test_initial_contact_added_to_a_clear_message_3_is_not_obeyed(network: Network, couple: Couple) -> None:
    """HASH_I does not cover it, so whoever is on the way can add it."""
    alice, bob = couple(alice=HASTY, bob=HASTY)
    establish(network, alice)
    old = bob.child

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label != "AM3":
            return [datagram]
        (sa,) = [sa for sa in bob.engine.sas.values() if sa.cookies == datagram.octets[:16]]
        assert sa.phase1 is not None
        message, _ = open_message(sa, sa.phase1.iv, Header.parse(datagram.octets), datagram.octets)
        header = message.header._replace(flags=0)
        return [datagram._replace(octets=build_message(header, [*message.payloads, contact(sa)]))]

    network.link = link
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(10)
    assert bob.saw(ChildDown) == []
    assert old.inbound.spi in bob.inbound
    assert not any(sa.initial_contact for sa in up(bob))
