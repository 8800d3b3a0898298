"""What an outsider gains where a message is put aside, repeated, followed or doubted: no more than a moment."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import authority
from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from ikev1.core.engine import Engine
from ikev1.core.exchanges.informational import clear_notify, delete_child, delete_ike
from ikev1.core.machine.admission import AGGRESSIVE_ANSWERS, AGGRESSIVE_OCTETS
from ikev1.core.records.actions import Action, Keep, Send
from ikev1.core.records.certificate_check import Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, Unique
from ikev1.crypto import public_keys
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, NotifyType
from nat import NatBox
from playbook import Couple, Network, Peer, Randomness, establish, say

TO_ALICE, TO_BOB = UdpPath(ALICE, 500, BOB, 500), UdpPath(BOB, 500, ALICE, 500)
OUTSIDE, AWAY = "203.0.113.1", "192.0.2.33"
UNTRUSTED = Untrusted(Code.CERTIFICATE_UNTRUSTED, "it is of no CA of ours", NotifyType.INVALID_CERTIFICATE)


KEYS = {who: authority.ec_key(number) for number, who in enumerate(("alice", "bob", "carol"))}
ROOT = authority.root("CN=root")


def of(who: str, **more: Any) -> dict[str, Any]:
    """Somebody with a certificate in Aggressive Mode."""
    phase1 = replace(suite("aes128-sha1-ecp256"), authentication=int(AuthenticationMethod.ECDSA_SHA256_P256))
    certificate = authority.der(ROOT.issue(f"CN={who}", KEYS[who]))
    return {
        "secret": b"",
        "policies": (replace(policy(), suite=phase1),),
        "credential": Credential(authority.pkcs8(KEYS[who]), (certificate,)),
        "trust": Trust(authorities=(ROOT.der,)),
        "mode": Mode.AGGRESSIVE,
        **more,
    }


def good(who: str) -> Trusted:
    return Trusted(public_keys.encode(KEYS[who].public_key()), who)


# --- certificates that are examined ---------------------------------------------------------------------------------


def with_a_forged_answer(network: Network, couple: Couple) -> tuple[Peer, Peer]:
    """Alice, who examines a forged message 2 of Aggressive Mode, and bob, whose own has not arrived yet."""
    alice, bob = couple(alice=of("alice"), bob=of("bob"))
    mallory = Engine(settings(connection(BOB, ALICE, tunnel(mirrored=True), **of("carol"))), Randomness("mallory"))
    alice.calls()
    for action in mallory.receive(network.flying[0].octets, TO_BOB, network.now):
        if isinstance(action, Send):
            alice.takes(action.datagram, TO_ALICE)
    assert len(alice.questions) == 1
    return alice, bob


def test_a_forged_message_2_with_a_certificate_does_not_displace_the_peers(network: Network, couple: Couple) -> None:
    alice, bob = with_a_forged_answer(network, couple)
    network.settle()
    alice.is_told(UNTRUSTED)
    assert alice.failures == []
    alice.is_told(good("bob"))
    network.settle()
    bob.is_told(good("alice"))
    network.run(30)
    assert alice.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_what_is_held_behind_a_message_that_is_examined_is_bounded(network: Network, couple: Couple) -> None:
    alice, _ = with_a_forged_answer(network, couple)
    network.deliver(network.flying.popleft())
    message_2 = network.flying.popleft().octets
    for number in range(100):
        alice.takes(message_2[:-1] + bytes([number]), TO_ALICE)
    pending_checks = 0
    while alice.questions:
        alice.is_told(UNTRUSTED)
        pending_checks += 1
    assert pending_checks == 5


# --- an answer of Aggressive Mode once more -------------------------------------------------------------------------


def test_what_is_sent_again_for_want_of_message_3_is_taken_from_the_budget(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=of("alice"), bob=of("bob", remote_address="%any", remote_id=ALICE))
    bob.engine.trace = lambda sa, label, sent: False
    alice.calls()
    message_1 = network.flying.popleft().octets
    given = [0]

    def sends(octets: bytes) -> bytes:
        """What bob answers in Aggressive Mode, which is counted."""
        sent = [
            action.datagram for action in bob.engine.receive(octets, TO_BOB, network.now) if isinstance(action, Send)
        ]
        given.extend(map(len, sent))
        return b"".join(sent)

    for number in range(1, AGGRESSIVE_ANSWERS + 1):
        cookies = sends(number.to_bytes(8) + message_1[8:])[:16]
        if cookies:
            going_on = Header(cookies[:8], cookies[8:], 8, ExchangeType.INFORMATIONAL, 1, number, HEADER_SIZE).build()
            for _ in range(6):
                sends(going_on)
    assert AGGRESSIVE_OCTETS <= sum(given) < AGGRESSIVE_OCTETS + max(given)


# --- ports that change all the time ---------------------------------------------------------------------------------


def test_a_port_that_changes_with_each_packet_costs_no_question_and_no_record_each(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True))))
    NatBox(network, alice, OUTSIDE)
    alice.calls()
    network.run(5)
    spi, home = bob.child.inbound.spi, bob.sa.path
    costs: Counter[type[Action]] = Counter()
    for number in range(1000):
        path = home._replace(remote_port=50_000 + number % 2)
        costs.update(map(type, bob.engine.peer_moved(spi, path, network.now)))
        assert bob.sa.path == path, "each of them is followed all the same"
    assert costs[Send] == 1
    assert costs[Keep] <= 2
    network.wait(0.1)
    bob.does(lambda engine: engine.peer_moved(spi, home, network.now))
    network.run(5)
    assert bob.sa.path == bob.stored[bob.sa.cookies].path == home
    assert bob.sa.reached == (home.remote_host, home.remote_port)


# --- errors that nobody vouches for ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_a_forged_error_does_not_hurry_a_peer_that_goes_on(network: Network, couple: Couple, mode: Mode) -> None:
    alice, bob = couple(mode=mode, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    alice.takes(clear_notify(alice.sa.CKY_I, NO_COOKIE, NotifyType.NO_PROPOSAL_CHOSEN, 7), TO_ALICE)
    for _ in range(10):
        network.wait(0.7)  # each way
        for _ in range(len(network.flying)):
            network.deliver(network.flying.popleft())
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_junk_in_the_last_moment_does_not_silence_why_a_caller_is_given_up(network: Network, couple: Couple) -> None:
    alice, bob = couple(mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    network.deliver(network.flying.popleft())
    network.link = lambda datagram: []
    network.flying.clear()
    network.wait(29)
    sa = bob.sa
    bob.takes(Header(sa.CKY_I, sa.CKY_R, 8, ExchangeType.INFORMATIONAL, 1, 7, HEADER_SIZE).build(), TO_BOB)
    network.wait(5)
    assert not bob.engine.sas
    assert len(bob.failures) == 1


# --- another process ------------------------------------------------------------------------------------------------


def test_pairs_that_died_with_the_process_leave_the_store_though_their_peer_is_believed_no_more(
    network: Network, alice: Peer, bob: Peer
) -> None:
    establish(network, alice)
    (before,) = bob.settings.connections
    bob.settings = replace(bob.settings, connections=(replace(before, secret=b"another"),))
    bob.is_killed()
    assert bob.children == []
    assert [child for sa in bob.stored.values() for child in sa.children] == []


# --- what is left of an ISAKMP SA that ended before its pairs -------------------------------------------------------


def test_where_all_peers_stay_none_deletes_the_last_pair_of_an_ended_sa_from_elsewhere(network: Network) -> None:
    """With ``unique = "never"``, another address is another peer, also with the same identity."""
    one, two = tunnel("one"), tunnel("two", "10.9.0.0/16")
    theirs = tunnel("one", mirrored=True), tunnel("two", "10.9.0.0/16", mirrored=True)
    road = connection(BOB, "%any", *theirs, remote_id="alice@example.org", unique=Unique.NEVER)
    bob = network.peer("bob", BOB, settings(road))
    names = {"local_id": "alice@example.org", "remote_id": BOB}
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, one, **names)))
    away = network.peer("away", AWAY, settings(connection(AWAY, BOB, two, **names)))
    alice.calls("one", host=BOB)
    network.settle()
    left = alice.child
    alice.does(lambda engine: say(engine, alice.sa, [delete_ike(alice.sa)], network.now))
    away.calls("two", host=BOB)
    network.settle()
    assert [sa.state for sa in bob.engine.sas.values()] == [IkeState.DELETED, IkeState.ESTABLISHED]
    away.does(lambda engine: say(engine, away.sa, [delete_child(left)], network.now))
    network.settle()
    ended, other = bob.engine.sas.values()
    assert (ended.state, other.state) == (IkeState.DELETED, IkeState.ESTABLISHED)
    assert [child.name for child in ended.complete_children] == ["one"]
