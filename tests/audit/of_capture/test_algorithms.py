"""Weak algorithms, chosen and offered."""

from __future__ import annotations

import pytest

from ikev1.audit.finding import Severity
from ikev1.audit.of_capture.algorithms import chosen_in_phase1, chosen_in_phase2, offered_in_phase1
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.wire.payloads import Transform
from ikev1.wire.registry import (
    AhTransform,
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    IntegrityAlgorithm,
    ProtocolId,
)
from reported import conversation, message, phase1, phase2, report, sa


def negotiated(chosen: Transform, *offered: Transform) -> tuple[ParsedConversation, ...]:
    return parse_report(
        report(conversation(message("MM1", sa(*(offered or (chosen,)))), message("MM2", sa(chosen), frame=2)))
    )


def protected(chosen: Transform, protocol: int = ProtocolId.ESP) -> tuple[ParsedConversation, ...]:
    return parse_report(report(conversation(message("QM2", sa(chosen, protocol=protocol)))))


@pytest.mark.parametrize(
    ("transform", "code", "severity"),
    [
        (phase1(encryption=Encryption.DES_CBC), "weak-cipher", Severity.HIGH),
        (phase1(encryption=Encryption.TRIPLE_DES_CBC), "weak-cipher", Severity.MEDIUM),
        (phase1(encryption=Encryption.BLOWFISH_CBC), "weak-cipher", Severity.MEDIUM),
        (phase1(hash=HashAlgorithm.MD5), "weak-hash", Severity.MEDIUM),
        (phase1(hash=HashAlgorithm.SHA1), "weak-hash", Severity.INFO),
        (phase1(group=Group.MODP_768), "weak-group", Severity.HIGH),
        (phase1(group=Group.MODP_1024), "weak-group", Severity.HIGH),
        (phase1(group=Group.MODP_1536), "weak-group", Severity.MEDIUM),
        (phase1(group=Group.MODP_1024_160), "weak-group", Severity.HIGH),
        (phase1(group=Group.MODP_2048_256), "weak-group", Severity.MEDIUM),
        (phase1(group=Group.ECP_192), "weak-group", Severity.MEDIUM),
    ],
)
def test_a_weak_choice_in_phase_1(transform: Transform, code: str, severity: Severity) -> None:
    (found,) = chosen_in_phase1(negotiated(transform))
    assert (found.code, found.severity) == (code, severity)


@pytest.mark.parametrize("group", [Group.MODP_2048, Group.MODP_3072, Group.ECP_256, Group.CURVE_25519])
def test_a_sound_choice_in_phase_1(group: int) -> None:
    assert list(chosen_in_phase1(negotiated(phase1(group=group)))) == []


def test_each_weakness_is_a_finding_of_its_own() -> None:
    transform = phase1(encryption=Encryption.TRIPLE_DES_CBC, hash=HashAlgorithm.MD5, group=Group.MODP_1024)
    assert [found.code for found in chosen_in_phase1(negotiated(transform))] == [
        "weak-cipher",
        "weak-hash",
        "weak-group",
    ]


def test_the_evidence_is_the_transform_that_was_chosen() -> None:
    readings = negotiated(phase1(encryption=Encryption.DES_CBC))
    (found,) = chosen_in_phase1(readings)
    (evidence,) = found.evidence
    octets = bytes.fromhex(readings[0].report.messages[1].plaintext)
    assert evidence.offset + evidence.length == len(octets)  # the only transform of the only payload
    assert octets[evidence.offset + 8 : evidence.offset + 12] == b"\x80\x01\x00\x01"  # ENCRYPTION_ALGORITHM = DES_CBC


def test_what_is_offered_and_not_chosen() -> None:
    readings = negotiated(phase1(), phase1(), phase1(encryption=Encryption.DES_CBC), phase1(group=Group.MODP_1024))
    (found,) = offered_in_phase1(readings)
    assert (found.code, found.severity) == ("weak-offer", Severity.LOW)
    assert "DES_CBC, MODP_1024" in found.found
    offsets = [evidence.offset for evidence in found.evidence]
    octets = bytes.fromhex(readings[0].report.messages[0].plaintext)
    assert [octets[offset + 11] for offset in offsets] == [Encryption.DES_CBC, Encryption.AES_CBC]


def test_what_is_chosen_is_not_said_again_of_the_offer() -> None:
    assert list(offered_in_phase1(negotiated(phase1(encryption=Encryption.DES_CBC)))) == []


def test_an_offer_of_sha1_is_not_worth_a_word() -> None:
    assert list(offered_in_phase1(negotiated(phase1(), phase1(), phase1(hash=HashAlgorithm.SHA1)))) == []


@pytest.mark.parametrize(
    ("transform", "codes"),
    [
        (phase2(EspTransform.TRIPLE_DES, IntegrityAlgorithm.HMAC_SHA2_256), ["weak-cipher"]),
        (phase2(EspTransform.AES_CBC, IntegrityAlgorithm.HMAC_MD5), ["weak-hash"]),
        (phase2(EspTransform.NULL, IntegrityAlgorithm.HMAC_SHA2_256), ["null-encryption"]),
        (phase2(EspTransform.AES_CBC), ["no-integrity"]),
        (phase2(EspTransform.NULL), ["null-encryption", "no-integrity"]),
        (phase2(EspTransform.AES_CBC, IntegrityAlgorithm.HMAC_SHA2_256, Group.MODP_1024), ["weak-group"]),
        (phase2(EspTransform.AES_CBC, IntegrityAlgorithm.HMAC_SHA2_256, Group.MODP_2048), []),
        (phase2(EspTransform.AES_GCM_16), []),
        (phase2(EspTransform.NULL_AUTH_AES_GMAC), ["null-encryption"]),
    ],
)
def test_the_protection_of_traffic(transform: Transform, codes: list[str]) -> None:
    assert [found.code for found in chosen_in_phase2(protected(transform))] == codes


def test_a_group_behind_another_weighs_less() -> None:
    transform = phase2(EspTransform.AES_CBC, IntegrityAlgorithm.HMAC_SHA2_256, Group.MODP_1024)
    (found,) = chosen_in_phase2(protected(transform))
    assert found.severity is Severity.MEDIUM


def test_ah_hides_nothing() -> None:
    transform = phase2(AhTransform.SHA2_256, IntegrityAlgorithm.HMAC_SHA2_256)
    (found,) = chosen_in_phase2(protected(transform, ProtocolId.AH))
    assert found.code == "null-encryption"


def test_ah_and_esp_together_do_for_each_other_what_one_leaves_out() -> None:
    authenticated = sa(phase2(AhTransform.SHA2_256, IntegrityAlgorithm.HMAC_SHA2_256), protocol=ProtocolId.AH)
    encrypted = sa(phase2(EspTransform.AES_CBC), protocol=ProtocolId.ESP)
    both = encrypted._replace(proposals=authenticated.proposals + encrypted.proposals)
    assert [
        found.code for found in chosen_in_phase2(parse_report(report(conversation(message("QM2", encrypted)))))
    ] == ["no-integrity"]
    assert list(chosen_in_phase2(parse_report(report(conversation(message("QM2", both)))))) == []


def test_ipcomp_is_no_protection_to_judge() -> None:
    readings = parse_report(report(conversation(message("QM2", sa(phase2(2), protocol=ProtocolId.IPCOMP)))))
    assert list(chosen_in_phase2(readings)) == []
