"""Certificates in messages, judged at the time at which they passed."""

from __future__ import annotations

from authority import DAY, NOW, der, ec_key, root
from ikev1.audit.finding import Severity
from ikev1.audit.of_capture.certificates import certificates
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding
from reported import conversation, message, report


def sent(after: float, encoding: int = CertificateEncoding.X509_SIGNATURE) -> tuple[ParsedConversation, ...]:
    """A certificate of one year that passes in Aggressive Mode so many seconds after it was made."""
    leaf = der(root("C=XX, O=lab, CN=root", 1).issue("C=XX, O=lab, CN=bob", ec_key(2)))
    return parse_report(report(conversation(message("AM2", Certificate(encoding, leaf), time=NOW + after))))


def test_a_certificate_in_its_time() -> None:
    assert list(certificates(sent(0))) == []


def test_one_that_had_expired() -> None:
    (found,) = certificates(sent(366 * DAY))
    assert (found.code, found.severity) == ("certificate-dates", Severity.HIGH)
    assert found.evidence[0].message == "AM2"
    assert found.evidence[0].offset == 28


def test_one_that_was_about_to() -> None:
    (found,) = certificates(sent(350 * DAY))
    assert found.severity is Severity.MEDIUM


def test_other_encodings_are_not_judged() -> None:
    assert list(certificates(sent(366 * DAY, CertificateEncoding.CRL))) == []
