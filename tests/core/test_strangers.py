"""Peers whose first messages get no response: those that nobody knows, or all of them."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.negotiation.phase1_proposal import offer
from ikev1.core.records.events import Code
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.header import FIELDS, Header
from ikev1.wire.message import build_message
from ikev1.wire.registry import ExchangeType
from playbook import Couple, Network, Peer, establish

STRANGER, ANY = "203.0.113.5", "%any"
WRONG, RIGHT = "3des-md5-modp1024", "aes128-sha256-ecp256"
SILENT = {"answer_strangers": False}


def first(suite: str) -> bytes:
    header = Header(b"a cookie", bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    return build_message(header, [offer([policy(suite)])])


def of_ikev2() -> bytes:
    size = FIELDS.size + 500
    return FIELDS.pack(b"a cookie", bytes(8), 33, 0x20, 34, 8, 0, size) + bytes(500)


def answers(network: Network, bob: Peer, remote: str, *messages: bytes, **options: Any) -> int:
    """How many datagrams bob, whose peer is at ``remote``, sends to a stranger that sends ``messages``."""
    bob.is_given(settings(connection(BOB, remote, tunnel(mirrored=True)), **options))
    network.sent.clear()
    for message in messages:
        bob.takes(message, UdpPath(BOB, 500, STRANGER, 500))
    return len(network.sent)


@pytest.mark.parametrize(
    ("remote", "messages", "usual", "silent"),
    [
        (ALICE, (first(RIGHT), first(WRONG), of_ikev2()), 3, 0),  # at an address of no connection
        (ANY, (first(WRONG), of_ikev2()), 2, 0),  # at an address of which nothing is known
        (ANY, (first(RIGHT),), 1, 1),  # what is acceptable is answered
        (STRANGER, (first(WRONG), of_ikev2()), 2, 2),  # a peer that is expected there is told
        (f"{STRANGER}/32", (first(WRONG),), 1, 0),
    ],
)
def test_only_expected_peers_are_told_that_they_are_refused(
    network: Network, bob: Peer, remote: str, messages: tuple[bytes, ...], usual: int, silent: int
) -> None:
    assert answers(network, bob, remote, *messages) == usual
    assert answers(network, bob, remote, *messages, **SILENT) == silent


@pytest.mark.parametrize(
    ("message", "remote", "unknown"),
    [
        (first(RIGHT), ALICE, True),
        (first(RIGHT), STRANGER, False),
        (first(RIGHT), ANY, False),
        (of_ikev2(), ALICE, False),
        (b"short", ALICE, False),
        (first(RIGHT)[:8] + b"theirs.." + first(RIGHT)[16:], ALICE, False),  # not the first: it has both cookies
    ],
)
def test_an_unknown_caller_is_one_whose_addresses_no_connection_matches(
    bob: Peer, message: bytes, remote: str, unknown: bool
) -> None:
    bob.is_given(settings(connection(BOB, remote, tunnel(mirrored=True))))
    assert bob.engine.is_unknown_caller(message, UdpPath(BOB, 500, STRANGER, 500)) is unknown


def test_a_peer_that_was_there_before_is_told(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"remote_address": ANY})
    establish(network, alice)
    bob.is_given(replace(bob.settings, answer_strangers=False))
    network.sent.clear()
    bob.takes(first(WRONG), UdpPath(BOB, 500, ALICE, 500))
    assert len(network.sent) == 1


@pytest.mark.parametrize("right", [True, False])
def test_silence_does_not_tell_whose_identity_is_configured(network: Network, couple: Couple, right: bool) -> None:
    """In Aggressive Mode, refusals would: the identity comes with the offer."""
    common = {"aggressive": Aggressive.ACCEPT_PSK, "mode": Mode.AGGRESSIVE}
    who = "alice@example.org"
    alice, bob = couple(
        alice=common | {"local_id": who, "policies": (policy("aes256-sha512-ecp384"),)},
        bob=common | {"remote_address": ANY, "remote_id": who if right else "carol@example.org"},
    )
    bob.is_given(replace(bob.settings, answer_strangers=False))
    alice.calls()
    network.settle()
    assert network.labels("bob") == []
    assert bob.failures != []


def test_who_only_initiates_ignores_all_first_messages(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    alice.is_given(replace(alice.settings, initiator_only=True))
    bob.calls()
    network.settle()
    assert network.labels("alice") == []
    assert set(alice.failures) == {Code.INITIATOR_ONLY}
    alice.takes(of_ikev2(), UdpPath(ALICE, 500, BOB, 500))
    assert network.labels("alice") == []


def test_who_only_initiates_renews_its_isakmp_sa(network: Network, couple: Couple) -> None:
    alice, _ = couple()
    alice.is_given(replace(alice.settings, initiator_only=True))
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(6)
    assert alice.sa.unique_id != 1
    assert len(alice.children) == 1
