"""What people ask of a conversation, and what a capture can answer."""

from __future__ import annotations

from typing import Any

import pytest

from captured import Recorder, analysed, answer, dh_keys, labels, only, two
from configured import ALICE, BOB, SECRET, connection, esp, policy, settings, tunnel
from ikev1.capture.keys import KeyRing
from ikev1.capture.records.report import Answer, Conversation
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES
from playbook import Network


def play(seconds: float = 0.0, **options: Any) -> Recorder:
    network = Network()
    alice, _ = two(network, **options)
    recorder = Recorder(network)
    alice.calls()
    network.run(seconds)
    return recorder


def answered(recorder: Recorder, question: str, **options: Any) -> Answer:
    return answer(only(analysed(recorder.packets, **options)), question)


def questions(conversation: Conversation) -> list[str]:
    return [found.question for found in conversation.answers]


# --- group


@pytest.mark.parametrize("number", [14, 2])
def test_the_group_names_p_and_g(number: int) -> None:
    recorder = play(policies=(policy("aes128-sha256-modp2048" if number == 14 else "aes128-sha256-modp1024"),))
    found = answered(recorder, "group")
    text = found.text
    p = f"{OAKLEY_PRIMES[number].prime():x}"
    assert found.codes == ("selected",)
    assert f"(MODP_{2048 if number == 14 else 1024})" in text
    assert f"{p[:32]}...{p[-32:]}" in text
    assert ("RFC 3526 §3" if number == 14 else "RFC 2409 §6.2") in text


def test_a_curve_goes_by_its_name() -> None:
    found = answered(play(), "group")
    assert found.codes == ("selected",)
    assert "P-256 (RFC 5903 §3.1)" in found.text
    assert "mod p" not in found.text


def test_a_group_that_nobody_took_is_only_offered() -> None:
    recorder = play(bob={"policies": (policy("aes256-sha256-ecp384"),)})
    found = answered(recorder, "group")
    assert found.codes == ("not-selected",)
    assert "group 19 (ECP_256)" in found.text


# --- identities, guesses


def test_main_mode_hides_identities_and_aggressive_mode_shows_them() -> None:
    assert answered(play(), "identities").codes == ("initiator-encrypted", "responder-encrypted")
    bob = {"aggressive": Aggressive.ACCEPT_PSK, "remote_id": "*@example.org"}
    aggressive = play(alice={"mode": Mode.AGGRESSIVE, "local_id": "alice@example.org"}, bob=bob)
    conversation = only(analysed(aggressive.packets))
    assert answer(conversation, "identities").codes == ("initiator-visible", "responder-visible")
    assert "alice@example.org" in answer(conversation, "identities").text
    assert conversation.initiator.identity_visible
    assert answer(conversation, "offline-guess").frames == (1, 2)
    assert answer(conversation, "offline-guess").codes == ("yes",)


@pytest.mark.parametrize(("suite", "small"), [("aes128-sha1-modp1024", True), ("aes128-sha1-modp2048", False)])
def test_a_small_group_is_no_protection_against_everybody(suite: str, small: bool) -> None:
    conversation = only(analysed(play(policies=(policy(suite),)).packets))
    assert answer(conversation, "offline-guess").codes == (("weak-group",) if small else ("no",))


def test_a_key_that_does_not_fit_is_none() -> None:
    recorder = play(alice={"mode": Mode.AGGRESSIVE}, bob={"aggressive": Aggressive.ACCEPT_PSK})
    without_dh = {secret: dh_keys(recorder, secret=secret).pre_shared_keys for secret in (SECRET, b"another")}
    for secret, code in ((SECRET, "pre-shared-key"), (b"another", "no-match")):
        key_ring = KeyRing(pre_shared_keys=without_dh[secret])
        assert answered(recorder, "keys", key_ring=key_ring).codes == (code,)


def test_an_identity_that_was_decrypted_was_not_visible() -> None:
    recorder = play()
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    assert answer(conversation, "identities").codes == ("initiator-encrypted", "responder-encrypted")
    assert conversation.initiator.identity in answer(conversation, "identities").text
    assert answer(conversation, "offline-guess").codes == ("no",)


# --- lifetimes, refusals


def test_lifetimes_of_both_phases() -> None:
    recorder = play(policies=(policy(lifetime=7200),), tunnel_options={"lifetime": 1200})
    text = answered(recorder, "lifetimes", key_ring=dh_keys(recorder)).text
    assert (text.count("2h"), text.count("20m")) == (2, 2)  # offered and selected


def test_many_quick_modes_of_which_the_same_is_true_are_told_together() -> None:
    recorder = play()
    first = recorder.packets[6:9]
    again = [
        each._replace(payload=each.payload[:20] + bytes((0, 0, 0, n)) + each.payload[24:])
        for n in range(1, 40)
        for each in first
    ]
    conversation = only(analysed([*recorder.packets, *again]))
    for question in ("pfs", "lifetimes"):
        assert "36 more" in answer(conversation, question).text
        assert answer(conversation, question).text.count("Quick Mode") == 1


def test_a_refused_offer_is_told_beside_what_the_other_side_wants() -> None:
    network = Network()
    of_alice = connection(ALICE, BOB, tunnel(), policies=(policy("aes128-sha1-ecp256"),))
    of_bob = connection(BOB, ALICE, tunnel(mirrored=True), policies=(policy("aes128-sha256-ecp256"),))
    alice = network.peer("alice", ALICE, settings(of_alice))
    bob = network.peer("bob", BOB, settings(of_bob))
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    bob.calls()
    network.settle()
    report = analysed(recorder.packets)
    assert [labels(conversation) for conversation in report.conversations] == [["MM1", "INFO"]] * 2
    first = answer(report.conversations[0], "refusal")
    assert first.codes == ("NO_PROPOSAL_CHOSEN", "offer", "hash-differs")
    assert "AES_CBC-128/SHA1/ECP_256/PRE_SHARED_KEY for 24h" in first.text
    assert "AES_CBC-128/SHA2_256/ECP_256/PRE_SHARED_KEY" in first.text
    assert [conversation.outcome for conversation in report.conversations] == ["failed", "failed"]
    assert [conversation.suite for conversation in report.conversations] == ["", ""]


def test_a_refused_tunnel() -> None:
    recorder = play(bobs_tunnel={"proposals": (esp("aes256gcm16"),)})
    conversation = only(analysed(recorder.packets, dh_keys(recorder)))
    refusal = answer(conversation, "refusal")
    assert refusal.codes == ("NO_PROPOSAL_CHOSEN", "offer")
    assert "AES_CBC-128/HMAC_SHA2_256/TUNNEL for 1h" in refusal.text
    assert conversation.outcome == "established"


def test_networks_that_nobody_has() -> None:
    recorder = play(bobs_tunnel={"local": "10.9.0.0/16"})
    assert answered(recorder, "refusal", key_ring=dh_keys(recorder)).codes == ("INVALID_ID_INFORMATION",)


def test_authentication_cannot_fail_before_anything_was_to_be_proved() -> None:
    """strongSwan says so to first messages for which it has no connection."""
    recorder = play(bob={"policies": (policy("aes256-sha256-ecp384"),)})
    refusal = recorder.packets[1]
    no_proposal, failed = (number.to_bytes(2) for number in (14, 24))
    assert refusal.payload[38:40] == no_proposal  # the type, in a message of one notification
    changed = refusal._replace(payload=refusal.payload[:38] + failed + refusal.payload[40:])
    found = answer(only(analysed([recorder.packets[0], changed])), "refusal")
    assert found.codes == ("AUTHENTICATION_FAILED", "before-authentication")


def test_another_secret_shows_after_message_5() -> None:
    recorder = play(60, bob={"secret": b"another"})
    conversation = only(analysed(recorder.packets))
    assert labels(conversation) == ["MM1", "MM2", "MM3", "MM4", "MM5", "INFO"]
    assert conversation.outcome == "failed"
    assert answer(conversation, "refusal").codes == ("PAYLOAD_MALFORMED",)


def test_a_refusal_in_place_of_message_6_shows_even_if_it_is_encrypted() -> None:
    recorder = play()
    sixth = recorder.packets[5]
    refusal = sixth._replace(payload=sixth.payload[:18] + b"\x05" + sixth.payload[19:20] + b"abcd" + sixth.payload[24:])
    conversation = only(analysed([*recorder.packets[:5], refusal]))
    assert labels(conversation) == ["MM1", "MM2", "MM3", "MM4", "MM5", "INFO"]
    assert conversation.outcome == "failed"
    assert answer(conversation, "refusal").codes == ("encrypted-refusal",)


# --- makers, keys


def test_makers_come_from_vendor_ids() -> None:
    conversation = only(analysed(play().packets))
    assert (conversation.initiator.maker, conversation.initiator.vendor_ids[0]) == ("", "NAT-T RFC 3947")
    assert "NAT-T RFC 3947" in answer(conversation, "makers").text


def test_without_keys_it_is_said_what_would_open_the_rest() -> None:
    assert answered(play(), "keys").codes == ("none",)


def test_what_the_capture_says_nothing_about_is_not_answered() -> None:
    recorder = play()
    conversation = only(analysed(recorder.packets[:1]))
    assert questions(conversation) == ["silence", "group", "identities", "offline-guess", "lifetimes", "makers"]
