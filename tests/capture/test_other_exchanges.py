"""Fragments, certificates, encrypted bodies, mode config and New Group Mode: what is seldom met, but met."""

from __future__ import annotations

from typing import Any

import pytest

import authority
from captured import Recorder, analysed, answer, dh_keys, key_log, labels, only, two
from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from ikev1.capture.records.packets import Datagram
from ikev1.core.records.certificate_check import Trusted
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey
from ikev1.crypto import cipher, keymat, public_keys
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import Header
from ikev1.wire.message import build_chain, build_message
from ikev1.wire.payloads import (
    ConfigAttributes,
    Fragment,
    Hash,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
)
from ikev1.wire.registry import (
    AuthenticationMethod,
    ConfigAttribute,
    ConfigType,
    ExchangeType,
    NotifyType,
    Phase1Attribute,
    ProtocolId,
)
from playbook import Network, Peer

ALICE_KEY, BOB_KEY = authority.rsa_key(1), authority.rsa_key(2)


def play(**options: Any) -> tuple[Recorder, Peer, Peer]:
    network = Network()
    alice, bob = two(network, **options)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return recorder, alice, bob


def datagram(recorder: Recorder, place: int) -> Datagram:
    packet = recorder.packets[place]
    assert isinstance(packet, Datagram)
    return packet


# --- fragments


def fragments(whole: Datagram, size: int, first_frame: int) -> list[Datagram]:
    """``whole`` as its sender may have cut it (MS-IKEE §2.2.3.1)."""
    header = Header.parse(whole.payload)._replace(flags=0)
    pieces = [whole.payload[start : start + size] for start in range(0, len(whole.payload), size)]
    return [
        whole._replace(
            frames=(first_frame + number,),
            payload=build_message(header, [Fragment(1, number, number == len(pieces), piece)]),
        )
        for number, piece in enumerate(pieces, 1)
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_fragments_are_one_message(order: tuple[int, ...]) -> None:
    recorder, *_ = play()
    pieces = fragments(datagram(recorder, 4), 40, 100)
    assert len(pieces) == 3
    packets = [*recorder.packets[:4], *(pieces[place] for place in order), *recorder.packets[5:]]
    conversation = only(analysed(packets, dh_keys(recorder)))
    assert labels(conversation) == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]
    fifth = conversation.messages[4]
    assert fifth.frames == (101, 102, 103)
    assert fifth.octets == datagram(recorder, 4).payload.hex()
    assert fifth.decrypted


def test_a_fragment_that_is_missing_is_said() -> None:
    recorder, *_ = play()
    pieces = fragments(datagram(recorder, 4), 40, 100)
    report = analysed([*recorder.packets[:4], pieces[0], pieces[2]])
    (note,) = report.notes
    assert "101, 103" in note


# --- certificates


def test_signatures_are_checked_with_the_certificates_in_the_messages() -> None:
    ca = authority.root("C=XX, O=lab, CN=root", 1)
    signing = (replace(policy(), suite=replace(suite("aes128-sha1-ecp256"), authentication=3)),)
    network = Network()
    peers = []
    for name, key, here, there in (("alice", ALICE_KEY, ALICE, BOB), ("bob", BOB_KEY, BOB, ALICE)):
        certificate = authority.der(ca.issue(f"C=XX, O=lab, CN={name}", key))
        options: dict[str, Any] = {
            "policies": signing,
            "secret": b"",
            "credential": Credential(authority.pkcs8(key), (certificate,)),
            "trust": Trust((ca.der,)),
            "local_id": f"C=XX, O=lab, CN={name}",
            "remote_id": "C=XX, O=lab, CN=*",
        }
        peers.append(network.peer(name, here, settings(connection(here, there, tunnel(), **options))))
    alice, bob = peers
    recorder = Recorder(network)
    alice.calls(tunnel=None)
    network.settle()
    bob.is_told(Trusted(public_keys.encode(ALICE_KEY.public_key()), "CN=alice"))
    network.settle()
    alice.is_told(Trusted(public_keys.encode(BOB_KEY.public_key()), "CN=bob"))
    network.settle()
    assert alice.failures == bob.failures == []
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert labels(conversation) == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]
    checks = [check for message in conversation.messages[4:] for check in message.checks]
    assert [(check.name, check.right) for check in checks] == [("SIG_I", True), ("SIG_R", True)]
    assert conversation.initiator.identity == "C=XX, O=lab, CN=alice"
    # Whoever changes what the signature covers, spoils it
    spoiled = list(recorder.packets)
    octets = datagram(recorder, 0).payload
    place = octets.index(b"\x80\x0b\x00\x01") + 10  # a digit of the lifetime in SAi_b
    spoiled[0] = datagram(recorder, 0)._replace(payload=octets[:place] + b"\x01" + octets[place + 1 :])
    checks = [check for message in only(analysed(spoiled, dh_keys(recorder))).messages for check in message.checks]
    assert [check.right for check in checks if check.name.startswith("SIG")] == [False, False]


# --- public key encryption


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "method", [AuthenticationMethod.RSA_ENCRYPTION, AuthenticationMethod.REVISED_RSA_ENCRYPTION], ids=["rsa", "revised"]
)
def test_what_is_encrypted_with_public_keys_stays_closed(mode: Mode, method: AuthenticationMethod) -> None:
    def side(key: authority.PrivateKey, peer: authority.PrivateKey) -> dict[str, Any]:
        trust = Trust(public_keys=(TrustedKey(public_keys.encode(peer.public_key())),))
        return {"credential": Credential(authority.pkcs8(key)), "trust": trust}

    encrypting = (replace(policy(), suite=replace(suite("aes128-sha256-ecp256"), authentication=int(method))),)
    recorder, alice, bob = play(
        alice=side(ALICE_KEY, BOB_KEY) | {"mode": mode},
        bob=side(BOB_KEY, ALICE_KEY) | {"aggressive": Aggressive.ACCEPT},
        policies=encrypting,
        secret=b"",
    )
    assert alice.failures == bob.failures == []
    conversation = only(analysed(recorder.packets, key_log(alice)))
    first = ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"] if mode is Mode.MAIN else ["AM1", "AM2", "AM3"]
    assert labels(conversation) == [*first, "QM1", "QM2", "QM3"]
    assert not any(message.problems for message in conversation.messages)
    assert (conversation.initiator.identity, conversation.initiator.identity_visible) == ("", False)
    assert "encrypted octets)" in conversation.messages[2 if mode is Mode.MAIN else 0].line
    assert answer(conversation, "identities").codes == ("initiator-encrypted", "responder-encrypted")
    opened = [message.decrypted for message in conversation.messages if message.encrypted]
    assert all(opened[-3:])  # Quick Mode; the IV of phase 1 is of g^xi, which the revised method hides


# --- exchanges of our own making


def sealed(peer: Peer, exchange: int, message_id: int, iv: bytes, payloads: list[Payload]) -> bytes:
    """An encrypted message of ``peer`` with a right HASH(1)."""
    sa, keys, chosen = peer.sa, peer.sa.keys, peer.sa.chosen
    assert keys is not None
    assert chosen is not None
    hash = chosen.suite.hash
    _, rest = build_chain(payloads)
    first, chain = build_chain([Hash(keymat.HASH_1(hash, keys.SKEYID_a, message_id, rest)), *payloads])
    header = Header(sa.CKY_I, sa.CKY_R, first, exchange, 1, message_id, 0)
    plaintext = cipher.pad(chain, 16)
    ciphertext = cipher.encrypt(chosen.suite.encryption, keys.encryption_key, iv, plaintext)
    return header._replace(length=28 + len(ciphertext)).build() + ciphertext


def first_iv(peer: Peer, message_id: int) -> bytes:
    assert peer.sa.keys is not None
    assert peer.sa.chosen is not None
    return keymat.phase2_iv(peer.sa.chosen.suite.hash, peer.sa.keys.last_block, message_id, 16)


def test_xauth_in_several_messages_of_one_exchange() -> None:
    recorder, alice, _ = play()
    key_ring = dh_keys(recorder)
    asked = ConfigAttributes(ConfigType.REQUEST, 1, (Attribute(ConfigAttribute.XAUTH_USER_NAME, b""),))
    told = ConfigAttributes(
        ConfigType.REPLY,
        1,
        (Attribute(ConfigAttribute.XAUTH_USER_NAME, b"alice"), Attribute(ConfigAttribute.XAUTH_USER_PASSWORD, b"pw")),
    )
    request = sealed(alice, ExchangeType.TRANSACTION, 7, first_iv(alice, 7), [asked])
    reply = sealed(alice, ExchangeType.TRANSACTION, 7, request[-16:], [told])
    from_bob, from_alice = datagram(recorder, 1), datagram(recorder, 0)
    packets = [*recorder.packets, from_bob._replace(payload=request), from_alice._replace(payload=reply)]
    conversation = only(analysed(packets, key_ring))
    assert labels(conversation)[-2:] == ["CFG", "CFG"]
    first, second = conversation.messages[-2:]
    assert (first.sender, second.sender) == ("responder", "initiator")
    assert [check.right for check in (*first.checks, *second.checks)] == [True, True]
    assert "XAUTH_USER_NAME=alice XAUTH_USER_PASSWORD(2 octets)" in second.line.replace(",", "")
    assert answer(conversation, "identities").codes[2:] == ("xauth-user-encrypted",)
    assert "alice" in answer(conversation, "identities").text
    assert first.security != second.security  # one asks for the user, the other contains a password
    assert "silence" not in {each.question for each in conversation.answers}
    unanswered = only(analysed(packets[:-1], key_ring))
    assert answer(unanswered, "silence").codes == ("initiator-silent",)


def test_new_group_mode() -> None:
    recorder, alice, _ = play()
    attributes = (Attribute(Phase1Attribute.GROUP_DESCRIPTION, 32769), Attribute(Phase1Attribute.GROUP_TYPE, 1))
    offer = SecurityAssociation(1, 1, (Proposal(1, ProtocolId.ISAKMP, b"", (Transform(1, 1, attributes),)),))
    asked = sealed(alice, ExchangeType.NEW_GROUP_MODE, 9, first_iv(alice, 9), [offer])
    answered = sealed(alice, ExchangeType.NEW_GROUP_MODE, 9, asked[-16:], [offer])
    packets = [
        *recorder.packets,
        datagram(recorder, 0)._replace(payload=asked),
        datagram(recorder, 1)._replace(payload=answered),
    ]
    conversation = only(analysed(packets, dh_keys(recorder)))
    assert labels(conversation)[-2:] == ["NGM1", "NGM2"]
    assert conversation.messages[-1].exchange == "New Group Mode"
    assert answer(conversation, "group").codes == ("selected", "new-group")


def test_a_question_whether_the_peer_lives_that_nobody_answers() -> None:
    recorder, alice, _ = play()

    def asks(kind: NotifyType, message_id: int) -> bytes:
        payload = Notification(1, ProtocolId.ISAKMP, alice.sa.cookies, kind, bytes(4))
        return sealed(alice, ExchangeType.INFORMATIONAL, message_id, first_iv(alice, message_id), [payload])

    question = datagram(recorder, 0)._replace(payload=asks(NotifyType.R_U_THERE, 11))
    reply = datagram(recorder, 1)._replace(payload=asks(NotifyType.R_U_THERE_ACK, 12))
    key_ring = dh_keys(recorder)
    answered = only(analysed([*recorder.packets, question, reply], key_ring))
    assert "silence" not in {each.question for each in answered.answers}
    in_vain = only(analysed([*recorder.packets, question, reply, question], key_ring))
    assert "responder-dpd-unanswered" in answer(in_vain, "silence").codes


def test_ipv6() -> None:
    network = Network()
    a, b = "2001:db8::1", "2001:db8::2"
    alice = network.peer("alice", a, settings(connection(a, b, tunnel())))
    network.peer("bob", b, settings(connection(b, a, tunnel(mirrored=True))))
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    conversation = only(analysed(recorder.packets))
    assert conversation.messages[0].source == "2001:db8::1[500]"
    assert [check.right for message in conversation.messages for check in message.checks] == [True] * 4
