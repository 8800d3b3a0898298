"""Authentication with public key encryption and its revised mode (RFC 2409 §5.2, §5.3), in both exchanges and roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import authority
from configured import connection, policy, settings, suite, tunnel
from ikev1.core.engine import CannotInitiate
from ikev1.core.records.events import Code, Failure, MessageSeen, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Policy, Trust, TrustedKey, XauthRole
from ikev1.crypto import keymat, public_key_encryption, public_keys
from ikev1.crypto.hashes import digest
from ikev1.wire.header import Header
from ikev1.wire.message import Message, build_chain, parse_message
from ikev1.wire.payloads import Encrypted, Hash, KeyExchange, Payload, payload_type
from ikev1.wire.registry import AuthenticationMethod, PayloadType
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer
from wire_oracle import dissect, needs_tshark, write_capture
from xauth_peers import SECRETS, check

ALICE_KEY, BOB_KEY, OTHER_KEY = authority.rsa_key(1), authority.rsa_key(2), authority.rsa_key(3)
METHODS = (AuthenticationMethod.RSA_ENCRYPTION, AuthenticationMethod.REVISED_RSA_ENCRYPTION)
RSA_HIDDEN = frozenset({PayloadType.NONCE, PayloadType.IDENTIFICATION})
HIDDEN = frozenset(
    {
        PayloadType.NONCE,
        PayloadType.KEY_EXCHANGE,
        PayloadType.IDENTIFICATION,
        PayloadType.CERTIFICATE,
        PayloadType.NAT_D,
    }
)
MAIN = ("alice -> bob MM1", "bob -> alice MM2", "alice -> bob MM3", "bob -> alice MM4")
SIX = (*MAIN, "alice -> bob MM5", "bob -> alice MM6")
THREE = ("alice -> bob AM1", "bob -> alice AM2", "alice -> bob AM3")
LINES = {Mode.MAIN: SIX, Mode.AGGRESSIVE: THREE}

Pair = Callable[..., tuple[Peer, Peer]]


def encrypting(method: int, text: str = "aes128-sha256-ecp256", priority: int = 1) -> Policy:
    return Policy(priority, replace(suite(text), authentication=int(method)))


def credential(key: authority.PrivateKey, *certificates: bytes) -> Credential:
    return Credential(authority.pkcs8(key), certificates)


def trusting(*keys: authority.PrivateKey) -> Trust:
    return Trust(public_keys=tuple(TrustedKey(public_keys.encode(key.public_key())) for key in keys))


ALICE: dict[str, Any] = {
    "credential": credential(ALICE_KEY),
    "trust": trusting(BOB_KEY),
    "local_id": "alice@example.org",
    "remote_id": "bob.example.org",
}
BOB: dict[str, Any] = {
    "credential": credential(BOB_KEY),
    "trust": trusting(ALICE_KEY),
    "local_id": "bob.example.org",
    "remote_id": "*@example.org",
}


@pytest.fixture(params=METHODS, ids=["encryption", "revised"])
def method(request: pytest.FixtureRequest) -> AuthenticationMethod:
    return AuthenticationMethod(request.param)


@pytest.fixture(params=list(Mode), ids=str)
def mode(request: pytest.FixtureRequest) -> Mode:
    return Mode(request.param)


@pytest.fixture
def knowing(couple: Couple, method: AuthenticationMethod, mode: Mode) -> Pair:
    """Makes alice and bob, who know each other's keys and use one method in one mode."""

    def make(alice: dict[str, Any] | None = None, bob: dict[str, Any] | None = None) -> tuple[Peer, Peer]:
        both: dict[str, Any] = {"secret": b"", "policies": (encrypting(method),), "mode": mode}
        return couple(alice=both | ALICE | (alice or {}), bob=both | BOB | (bob or {}))

    return make


def on_the_wire(network: Network, label: str, hidden: frozenset[int] = HIDDEN) -> Message:
    """What an eavesdropper reads of a message."""
    octets = next(datagram.octets for datagram in network.sent if datagram.label == label)
    return parse_message(Header.parse(octets), octets[28:], hidden)


def encrypted(message: Message) -> list[int]:
    return [payload.number for payload in message.all(Encrypted)]


def changing(label: str, change: Callable[[list[Payload]], list[Payload]]) -> Callable[[Datagram], list[Datagram]]:
    """A link on which somebody changes the payloads of one message."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label != label:
            return [datagram]
        header = Header.parse(datagram.octets)
        payloads = list(parse_message(header, datagram.octets[28:], HIDDEN).payloads)
        first, chain = build_chain(change(payloads))
        octets = header._replace(next_payload=first, length=28 + len(chain)).build() + chain
        return [datagram._replace(octets=octets)]

    return link


# --- as it should be ------------------------------------------------------------------------------------------------


def test_a_connection_that_would_do_as_well_is_named_once(network: Network, mode: Mode, method: int) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": (encrypting(AuthenticationMethod(method)),), "mode": mode}
    ours, theirs = "192.0.2.1", "198.51.100.2"
    alice = network.peer("alice", ours, settings(connection(ours, theirs, tunnel(), **(both | ALICE))))
    fitting = [connection(theirs, "%any", tunnel(mirrored=True), name=name, **(both | BOB)) for name in ("one", "two")]
    bob = network.peer("bob", theirs, settings(*fitting))
    alice.calls(tunnel=None)
    network.settle()
    assert bob.sa.is_up
    assert [note.code for note in bob.saw(Note)].count(Code.RUNNER_UP) == 1


def test_the_isakmp_sa_comes_up(network: Network, knowing: Pair, mode: Mode, method: int) -> None:
    alice, bob = knowing()
    alice.calls(tunnel=None)
    network.plays(*LINES[mode])
    for peer, role in ((alice, Role.INITIATOR), (bob, Role.RESPONDER)):
        assert peer.sa.role is role
        assert peer.sa.state is IkeState.ESTABLISHED
        assert peer.failures == []
        assert peer.sa.chosen is not None
        assert peer.sa.chosen.suite.authentication == method
    assert alice.sa.keys == bob.sa.keys


def test_quick_mode_follows(network: Network, knowing: Pair) -> None:
    alice, bob = knowing()
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.carries.outbound == bob.carries.inbound


def test_the_states_are_those_that_cisco_shows(network: Network, knowing: Pair, mode: Mode) -> None:
    alice, bob = knowing()
    alice.calls(tunnel=None)
    states = [alice.state]
    while network.flying:
        network.deliver(network.flying.popleft())
        states.append(alice.state)
    shown = {
        Mode.MAIN: ["MM_WAIT_MSG2", "MM_WAIT_MSG2", *["MM_WAIT_MSG4"] * 2, *["MM_WAIT_MSG6"] * 2, "QM_IDLE"],
        Mode.AGGRESSIVE: ["AM_WAIT_MSG2", "AM_WAIT_MSG2", "QM_IDLE", "QM_IDLE"],
    }
    assert states == shown[mode]
    assert bob.state == "QM_IDLE"


@pytest.mark.parametrize("number", range(6))
def test_a_lost_message_is_sent_again(network: Network, knowing: Pair, mode: Mode, number: int) -> None:
    label = LINES[mode][number % len(LINES[mode])][-3:]
    dropped: list[Datagram] = []

    def lossy(datagram: Datagram) -> list[Datagram]:
        if datagram.label == label and not dropped:
            dropped.append(datagram)
            return []
        return [datagram]

    alice, bob = knowing()
    network.link = lossy
    alice.calls()
    network.run(60)
    assert dropped
    assert alice.carries.inbound == bob.carries.outbound


def test_who_is_who_and_the_nonces_are_hidden(
    network: Network, knowing: Pair, mode: Mode, method: AuthenticationMethod
) -> None:
    """RFC 2409 §5.2: it "allows for identity protection with Aggressive Mode"."""
    alice, _ = knowing()
    alice.calls(tunnel=None)
    network.settle()
    first, second = ("MM3", "MM4") if mode is Mode.MAIN else ("AM1", "AM2")
    ke, identity, nonce, nat_d = 4, 5, 10, 20
    for label in (first, second):
        message = on_the_wire(network, label)
        found = encrypted(message)
        if method == AuthenticationMethod.RSA_ENCRYPTION:
            assert [number for number in found if number in (ke, identity, nonce)][-2:] == [identity, nonce]
        else:
            assert found == [nonce, ke, identity, *([] if label == "AM1" else [nat_d, nat_d])]
    assert all(b"example.org" not in datagram.octets for datagram in network.sent)


def test_both_ends_know_whom_they_talk_to(network: Network, knowing: Pair) -> None:
    alice, bob = knowing()
    alice.calls(tunnel=None)
    network.settle()
    assert alice.sa.peer_id_body == bob.sa.local_id_body == b"\x02\0\0\0bob.example.org"
    assert bob.sa.peer_id_body == alice.sa.local_id_body == b"\x03\0\0\0alice@example.org"


@pytest.mark.parametrize(
    "text", ["3des-md5-modp1024", "aes256-sha1-ecp256", "camellia192-sha512-modp2048", "des-sha1-ecp256"]
)
def test_other_suites(network: Network, knowing: Pair, method: int, text: str) -> None:
    policies = {"policies": (encrypting(method, text),)}
    alice, bob = knowing(policies, policies)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_nonces_under_a_large_key(network: Network, knowing: Pair) -> None:
    large = authority.rsa_key(4, 4096)
    alice, bob = knowing({"trust": trusting(large)}, {"credential": credential(large)})
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_a_caller_behind_a_nat(network: Network, knowing: Pair) -> None:
    alice, bob = knowing(bob={"remote_address": "%any"})
    NatBox(network, alice, "203.0.113.7")
    alice.calls(host=bob.address)
    network.settle()
    assert bob.sa.path.local_port == 4500
    assert alice.child.udp_encapsulation
    assert alice.carries.inbound == bob.carries.outbound


# --- the arithmetic of the RFC, from what the peers sent --------------------------------------------------------------


def decrypted(key: authority.PrivateKey, message: Message) -> dict[int, bytes]:
    """The bodies that are encrypted with RSA, by type of payload."""
    return {each.number: public_key_encryption.decrypt(key, each.data) for each in message.all(Encrypted)}


def stopped_before_the_end(network: Network, alice: Peer, hidden: frozenset[int]) -> tuple[IkeSa, Message, Message]:
    alice.calls(tunnel=None)
    for _ in range(4):
        network.deliver(network.flying.popleft())
    return alice.sa, on_the_wire(network, "MM3", hidden), on_the_wire(network, "MM4", hidden)


@pytest.mark.parametrize("mode", [Mode.MAIN], indirect=True)
@pytest.mark.parametrize("method", [AuthenticationMethod.RSA_ENCRYPTION], indirect=True)
def test_SKEYID_is_that_of_the_nonces_and_the_cookies(network: Network, knowing: Pair) -> None:
    """By the function that tests/crypto holds against NIST's vectors for public key encryption."""
    alice, _ = knowing()
    sa, third, fourth = stopped_before_the_end(network, alice, RSA_HIDDEN)
    sent, answered = decrypted(BOB_KEY, third), decrypted(ALICE_KEY, fourth)
    assert sa.keys is not None
    assert sa.share is not None
    SKEYID = keymat.SKEYID_public_key(4, sent[10], answered[10], sa.CKY_I, sa.CKY_R)
    assert SKEYID == sa.keys.SKEYID
    assert sent[5] == sa.IDii_b
    assert third.one(KeyExchange).data == sa.share.g_xi


@pytest.mark.parametrize("mode", [Mode.MAIN], indirect=True)
@pytest.mark.parametrize("method", [AuthenticationMethod.REVISED_RSA_ENCRYPTION], indirect=True)
def test_what_follows_the_nonce_is_encrypted_with_Ke(network: Network, knowing: Pair) -> None:
    alice, _ = knowing()
    sa, third, fourth = stopped_before_the_end(network, alice, HIDDEN)
    assert sa.share is not None
    for message, key, CKY, public, identity in (
        (third, BOB_KEY, sa.CKY_I, sa.share.g_xi, b"\x03\0\0\0alice@example.org"),
        (fourth, ALICE_KEY, sa.CKY_R, sa.share.g_xr, b"\x02\0\0\0bob.example.org"),
    ):
        nonce, *following = message.all(Encrypted)
        N_b = public_key_encryption.decrypt(key, nonce.data)
        cipher = public_key_encryption.body_cipher(4, 7, 128, N_b, CKY)
        assert [cipher.decrypt(each.data) for each in following][:2] == [public, identity]


# --- several keys, several peers --------------------------------------------------------------------------------------


ROOT = authority.root("C=XX, O=lab, CN=root")
OLD, NEW = (authority.der(ROOT.issue("C=XX, O=lab, CN=bob", key)) for key in (OTHER_KEY, BOB_KEY))


def test_a_responder_with_several_keys_is_told_which(network: Network, couple: Couple, method: int, mode: Mode) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": (encrypting(method),), "mode": mode}
    alice = network.peer(
        "alice",
        "192.0.2.1",
        settings(
            connection("192.0.2.1", "198.51.100.2", tunnel(), **(both | ALICE | {"trust": Trust(peers=(NEW, OLD))})),
        ),
    )
    bob = network.peer(
        "bob",
        "198.51.100.2",
        settings(
            *(
                connection(
                    "198.51.100.2",
                    "192.0.2.1",
                    tunnel(mirrored=True),
                    name=name,
                    **(both | BOB | {"credential": credential(key, certificate)}),
                )
                for name, key, certificate in (("old", OTHER_KEY, OLD), ("new", BOB_KEY, NEW))
            )
        ),
    )
    alice.calls()
    network.settle()
    assert bob.sa.connection == "new"
    assert alice.carries.inbound == bob.carries.outbound
    first = on_the_wire(network, "MM3" if mode is Mode.MAIN else "AM1")
    assert first.one(Hash).data == digest(4, NEW)


def test_a_certificate_that_the_responder_does_not_have(network: Network, knowing: Pair) -> None:
    alice, bob = knowing({"trust": Trust(peers=(OLD, NEW))}, {"credential": credential(BOB_KEY, NEW)})
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.CERTIFICATE_UNUSABLE]
    assert alice.failures
    assert not bob.engine.sas


def test_the_answer_is_encrypted_for_who_the_caller_says_it_is(network: Network, method: int, mode: Mode) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": (encrypting(method),), "mode": mode}
    alice = network.peer(
        "alice", "192.0.2.1", settings(connection("192.0.2.1", "198.51.100.2", tunnel(), **(both | ALICE)))
    )
    bob = network.peer(
        "bob",
        "198.51.100.2",
        settings(
            *(
                connection(
                    "198.51.100.2",
                    "%any",
                    tunnel(mirrored=True),
                    name=name,
                    **(both | BOB | {"trust": trusting(key), "remote_id": f"{name}@example.org"}),
                )
                for name, key in (("carol", OTHER_KEY), ("alice", ALICE_KEY))
            )
        ),
    )
    alice.calls()
    network.settle()
    assert bob.sa.connection == "alice"
    assert alice.carries.inbound == bob.carries.outbound


def test_beside_other_methods_in_one_offer(network: Network, couple: Couple, method: int) -> None:
    """Main Mode negotiates the method: the table changes with message 2."""
    several = (policy(), encrypting(method, priority=2))
    alice, bob = couple(
        alice=ALICE | {"policies": several}, bob=BOB | {"secret": b"", "policies": (encrypting(method),)}
    )
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_a_caller_in_aggressive_mode_gets_the_table_that_it_asks_for(
    network: Network, couple: Couple, method: int
) -> None:
    """The method of an offer is that of its first transform: no other can be read."""
    called = BOB | {
        "policies": (encrypting(method), policy(priority=2)),
        "aggressive": Aggressive.ACCEPT_PSK,
        "remote_id": None,
    }
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE}, bob=called | {"local_id": None})
    alice.calls()
    network.settle()
    assert bob.sa.chosen is not None
    assert bob.sa.chosen.suite.authentication == AuthenticationMethod.PRE_SHARED_KEY
    assert alice.carries.inbound == bob.carries.outbound


def test_a_method_that_nobody_here_uses(network: Network, couple: Couple, method: int) -> None:
    alice, bob = couple(
        alice=ALICE | {"policies": (encrypting(method),), "mode": Mode.AGGRESSIVE},
        bob={"aggressive": Aggressive.ACCEPT_PSK},
    )
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.NO_PROPOSAL_CHOSEN]
    assert alice.failures == [Code.NO_PROPOSAL_CHOSEN]
    assert not bob.engine.sas


def test_aggressive_mode_is_refused_where_it_is(network: Network, knowing: Pair, mode: Mode) -> None:
    alice, bob = knowing(bob={"aggressive": Aggressive.REFUSE})
    alice.calls()
    network.run(5)
    assert bob.failures == ([Code.WRONG_MODE] if mode is Mode.AGGRESSIVE else [])


# --- as it should not be ----------------------------------------------------------------------------------------------


def test_a_caller_without_its_private_key(network: Network, knowing: Pair) -> None:
    alice, bob = knowing({"credential": credential(OTHER_KEY)})
    alice.calls()
    network.run(60)
    assert not alice.engine.sas
    assert not bob.engine.sas
    assert Code.AUTHENTICATION_FAILED in alice.failures


def test_a_responder_without_its_private_key(network: Network, knowing: Pair) -> None:
    alice, bob = knowing(bob={"credential": credential(OTHER_KEY)})
    alice.calls()
    network.run(60)
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_a_caller_whom_we_do_not_expect(network: Network, knowing: Pair) -> None:
    alice, bob = knowing(bob={"remote_id": "*@example.net"})
    alice.calls(tunnel=None)
    network.run(60)
    assert bob.failures == [Code.ID_MISMATCH]
    assert "alice@example.org" in bob.failure.text
    assert not bob.engine.sas


def test_a_responder_whom_we_do_not_expect(network: Network, knowing: Pair) -> None:
    alice, _ = knowing({"remote_id": "carol.example.org"})
    alice.calls()
    network.run(60)
    assert Code.ID_MISMATCH in alice.failures
    assert not alice.engine.sas


def test_keys_of_a_wrong_length(network: Network, knowing: Pair) -> None:
    alice, bob = knowing({"trust": trusting(authority.rsa_key(5, 3072))})
    alice.calls()
    network.run(60)
    assert not alice.engine.sas
    assert not bob.engine.sas
    assert Code.MALFORMED in bob.failures


def test_a_key_of_the_peer_that_is_too_small(network: Network, knowing: Pair, mode: Mode) -> None:
    alice, bob = knowing(bob={"trust": trusting(authority.rsa_key(6, 1024))})
    alice.calls()
    network.run(60)
    assert Code.CERTIFICATE_UNUSABLE in bob.failures
    assert "1024" in bob.saw(Failure)[0].text
    assert not bob.engine.sas


def test_a_name_that_does_not_fit_under_the_key(network: Network, knowing: Pair, mode: Mode, method: int) -> None:
    alice, bob = knowing({"local_id": "a" * 250 + "@example.org"})
    if method == AuthenticationMethod.RSA_ENCRYPTION and mode is Mode.AGGRESSIVE:
        with pytest.raises(CannotInitiate) as raised:
            alice.calls()
        assert raised.value.code is Code.CERTIFICATE_UNUSABLE
        assert not alice.engine.sas
        return
    alice.calls()
    network.run(60)
    if method == AuthenticationMethod.REVISED_RSA_ENCRYPTION:
        assert alice.carries.inbound == bob.carries.outbound
    else:
        assert alice.failures == [Code.CERTIFICATE_UNUSABLE]
        assert not alice.engine.sas


@pytest.mark.parametrize("by", ["command", "timer"])
def test_a_rekey_whose_first_message_cannot_be_built_is_reported_and_tried_again(
    network: Network, knowing: Pair, mode: Mode, method: int, by: str
) -> None:
    alice, bob = knowing()
    alice.calls()
    network.run(1)
    (known,) = alice.engine.settings.connections
    renamed = replace(known, local_id="a" * 250 + "@example.org")
    alice.is_given(replace(alice.engine.settings, connections=(renamed,)))
    if by == "command":
        alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
        network.run(60)
    else:
        network.run(alice.sa.rekey_at - network.now + 60)
    unbuildable = method == AuthenticationMethod.RSA_ENCRYPTION and mode is Mode.AGGRESSIVE
    assert (alice.failures[:1] == [Code.CERTIFICATE_UNUSABLE]) == (method == AuthenticationMethod.RSA_ENCRYPTION)
    if unbuildable:
        assert alice.sa.state is IkeState.ESTABLISHED
        assert alice.sa.rekey_at > network.now - 60
        assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("number", [PayloadType.NONCE, PayloadType.IDENTIFICATION])
def test_a_body_that_is_of_no_use_shows_only_at_the_HASH(
    network: Network, knowing: Pair, mode: Mode, method: AuthenticationMethod, number: int
) -> None:
    """Whether it was the padding, the length or what is inside: nobody may learn it (Bleichenbacher, 1998)."""
    alice, bob = knowing()
    label = "MM3" if mode is Mode.MAIN else "AM1"

    def damage(payloads: list[Payload]) -> list[Payload]:
        return [
            payload._replace(data=payload.data[:-1] + bytes((payload.data[-1] ^ 1,)))
            if isinstance(payload, Encrypted) and payload.number == number
            else payload
            for payload in payloads
        ]

    network.link = changing(label, damage)
    alice.calls(tunnel=None)
    network.run(1)
    answers = [*dict.fromkeys(name for name in network.labels("bob") if name in ("MM4", "AM2"))]
    revised_nonce = method == AuthenticationMethod.REVISED_RSA_ENCRYPTION and number == PayloadType.NONCE
    # Under a wrong Ke_i the key exchange value is none of the group, whatever it was that made Ke_i wrong
    assert answers == ([] if revised_nonce else ["MM4" if mode is Mode.MAIN else "AM2"])
    network.run(60)
    assert not bob.engine.sas
    assert bob.failures


def test_spoilt_messages_raise_nothing(network: Network, knowing: Pair, mode: Mode) -> None:
    label = "MM3" if mode is Mode.MAIN else "AM1"
    alice, bob = knowing(bob={"remote_address": "%any"})

    def after_others(datagram: Datagram) -> list[Datagram]:
        octets = datagram.octets
        if datagram.label != label:
            return [datagram]
        spoilt = [octets[:place] + bytes((octets[place] ^ 0x81,)) + octets[place + 1 :] for place in range(28, 80, 3)]
        cut = [octets[:24] + size.to_bytes(4) + octets[28:size] for size in range(28, len(octets), 97)]
        # A stranger must not hinder the caller; whoever sits on the way takes its place in any phase 1
        stranger = ("203.0.113.66", 500) if mode is Mode.AGGRESSIVE else datagram.source
        return [datagram._replace(octets=each, source=stranger) for each in (*spoilt, *cut)] + [datagram]

    network.link = after_others
    alice.calls()
    network.settle()
    assert bob.failures
    if mode is Mode.AGGRESSIVE:
        assert alice.child.inbound in [child.outbound for child in bob.children]


def test_a_message_that_was_changed_on_its_way(network: Network, knowing: Pair, mode: Mode) -> None:
    label = "MM4" if mode is Mode.MAIN else "AM2"

    def damage(payloads: list[Payload]) -> list[Payload]:
        return [
            payload._replace(data=bytes(len(payload.data)))
            if isinstance(payload, Encrypted) and payload.number == PayloadType.NONCE
            else payload
            for payload in payloads
        ]

    alice, bob = knowing()
    network.link = changing(label, damage)
    alice.calls(tunnel=None)
    network.run(60)
    assert not alice.engine.sas
    assert not bob.engine.sas


@pytest.mark.parametrize("method", [AuthenticationMethod.REVISED_RSA_ENCRYPTION], indirect=True)
def test_the_nonce_comes_before_what_is_encrypted_with_it(network: Network, knowing: Pair, mode: Mode) -> None:
    label = "MM3" if mode is Mode.MAIN else "AM1"

    def nonce_last(payloads: list[Payload]) -> list[Payload]:
        return sorted(payloads, key=lambda payload: isinstance(payload, Encrypted) and payload.number == 10)

    alice, bob = knowing()
    network.link = changing(label, nonce_last)
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.MALFORMED]


def test_what_is_reported_shows_no_body(network: Network, knowing: Pair) -> None:
    alice, bob = knowing()
    alice.calls(tunnel=None)
    network.settle()
    clear = [payload for seen in bob.saw(MessageSeen) for payload in seen.message.payloads]
    assert not any(type(payload).__name__ in ("Nonce", "Identification") for payload in clear)


# --- another eye ------------------------------------------------------------------------------------------------------


@needs_tshark
def test_tshark_calls_the_messages_well_formed(network: Network, knowing: Pair, mode: Mode, tmp_path: Path) -> None:
    alice, _ = knowing()
    alice.calls(tunnel=None)
    network.settle()
    file = tmp_path / "messages.pcap"
    write_capture(file, [datagram.octets for datagram in network.sent])
    dissections = dissect(file)
    assert len(dissections) == len(LINES[mode])
    for dissection, datagram in zip(dissections, network.sent, strict=True):
        types = [int(value) for name, value in dissection.fields if name == "isakmp.typepayload"]
        assert not [text for text in dissection.complaints if "alformed" in text]
        if not Header.parse(datagram.octets).encrypted:
            message = parse_message(Header.parse(datagram.octets), datagram.octets[28:], HIDDEN)
            assert [number for number in types if number not in (2, 3)] == [
                payload_type(each) for each in message.payloads
            ]


XAUTH_FORMS = {
    AuthenticationMethod.XAUTH_INIT_RSA_ENCRYPTION: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_RSA_ENCRYPTION: Role.RESPONDER,
    AuthenticationMethod.XAUTH_INIT_RSA_REVISED_ENCRYPTION: Role.INITIATOR,
    AuthenticationMethod.XAUTH_RESP_RSA_REVISED_ENCRYPTION: Role.RESPONDER,
}


@pytest.mark.parametrize("form", XAUTH_FORMS)
def test_a_user_logs_in_after_public_key_encryption(
    network: Network, couple: Couple, mode: Mode, form: AuthenticationMethod
) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": (encrypting(form),), "mode": mode}
    as_client = {"xauth": XauthRole.CLIENT, "xauth_user": "carol", "xauth_secret": SECRETS["carol"]}
    as_server = {"xauth": XauthRole.SERVER}
    initiates = XAUTH_FORMS[form] is Role.INITIATOR
    alice, bob = couple(
        alice=ALICE | both | (as_client if initiates else as_server),
        bob=BOB | both | (as_server if initiates else as_client),
    )
    gateway = bob if initiates else alice
    gateway.checks = check
    alice.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert gateway.sa.user_name == "carol"
    assert len(alice.children) == len(bob.children) == 1
    first = next(datagram.octets for datagram in network.sent if datagram.label in ("MM1", "AM1"))
    assert b"\x80\x03" + int(form).to_bytes(2) in first  # the method is announced (RFC 2409 Appendix A)
    assert gateway.sa.suite.authentication == form


@pytest.mark.parametrize("form", XAUTH_FORMS)
def test_a_user_with_a_wrong_password_gets_nothing_after_public_key_encryption(
    network: Network, couple: Couple, mode: Mode, form: AuthenticationMethod
) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": (encrypting(form),), "mode": mode}
    as_client = {"xauth": XauthRole.CLIENT, "xauth_user": "carol", "xauth_secret": b"wrong"}
    initiates = XAUTH_FORMS[form] is Role.INITIATOR
    roles = (as_client, {"xauth": XauthRole.SERVER})
    mine, theirs = roles if initiates else roles[::-1]
    alice, bob = couple(alice=ALICE | both | mine, bob=BOB | both | theirs)
    gateway = bob if initiates else alice
    gateway.checks = check
    alice.calls()
    network.settle()
    assert gateway.failures == [Code.XAUTH_FAILED]
    assert alice.children == bob.children == []
