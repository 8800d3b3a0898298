"""Whom a connection takes for its peer: the one that it names, by default the address called; and by which key."""

from __future__ import annotations

from typing import Any

import pytest

import authority
from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.peer.reflection import names_one
from ikev1.core.records.events import Code, IkeUp, Note
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Policy, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import parse_message
from ikev1.wire.payloads import Notification, SecurityAssociation
from ikev1.wire.registry import AuthenticationMethod, NotifyType
from playbook import Couple, Network, Peer

both_modes = pytest.mark.parametrize("mode", list(Mode), ids=str)

RAW = AuthenticationMethod.ECDSA_SHA256_P256
ENCRYPTION = (AuthenticationMethod.RSA_ENCRYPTION, AuthenticationMethod.REVISED_RSA_ENCRYPTION)


def is_up(peer: Peer) -> bool:
    return bool(peer.saw(IkeUp))


# --- the address called -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote_address", "remote_id", "wanted"),
    [
        ("198.51.100.2", None, "198.51.100.2"),
        ("2001:db8::2", None, "2001:db8::2"),
        ("198.51.100.2", "bob.example", "bob.example"),
        ("198.51.100.2", "%any", "%any"),
        ("198.51.100.0/24", None, None),
        ("%any", None, None),
        ("%any", "*.example", "*.example"),
    ],
)
def test_whom_a_connection_expects(remote_address: str, remote_id: str | None, wanted: str | None) -> None:
    assert expected(connection(ALICE, remote_address, remote_id=remote_id)) == wanted


@pytest.mark.parametrize(
    ("pattern", "one"),
    [
        ("198.51.100.2", True),
        ("bob.example", True),
        ("bob@example.org", True),
        ("CN=bob, O=lab", True),
        ("keyid:a*b", True),
        ("@#2a", True),
        ("*.example", False),
        ("O=lab, *", False),
        ("198.51.100.0/24", False),
        ("198.51.100.1-198.51.100.9", False),
        ("%any", False),
        (None, False),
    ],
)
def test_which_patterns_name_exactly_one(pattern: str | None, one: bool) -> None:
    assert names_one(pattern) is one


@both_modes
@pytest.mark.parametrize("stranger", ["alice", "bob"])
def test_who_has_the_secret_is_not_yet_the_one_at_the_address(
    network: Network, couple: Couple, mode: Mode, stranger: str
) -> None:
    named = {"local_id": "mallory.example"}
    ours, theirs = (named, {}) if stranger == "alice" else ({}, named)
    alice, bob = couple(alice=ours, bob=theirs, mode=mode, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    network.run(3)
    honest = bob if stranger == "alice" else alice
    told = Code.NO_CONNECTION if mode is Mode.AGGRESSIVE and honest is bob else Code.ID_MISMATCH
    assert honest.failures == [told]
    assert not is_up(honest)
    assert alice.children == bob.children == []


@both_modes
def test_anybody_may_be_allowed_in_so_many_words(network: Network, couple: Couple, mode: Mode) -> None:
    stranger = {"local_id": "mallory.example"}
    alice, bob = couple(alice={"remote_id": "%any"}, bob=stranger, mode=mode, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    network.settle()
    assert alice.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_a_refusal_says_what_to_write(network: Network, couple: Couple) -> None:
    alice, _ = couple(bob={"local_id": "bob.example"})
    alice.calls()
    network.run(3)
    assert alice.failure.code is Code.ID_MISMATCH
    assert 'remote_id = "bob.example"' in alice.failure.text


# --- which key proves whom --------------------------------------------------------------------------------------------


def key(method: int, number: int) -> authority.PrivateKey:
    return authority.ec_key(number) if method == RAW else authority.rsa_key(number)


def spki(method: int, number: int) -> bytes:
    return public_keys.encode(key(method, number).public_key())


def proving(method: int, number: int, *known: TrustedKey, mode: Mode, **more: Any) -> dict[str, Any]:
    of_method: tuple[Policy, ...] = (
        replace(policy(), suite=replace(suite("aes128-sha256-ecp256"), authentication=int(method))),
    )
    own = Credential(authority.pkcs8(key(method, number)))
    trust = Trust(public_keys=known)
    return {"secret": b"", "policies": of_method, "credential": own, "trust": trust, "mode": mode} | more


def of_two(method: int) -> tuple[TrustedKey, TrustedKey]:
    """The keys of two peers, each with whom it proves."""
    return TrustedKey(spki(method, 2), "bob.example"), TrustedKey(spki(method, 3), "carol.example")


every_method = pytest.mark.parametrize("method", [RAW, *ENCRYPTION], ids=["raw", "encryption", "revised"])


@every_method
@both_modes
@pytest.mark.parametrize("we_call", [True, False])
def test_a_peer_proves_to_be_another_with_its_own_key(
    network: Network, couple: Couple, method: int, mode: Mode, we_call: bool
) -> None:
    """The key of bob is believed here, and so is the name of carol; the one does not prove the other."""
    bobs, carols = of_two(method)
    ours = proving(method, 1, bobs, carols, mode=mode, local_id="alice.example", remote_id="*.example")
    us = TrustedKey(spki(method, 1))
    theirs = proving(method, 2, us, mode=mode, local_id="carol.example", remote_id="alice.example")
    alice, bob = couple(alice=ours, bob=theirs)
    (alice if we_call else bob).calls()
    network.run(3)
    assert not is_up(alice)
    # What a responder encrypts for carol bob cannot even read
    refused = {Code.ID_MISMATCH, Code.AUTHENTICATION_FAILED, Code.REFUSED_BY_PEER}
    assert alice.failures[0] in refused


@every_method
@both_modes
@pytest.mark.parametrize(("number", "who"), [(2, "bob.example"), (3, "carol.example")])
def test_each_caller_is_taken_with_the_key_that_is_its(
    network: Network, couple: Couple, method: int, mode: Mode, number: int, who: str
) -> None:
    ours = proving(method, 1, *of_two(method), mode=mode, local_id="alice.example", remote_id="*.example")
    us = TrustedKey(spki(method, 1))
    theirs = proving(method, number, us, mode=mode, local_id=who, remote_id="alice.example")
    alice, bob = couple(alice=ours, bob=theirs)
    bob.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound


@both_modes
@pytest.mark.parametrize("number", [2, 3])
def test_an_old_and_a_new_key_of_one_peer(network: Network, couple: Couple, mode: Mode, number: int) -> None:
    both = (TrustedKey(spki(RAW, 2)), TrustedKey(spki(RAW, 3)))
    ours = proving(RAW, 1, *both, mode=mode, local_id="alice.example", remote_id="bob.example")
    us = TrustedKey(spki(RAW, 1))
    theirs = proving(RAW, number, us, mode=mode, local_id="bob.example", remote_id="alice.example")
    alice, bob = couple(alice=ours, bob=theirs)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


ROOT = authority.root("C=XX, O=lab, CN=root")


@pytest.mark.parametrize("method", ENCRYPTION)
@both_modes
@pytest.mark.parametrize(
    ("remote_id", "who", "up"),
    [
        ("*.example", "bob.example", True),
        ("*.example", "carol.example", False),
        ("carol.example", "carol.example", True),
    ],
)
def test_what_is_encrypted_for_a_certificate_proves_whom_that_is_for(
    network: Network, couple: Couple, method: int, mode: Mode, remote_id: str, who: str, up: bool
) -> None:
    certificate = authority.der(ROOT.issue("CN=bob", key(method, 2), ["bob.example"]))
    ours = proving(method, 1, mode=mode, local_id="alice.example", remote_id=remote_id)
    us = TrustedKey(spki(method, 1))
    theirs = proving(method, 2, us, mode=mode, local_id=who, remote_id="alice.example")
    alice, _ = couple(alice=ours | {"trust": Trust(peers=(certificate,))}, bob=theirs)
    alice.calls()
    network.run(3)
    assert is_up(alice) is up
    assert alice.failures == ([] if up else [Code.ID_MISMATCH])


# --- a gateway that we call is asked for more than a client -----------------------------------------------------------


@pytest.mark.parametrize(("remote_address", "asked"), [(BOB, True), ("198.51.100.0/24", False)])
def test_whoever_answers_a_call_is_no_mere_client(remote_address: str, asked: bool) -> None:
    network = Network()
    trust = {"trust": Trust(authorities=(ROOT.der,))}

    def certified(number: int, who: str) -> dict[str, Any]:
        leaf = authority.der(ROOT.issue(f"CN={who}", authority.ec_key(number), [f"{who}.example"]))
        own = Credential(authority.pkcs8(authority.ec_key(number)), (leaf,))
        return proving(RAW, number, mode=Mode.AGGRESSIVE) | trust | {"credential": own, "local_id": f"{who}.example"}

    ours = certified(1, "alice") | {"remote_address": remote_address, "remote_id": "bob.example"}
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **ours)))
    theirs = certified(2, "bob") | {"remote_id": "alice.example"}
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True), **theirs)))
    alice.calls(None)
    network.settle()
    assert [question.answers_call for question in alice.questions] == [asked]
    assert bob.questions == []


# --- Aggressive Mode --------------------------------------------------------------------------------------------------


def told(network: Network) -> list[int]:
    """The errors that bob sent in the clear."""
    seen: list[int] = []
    for datagram in network.sent:
        header = Header.parse(datagram.octets)
        if datagram.sender == "bob" and not header.encrypted:
            message = parse_message(header, datagram.octets[HEADER_SIZE:])
            seen += [notify.type for notify in message.all(Notification)]
    return seen


@pytest.mark.parametrize(
    "caller",
    [
        {"local_id": "nobody.example"},
        {"local_id": "refused.example"},
        {"local_id": "signing.example"},
        {"local_id": "taken.example", "policies": (policy("3des-md5-modp1024"),)},
    ],
    ids=["unknown", "refuses", "accepts no secret", "other proposals"],
)
def test_the_answer_to_a_caller_does_not_tell_which_identities_there_are(
    network: Network, caller: dict[str, Any]
) -> None:
    kinds = {"refused": Aggressive.REFUSE, "signing": Aggressive.ACCEPT, "taken": Aggressive.ACCEPT_PSK}
    served = [
        connection(BOB, "%any", tunnel(mirrored=True), name=name, remote_id=f"{name}.example", aggressive=mode)
        for name, mode in kinds.items()
    ]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), mode=Mode.AGGRESSIVE, **caller)))
    network.peer("bob", BOB, settings(*served))
    alice.calls()
    network.settle()
    assert told(network) == [NotifyType.NO_PROPOSAL_CHOSEN]


@pytest.mark.parametrize("who", ["nobody.example", "refused.example"])
def test_where_nobody_may_use_it_every_caller_is_told_so(network: Network, couple: Couple, who: str) -> None:
    alice, _ = couple(
        alice={"mode": Mode.AGGRESSIVE, "local_id": who},
        bob={"aggressive": Aggressive.REFUSE, "remote_id": "refused.example"},
    )
    alice.calls()
    network.settle()
    assert told(network) == [NotifyType.INVALID_EXCHANGE_TYPE]


@pytest.mark.parametrize("method", ENCRYPTION)
def test_a_connection_that_refuses_it_is_not_entered_by_way_of_another(network: Network, method: int) -> None:
    """With these methods a caller says who it is only after the connection was chosen."""
    us = TrustedKey(spki(method, 2))
    caller = proving(method, 1, us, mode=Mode.AGGRESSIVE, local_id="alice.example", remote_id="bob.example")
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **caller)))
    known = TrustedKey(spki(method, 1))
    served = [
        connection(
            BOB,
            "%any",
            tunnel(mirrored=True),
            name=name,
            aggressive=aggressive,
            **proving(method, 2, known, mode=Mode.MAIN, local_id="bob.example", remote_id=remote_id),
        )
        for name, remote_id, aggressive in (
            ("open", "carol.example", Aggressive.ACCEPT),
            ("closed", "alice.example", Aggressive.REFUSE),
        )
    ]
    bob = network.peer("bob", BOB, settings(*served))
    alice.calls()
    network.run(3)
    assert bob.failures[0] is Code.ID_MISMATCH
    assert not is_up(bob)


@pytest.mark.parametrize(
    ("texts", "offered"),
    [
        (["aes128-sha256-ecp256", "des-sha256-ecp256"], 1),
        (["3des-sha256-ecp256", "aes128-sha256-ecp256", "aes128-md5-ecp256"], 1),
        (["3des-md5-modp1024", "des-sha1-modp1024"], 2),
        (["aes128-sha256-ecp256", "aes256-sha384-ecp256"], 2),
    ],
)
def test_no_weak_suite_is_offered_beside_a_strong_one(
    network: Network, couple: Couple, texts: list[str], offered: int
) -> None:
    """Nothing protects message 2: whoever changes the choice in it has us take the weakest of what we offered."""
    policies = tuple(policy(text, number) for number, text in enumerate(texts, 1))
    alice, bob = couple(policies=policies, mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    datagram = network.sent[0]
    message = parse_message(Header.parse(datagram.octets), datagram.octets[HEADER_SIZE:])
    (proposal,) = message.one(SecurityAssociation).proposals
    assert len(proposal.transforms) == offered
    left_out = [note for note in alice.saw(Note) if note.code is Code.WEAK and "policy " in note.text]
    assert len(left_out) == (offered < len(texts))
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
