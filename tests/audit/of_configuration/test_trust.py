"""Certificates and keys in configurations, and whom they believe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authority import DAY, NOW, Authority, der, pkcs8, root, rsa_key
from ikev1.audit.certificates import judge
from ikev1.audit.configuration import audit_configuration
from ikev1.audit.finding import Finding, Severity

Audited = Callable[..., dict[str, list[Finding]]]

SIGNED = """
[connection.branch]
private_key = "key.der"
certificate = "own.pem"
ca = "ca.pem"
remote_id = "C=XX, O=lab, CN=bob"
remote_address = "192.0.2.1"
local_id = "dn"
proposals = ["aes256-sha256-modp2048"]

[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
proposals = ["aes256gcm16"]
pfs = "modp2048"
"""


@pytest.fixture
def ca() -> Authority:
    return root("C=XX, O=lab, CN=root", 1)


@pytest.fixture
def signed(audited: Audited, tmp_path: Path, ca: Authority) -> Audited:
    """The findings about `SIGNED`, with a certificate for an RSA key that is valid as usual."""

    def audit(*changes: tuple[str, str], bits: int = 2048, **options: float) -> dict[str, list[Finding]]:
        key = rsa_key(bits, bits)
        own = ca.issue("C=XX, O=lab, CN=alice", key)
        (tmp_path / "key.der").write_bytes(pkcs8(key))
        (tmp_path / "key.der").chmod(0o600)
        (tmp_path / "own.pem").write_bytes(own.public_bytes(Encoding.PEM))
        (tmp_path / "ca.pem").write_bytes(ca.certificate.public_bytes(Encoding.PEM))
        return audited(*changes, text=SIGNED, **options)

    return audit


def codes(found: dict[str, list[Finding]]) -> set[str]:
    return set(found) - {"ikev1"}


def test_sound_certificates(signed: Audited) -> None:
    assert codes(signed()) == set()


@pytest.mark.parametrize(
    ("after", "severity", "detail"),
    [
        (334 * DAY, None, ""),
        (336 * DAY, Severity.MEDIUM, "29 days"),
        (364.5 * DAY, Severity.MEDIUM, "0 days"),
        (366 * DAY, Severity.HIGH, "2028-01-15"),
        (-2 * DAY, Severity.HIGH, "2027-01-14"),
    ],
)
def test_dates(signed: Audited, after: float, severity: Severity | None, detail: str) -> None:
    found = signed(now=NOW + after)
    assert codes(found) == ({"certificate-dates"} if severity else set())
    for finding in found.get("certificate-dates", []):
        assert finding.severity is severity
        assert "CN=alice" in finding.found
        assert detail in finding.found
        assert finding.evidence[0].key == "connection.branch.certificate"


@pytest.mark.parametrize(("bits", "severity"), [(1024, Severity.HIGH), (1536, Severity.MEDIUM)])
def test_small_keys(signed: Audited, bits: int, severity: Severity) -> None:
    found = signed(bits=bits)
    assert codes(found) == {"small-key"}
    assert found["small-key"][0].severity is severity
    assert str(bits) in found["small-key"][0].found


def test_a_small_key_without_a_certificate(signed: Audited, tmp_path: Path) -> None:
    found = signed(('certificate = "own.pem"\n', ""), ('local_id = "dn"\n', ""), bits=1024)
    assert found["small-key"][0].evidence[0].key == "connection.branch.private_key"


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('remote_id = "C=XX, O=lab, CN=bob"', 'remote_id = "%any"', "any-peer", "remote_id"),
        ('ca = "ca.pem"', 'ca = "ca.pem"\nrevocation = "off"', "revocation-off", "revocation"),
        ('ca = "ca.pem"', 'ca = "ca.pem"\nsmallest_rsa = 1024', "small-key", "smallest_rsa"),
        ('ca = "ca.pem"', 'ca = "ca.pem"\nallow_sha1 = true', "weak-signature", "allow_sha1"),
    ],
)
def test_whom_a_connection_believes(signed: Audited, old: str, new: str, code: str, key: str) -> None:
    found = signed((old, new))
    assert codes(found) == {code}
    assert found[code][0].evidence[0].key == f"connection.branch.{key}"


def test_a_private_key_that_others_can_read(signed: Audited, tmp_path: Path) -> None:
    signed()
    (tmp_path / "key.der").chmod(0o644)
    (tmp_path / "ikev1.toml").chmod(0o600)
    found = audit_configuration(tmp_path / "ikev1.toml", NOW).findings
    assert [finding.code for finding in found if finding.severity is Severity.HIGH] == ["exposed-file"]


SHA256_WITH_RSA, SHA1_WITH_RSA = (bytes.fromhex(f"2a864886f70d0101{last}") for last in ("0b", "05"))


def signed_with_sha1(certificate: x509.Certificate) -> bytes:
    """The same certificate as if it were: OpenSSL makes none any more, and nobody checks the signature here."""
    assert der(certificate).count(SHA256_WITH_RSA) == 2
    return der(certificate).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)


def test_a_certificate_signed_with_sha1() -> None:
    authority = root("C=XX, O=lab, CN=old", key=rsa_key(7))
    leaf = authority.issue("C=XX, O=lab, CN=alice", rsa_key())
    assert list(judge(der(leaf), NOW)) == []
    (found,) = judge(signed_with_sha1(leaf), NOW)
    assert (found.topic.code, found.severity) == ("weak-signature", Severity.MEDIUM)
    assert "SHA1" in found.reason


def test_a_root_may_be_signed_with_anything() -> None:
    """Nobody checks the signature of a CA that is trusted by itself."""
    assert list(judge(signed_with_sha1(root("C=XX, O=lab, CN=old", key=rsa_key(7)).certificate), NOW)) == []


def test_what_is_no_certificate_is_not_judged() -> None:
    assert list(judge(b"not a certificate", NOW)) == []
