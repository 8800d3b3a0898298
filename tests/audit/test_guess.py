"""A check of one's own secret against a capture that somebody else made: its HASH_R is right under MYPASSWORD."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from ikev1.audit.finding import Severity
from ikev1.audit.guess import OwnSecret, Proof, check_own_secrets, proofs
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.capture.analyse import Analyst
from ikev1.capture.read import open_capture
from ikev1.lesson.run import Subject, run
from ikev1.wire.payloads import Hash, Identification
from ikev1.wire.registry import AuthenticationMethod, IdType
from reported import conversation, message, phase1, report, sa, share
from shared import CAPTURES

OWN = OwnSecret("our secret", b"MYPASSWORD")
NAME = Identification(IdType.FQDN, 0, 0, b"gateway.example")


def ignore(octets: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def captured() -> tuple[ParsedConversation, ...]:
    file = CAPTURES / "aggressive-mode-psk.pcap"
    if not file.exists():
        pytest.skip(f"{file} is not there")
    analyst = Analyst()
    with open_capture(file) as capture:
        for packet in capture:
            analyst.add(packet)
        return parse_report(analyst.report(file.name, capture.frames))


def words(folder: Path, *lines: str) -> Path:
    file = folder / "words"
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture
def proof(captured: tuple[ParsedConversation, ...]) -> Proof:
    (found,) = proofs(captured)
    return found


def test_the_hash_is_that_of_the_rfc(proof: Proof) -> None:
    """HASH_R by hmac alone: SKEYID = prf(psk, Ni_b | Nr_b), HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | ...)."""
    SKEYID = hmac.digest(b"MYPASSWORD", proof.Ni_b + proof.Nr_b, hashlib.sha1)
    covered = proof.g_xr + proof.g_xi + proof.CKY_R + proof.CKY_I + proof.SAi_b + proof.IDir_b
    assert hmac.digest(SKEYID, covered, hashlib.sha1) == proof.HASH_R
    assert proof.holds(b"MYPASSWORD")
    assert not proof.holds(b"MYPASSWORd")


def test_a_secret_that_is_in_the_list(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    (found,), notes = check_own_secrets(captured, (OWN,), words(tmp_path, "letmein", "MYPASSWORD"), ignore)
    assert (found.code, found.severity) == ("guessable-secret", Severity.HIGH)
    assert found.evidence[0].frames == (2,)
    assert notes == ()


def test_a_secret_whose_root_is_in_the_list(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    (found,), _ = check_own_secrets(captured, (OWN,), words(tmp_path, "mypassword"), ignore)
    assert (found.code, found.severity) == ("guessable-secret", Severity.HIGH)


def test_a_secret_that_is_not_in_the_list(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    (found,), _ = check_own_secrets(captured, (OWN,), words(tmp_path, "letmein"), ignore)
    assert (found.code, found.severity) == ("testable-secret", Severity.HIGH)  # zxcvbn knows it all the same


def test_no_finding_tells_the_secret(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    for lines in (["MYPASSWORD"], ["mypassword"], ["other"]):
        findings, notes = check_own_secrets(captured, (OWN,), words(tmp_path, *lines), ignore)
        assert "mypassword" not in f"{findings} {notes}".lower()
    assert "MYPASSWORD" not in repr(OWN)


def test_an_exchange_of_another_secret_is_left_alone(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    other = OwnSecret("our secret", b"not that of the capture")
    findings, notes = check_own_secrets(captured, (other,), words(tmp_path, "MYPASSWORD"), ignore)
    assert (findings, len(notes)) == ((), 1)


def test_one_of_several_secrets(captured: tuple[ParsedConversation, ...]) -> None:
    other = OwnSecret("another", b"not that of the capture")
    (found,), notes = check_own_secrets(captured, (other, OWN), None, ignore)
    assert found.code == "testable-secret"
    assert OWN.name in found.found
    assert notes == ()


def test_a_list_that_is_not_there(captured: tuple[ParsedConversation, ...], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        check_own_secrets(captured, (OWN,), tmp_path / "missing", ignore)


def aggressive(**options: int) -> tuple[ParsedConversation, ...]:
    chosen = phase1(**options)
    return parse_report(
        report(
            conversation(
                message("AM1", sa(chosen), *share(1), NAME),
                message("AM2", sa(chosen), *share(2), NAME, Hash(bytes(32))),
            )
        )
    )


def test_without_aggressive_mode_there_is_nothing_to_test() -> None:
    main = parse_report(report(conversation(message("MM1", sa(phase1())), message("MM2", sa(phase1())))))
    findings, notes = check_own_secrets(main, (OWN,), None, ignore)
    assert (findings, len(notes)) == ((), 1)


def test_signatures_are_no_proof_of_a_secret() -> None:
    assert list(proofs(aggressive(method=AuthenticationMethod.RSA_SIGNATURES))) == []


def test_a_hash_that_nobody_knows_cannot_be_tested() -> None:
    assert len(list(proofs(aggressive()))) == 1
    assert list(proofs(aggressive(hash=77))) == []


@pytest.mark.parametrize(
    "suite", ["3des-md5-modp1024", "aes128-sha1-ecp256", "aes256-sha384-curve25519", "aes128-sha512-modp2048"]
)
def test_an_exchange_of_ours_verifies_under_its_key_alone(suite: str) -> None:
    analyst = Analyst()
    for datagram in run(Subject.AGGRESSIVE, suite, b"the key of this run").datagrams:
        analyst.add(datagram)
    (proof,) = proofs(parse_report(analyst.report("ours", 3)))
    assert proof.holds(b"the key of this run")
    assert not proof.holds(b"the key of this rum")
    assert not proof.holds(b"")
