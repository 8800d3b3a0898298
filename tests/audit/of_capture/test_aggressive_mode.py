"""What Aggressive Mode gives away."""

from __future__ import annotations

from ikev1.audit.finding import Severity
from ikev1.audit.of_capture.aggressive_mode import exposed_identities, guessable
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.wire.payloads import Hash, Identification
from ikev1.wire.registry import AuthenticationMethod, IdType
from reported import conversation, message, phase1, report, sa, share

USER = Identification(IdType.USER_FQDN, 0, 0, b"joe@example.org")


def aggressive(
    method: int = AuthenticationMethod.PRE_SHARED_KEY, name: Identification = USER
) -> tuple[ParsedConversation, ...]:
    transform = phase1(method=method)
    return parse_report(
        report(
            conversation(
                message("AM1", sa(transform), *share(1), name),
                message("AM2", sa(transform), *share(2), name, Hash(bytes(32)), frame=2),
            )
        )
    )


def test_a_hash_in_the_clear_can_be_guessed() -> None:
    (found,) = guessable(aggressive())
    assert (found.code, found.severity) == ("aggressive-psk", Severity.HIGH)
    (evidence,) = found.evidence
    assert (evidence.frames, evidence.message, evidence.length) == ((2,), "AM2", 36)


def test_the_evidence_points_at_the_hash() -> None:
    readings = aggressive()
    (found,) = guessable(readings)
    octets = bytes.fromhex(readings[0].report.messages[1].plaintext)
    (evidence,) = found.evidence
    assert octets[evidence.offset : evidence.offset + evidence.length] == b"\x00\x00\x00\x24" + bytes(32)


def test_xauth_changes_nothing_about_the_guess() -> None:
    assert list(guessable(aggressive(AuthenticationMethod.XAUTH_INIT_PRE_SHARED)))


def test_a_signature_cannot_be_guessed() -> None:
    assert list(guessable(aggressive(AuthenticationMethod.RSA_SIGNATURES))) == []


def test_main_mode_shows_no_hash() -> None:
    transform = phase1()
    readings = parse_report(report(conversation(message("MM1", sa(transform)), message("MM2", sa(transform)))))
    assert list(guessable(readings)) == []


def test_names_are_exposed() -> None:
    (found,) = exposed_identities(aggressive())
    assert found.severity is Severity.MEDIUM
    assert "joe@example.org" in found.found
    assert len(found.evidence) == 2


def test_an_address_that_the_packet_tells_is_hardly_worth_a_word() -> None:
    address = Identification(IdType.IPV4_ADDR, 0, 0, bytes((192, 0, 2, 1)))
    transform = phase1()
    (found,) = exposed_identities(
        parse_report(report(conversation(message("AM1", sa(transform), *share(), address), mode="Aggressive Mode")))
    )
    assert found.severity is Severity.INFO


def test_a_decrypted_identity_was_exposed_to_nobody() -> None:
    readings = parse_report(report(conversation(message("MM5", USER), message("AM2", USER, encrypted=True))))
    assert list(exposed_identities(readings)) == []
