"""Encrypted messages open with every kind of key, through losses, repetitions and captures that begin late."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from captured import Recorder, analysed, answer, dh_keys, key_log, labels, only, two
from configured import SECRET, esp, policy, suite
from ikev1.capture.keys import IkeKeys, KeyRing, PreSharedKey, dh_secret
from ikev1.capture.records.report import Conversation, Formula, Message
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey
from ikev1.crypto import keymat, public_keys
from ikev1.crypto.hashes import prf
from ikev1.wire.registry import AuthenticationMethod
from playbook import Network, Peer

IN_AGGRESSIVE_MODE: dict[str, Any] = {
    "alice": {"mode": Mode.AGGRESSIVE},
    "bob": {"aggressive": Aggressive.ACCEPT_PSK},
}
SUITES = [
    "des-md5-modp768",
    "3des-md5-modp1024",
    "3des-sha1-modp1536",
    "aes128-sha1-modp2048",
    "aes192-sha384-modp1024s160",
    "aes256-sha512-ecp384",
    "aes256-md5-ecp256",
    "camellia256-sha256-curve25519",
]


def play(**options: Any) -> tuple[Recorder, Peer, Peer]:
    network = Network()
    alice, bob = two(network, **options)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    return recorder, alice, bob


def checks(conversation: Conversation) -> dict[str, bool | None]:
    """All HASHes and signatures, each with what became of it."""
    return {
        check.name: check.right
        for message in conversation.messages
        for check in message.checks
        if not check.name.startswith("NAT-D")
    }


def formulas(conversation: Conversation) -> dict[str, Formula]:
    return {formula.name: formula for message in conversation.messages for formula in message.formulas}


ALL_RIGHT = dict.fromkeys(("HASH_I", "HASH_R", "HASH(1)", "HASH(2)", "HASH(3)"), True)


@pytest.mark.parametrize("text", SUITES)
def test_a_private_exponent_and_the_secret_open_everything(text: str) -> None:
    recorder, alice, _ = play(policies=(policy(text),), tunnel_options={"proposals": (esp("aes128-sha256-ecp256"),)})
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert all(message.decrypted for message in conversation.messages[4:])
    assert checks(conversation) == ALL_RIGHT
    keys = alice.sa.keys
    assert keys is not None
    found = formulas(conversation)
    assert found["SKEYID_d"].result == keys.SKEYID_d.hex()
    assert found["SKEYID_a"].result == keys.SKEYID_a.hex()
    assert found["encryption key"].result == keys.encryption_key.hex()
    assert (conversation.initiator.identity, conversation.initiator.identity_visible) == ("192.0.2.1", False)
    g_xy = dict(found["SKEYID_d"].inputs)["g^xy"]
    key_ring = KeyRing(dh_secrets=(dh_secret(g_xy, "g^xy"),), pre_shared_keys=(PreSharedKey("the secret", SECRET),))
    assert checks(only(analysed(recorder.packets, key_ring))) == ALL_RIGHT


@pytest.mark.parametrize("options", [{}, IN_AGGRESSIVE_MODE], ids=["main", "aggressive"])
def test_the_key_log_opens_everything_and_proves_nothing(options: dict[str, Any]) -> None:
    recorder, alice, _ = play(**options)
    conversation = only(analysed(recorder.packets, key_log(alice)))
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    assert set(checks(conversation).values()) == {None}
    assert answer(conversation, "keys").codes == ("encryption-key",)


def test_keys_of_others_open_nothing_and_that_is_said() -> None:
    recorder, alice, _ = play()
    sa = alice.sa
    wrong = IkeKeys("another log", sa.CKY_I, bytes(16))
    for key_ring in (KeyRing((wrong,)), dh_keys(recorder, secret=b"not the secret")):
        conversation = only(analysed(recorder.packets, key_ring))
        assert not any(message.decrypted for message in conversation.messages)
        assert answer(conversation, "keys").codes == ("no-match",)


def test_keys_without_a_cookie_are_tried() -> None:
    recorder, alice, _ = play()
    keys = alice.sa.keys
    assert keys is not None
    key_ring = KeyRing((IkeKeys("a", b"", bytes(16)), IkeKeys("b", b"", keys.encryption_key, SKEYID_a=keys.SKEYID_a)))
    conversation = only(analysed(recorder.packets, key_ring))
    assert checks(conversation) == {"HASH_I": None, "HASH_R": None, "HASH(1)": True, "HASH(2)": True, "HASH(3)": True}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("method", "keys"),
    [
        (AuthenticationMethod.RSA_SIGNATURES, [rsa.generate_private_key(65537, 2048) for _ in range(2)]),
        (AuthenticationMethod.ECDSA_SHA256_P256, [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]),
    ],
    ids=["rsa", "ecdsa"],
)
def test_signatures_without_certificates_need_a_key_from_elsewhere(
    mode: Mode, method: AuthenticationMethod, keys: list[Any]
) -> None:
    def proof(own: Any, peers: Any) -> dict[str, Any]:
        credential = Credential(own.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        return {
            "credential": credential,
            "trust": Trust(public_keys=(TrustedKey(public_keys.encode(peers.public_key())),)),
        }

    signing = (replace(policy(), suite=replace(suite("aes128-sha1-ecp256"), authentication=int(method))),)
    recorder, *_ = play(
        alice=proof(*keys) | {"mode": mode},
        bob=proof(*reversed(keys)) | {"aggressive": Aggressive.ACCEPT},
        policies=signing,
        secret=b"",
    )
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    found = checks(conversation)
    assert (found["SIG_I"], found["SIG_R"], found["HASH(1)"], found["HASH(3)"]) == (None, None, True, True)
    assert answer(conversation, "offline-guess").codes == ("no-pre-shared-key",)


# --- Aggressive Mode with a pre-shared key


def test_in_aggressive_mode_the_secret_alone_proves_the_responder() -> None:
    recorder, *_ = play(**IN_AGGRESSIVE_MODE)
    key_ring = KeyRing(pre_shared_keys=(PreSharedKey("a list", b"wrong"), PreSharedKey("a list", SECRET)))
    conversation = only(analysed(recorder.packets, key_ring))
    assert checks(conversation)["HASH_R"] is True
    assert not any(message.decrypted for message in conversation.messages)
    assert formulas(conversation)["SKEYID"].inputs[0] == ("pre-shared-key", SECRET.hex())
    assert answer(conversation, "offline-guess").codes == ("yes",)
    wrong = only(analysed(recorder.packets, KeyRing(pre_shared_keys=(PreSharedKey("a list", b"wrong"),))))
    assert checks(wrong)["HASH_R"] is False


# --- losses, repetitions, order


@pytest.mark.parametrize("lost", ["MM5", "MM6", "QM1", "QM2", "QM3"])
def test_a_message_that_the_capture_missed_spoils_no_other(lost: str) -> None:
    recorder, *_ = play()
    conversation = only(analysed(recorder.without(lost), dh_keys(recorder)))
    encrypted = [message for message in conversation.messages if message.encrypted]
    assert len(encrypted) == 4
    follower = recorder.labels.index(lost) + 2  # the frame after it, whose IV is in the message that was missed
    others = [message for message in encrypted if message.frames != (follower,)]
    assert all(message.decrypted and not message.problems for message in others)
    assert len(others) == (4 if lost == "QM3" else 3)


def test_after_a_missed_message_all_but_the_first_block_is_read() -> None:
    recorder, alice, _ = play()
    conversation = only(analysed(recorder.without("QM1"), key_log(alice)))
    second = conversation.messages[6]
    assert second.decrypted
    assert len(second.problems) == 1
    assert [check.right for check in second.checks] == [None]
    assert "AES_CBC-128/HMAC_SHA2_256/TUNNEL" in second.line
    assert "10.1.0.0/16" in second.line


def test_a_capture_that_begins_after_phase_1_opens_with_the_key_log() -> None:
    network = Network()
    alice, bob = two(network)
    recorder = Recorder(network)
    alice.calls(tunnel=None)
    network.settle()
    after = len(recorder.packets)
    alice.calls()
    network.settle()
    conversation = only(analysed(recorder.packets[after:], key_log(bob)))
    assert labels(conversation) == ["QM1", "QM2", "QM3"]
    assert all(message.decrypted for message in conversation.messages)
    assert "10.1.0.0/16" in conversation.messages[0].line
    assert conversation.messages[0].problems
    assert conversation.messages[1].problems == conversation.messages[2].problems == ()


@pytest.mark.parametrize("seed", range(8))
def test_messages_in_another_order_and_twice(seed: int) -> None:
    recorder, *_ = play()
    mixer = random.Random(seed)
    packets = [*recorder.packets[:5], *mixer.sample(recorder.packets[5:], 4), *mixer.sample(recorder.packets, 9)]
    conversation = only(analysed(packets, dh_keys(recorder)))
    assert [message.retransmission_of is None for message in conversation.messages] == [True] * 9 + [False] * 9
    for message in conversation.messages[9:]:
        assert message.retransmission_of is not None
        first = conversation.messages[message.retransmission_of]
        assert (message.label, message.line, message.decrypted) == (first.label, first.line, first.decrypted)


def test_what_came_too_early_is_opened_later() -> None:
    recorder, *_ = play()
    order = [0, 1, 2, 4, 5, 4, 7, 3, 6, 8]  # message 5 before 4, twice; Quick Mode's second before its first
    conversation = only(analysed([recorder.packets[place] for place in order], dh_keys(recorder)))
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    assert not any(message.problems for message in conversation.messages)
    assert conversation.initiator.identity == "192.0.2.1"
    assert conversation.messages[5].retransmission_of == 3
    assert conversation.messages[5].line == conversation.messages[3].line
    assert checks(conversation) == ALL_RIGHT
    heard = ["MM1", "MM2", "MM3", "MM5", "MM6", "(MM5)", "QM2", "MM4", "QM1", "QM3"]
    assert labels(conversation) == heard


def long_life() -> tuple[Recorder, KeyRing]:
    """A conversation with several Quick Modes, begun by either side, and informational messages."""
    network = Network()
    alice, bob = two(network, tunnel_options={"lifetime": 1200})
    recorder = Recorder(network)
    alice.calls()
    network.run(1500)
    bob.does(lambda engine: engine.initiate("peer", "net", bob.sa.path, network.now))
    network.settle()
    return recorder, dh_keys(recorder)


LIFE, LIFE_RING = long_life()


@settings(max_examples=100, deadline=None)
@example([7, 6])  # both first messages of Quick Mode, the second one first, without the end of phase 1
@given(st.lists(st.integers(4, len(LIFE.packets) - 1), max_size=40))
def test_nobody_is_accused_whatever_a_capture_misses_or_mixes_up(order: list[int]) -> None:
    """Phase 1 up to message 4 is there; of the rest anything, in any order, any number of times."""
    packets = [*LIFE.packets[:4], *(LIFE.packets[place] for place in order)]
    conversation = only(analysed(packets, LIFE_RING))
    spoken = [label.split()[0] for label in LIFE.labels]
    for place, message in zip([0, 1, 2, 3, *order], conversation.messages, strict=True):
        assert [check.name for check in message.checks if check.right is False] == []
        if message.encrypted and message.decrypted and not message.problems:
            assert message.label == spoken[place]
        if message.retransmission_of is not None:
            assert message.label == conversation.messages[message.retransmission_of].label


def test_two_quick_modes_at_once_each_have_their_ivs() -> None:
    network = Network()
    alice, bob = two(network)
    recorder = Recorder(network)
    alice.calls(tunnel=None)
    network.settle()
    alice.calls()
    bob.does(lambda engine: engine.initiate("peer", "net", bob.sa.path, network.now))
    network.settle()
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert sorted(labels(conversation)[6:]) == ["QM1", "QM1", "QM2", "QM2", "QM3", "QM3"]
    assert labels(conversation)[6:8] == ["QM1", "QM1"]
    assert set(checks(conversation).values()) == {True}
    assert not any(message.problems for message in conversation.messages)


def test_deletions_are_informational_with_message_ids_of_their_own() -> None:
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert conversation.outcome == "established"
    told = [message for message in conversation.messages if message.label == "INFO"]
    assert told
    assert all(message.decrypted and message.checks[0].right for message in told)
    assert any("D(" in message.line for message in told)


def payloads(message: Message) -> str:
    """The plaintext without the padding, which no HASH covers."""
    end = min([field.offset for field in message.fields if field.name == "Padding"], default=len(message.plaintext))
    return message.plaintext[: 2 * end]


@pytest.mark.parametrize("label", ["MM6", "QM1", "QM2", "QM3"])  # HASH_I does not cover INITIAL-CONTACT in message 5
def test_no_changed_message_passes_for_a_right_one(label: str) -> None:
    recorder, *_ = play()
    place, key_ring = recorder.labels.index(label), dh_keys(recorder)
    genuine = only(analysed(recorder.packets, key_ring)).messages[place]
    octets = recorder.packets[place].payload
    verdicts: set[bool | None] = set()
    for number in range(28, len(octets), 7):
        changed = octets[:number] + bytes((octets[number] ^ 0x40,)) + octets[number + 1 :]
        packets = [*recorder.packets[:place], recorder.packets[place]._replace(payload=changed)]
        message = only(analysed(packets, key_ring)).messages[place]
        if payloads(message) != payloads(genuine):
            verdicts.update(check.right for check in message.checks)
    assert True not in verdicts
    assert False in verdicts


# --- secrets stay where they belong


def test_without_leave_a_report_has_no_key_material() -> None:
    recorder, alice, _ = play(**IN_AGGRESSIVE_MODE)
    key_ring = dh_keys(recorder)
    keys = alice.sa.keys
    assert keys is not None
    secrets = [keys.SKEYID_d, keys.SKEYID_a, keys.encryption_key, SECRET, alice.carries.inbound.encryption_key]
    for allowed in (False, True):
        shown = str(analysed(recorder.packets, key_ring, with_secrets=allowed))
        assert [octets.hex() in shown for octets in secrets] == [allowed] * 5
        assert not any(repr(octets)[2:-1] in shown for octets in secrets[:3])


def test_formulas_can_be_computed_again() -> None:
    recorder, *_ = play()
    found = formulas(only(analysed(recorder.packets, dh_keys(recorder))))
    inputs = {name: dict(formula.inputs) for name, formula in found.items()}
    octets = {name: bytes.fromhex(value) for name, value in inputs["SKEYID"].items()}
    SKEYID = keymat.SKEYID_psk(4, octets["pre-shared-key"], octets["Ni_b"], octets["Nr_b"])
    assert SKEYID.hex() == found["SKEYID"].result == inputs["HASH_I"]["SKEYID"]
    covered = b"".join(bytes.fromhex(value) for name, value in found["HASH_I"].inputs[1:])
    assert prf(4, SKEYID, covered).hex() == found["HASH_I"].result
