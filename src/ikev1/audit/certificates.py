"""Findings about a certificate, from a capture or a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa

from ikev1.audit.algorithms import Judgement
from ikev1.audit.finding import Severity
from ikev1.audit.limits import SOON, date
from ikev1.audit.topics import topic
from ikev1.crypto import certificates
from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.errors import Malformed

SMALLEST_RSA_BITS = 2048
_BROKEN_RSA_BITS = 1024
_BROKEN_HASHES = {"md5": Severity.HIGH, "sha1": Severity.MEDIUM}


def judge(der: bytes, now: float) -> Iterator[Judgement]:
    """Judge a certificate at time ``now`` (seconds since 1970). Octets that are not a certificate yield nothing."""
    try:
        certificate = read(der)
    except Malformed:
        return
    yield from _judge_dates(certificate, now)
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        yield from judge_rsa_size(f"the certificate of {certificate.text}", key.key_size)
    yield from _judge_signature(certificate)


def judge_rsa_size(what: str, bits: int) -> Iterator[Judgement]:
    """Judge the size of an RSA key, whose owner is ``what``."""
    if bits < SMALLEST_RSA_BITS:
        severity = Severity.HIGH if bits <= _BROKEN_RSA_BITS else Severity.MEDIUM
        yield Judgement(topic("small-key"), severity, f"{what} has an RSA key of {bits} bits")


def _judge_dates(certificate: X509Certificate, now: float) -> Iterator[Judgement]:
    starts, ends = certificates.validity(certificate.der)
    who = f"the certificate of {certificate.text}"
    if now > ends:
        yield Judgement(topic("certificate-dates"), Severity.HIGH, f"{who} expired on {date(ends)}")
    elif now < starts:
        yield Judgement(topic("certificate-dates"), Severity.HIGH, f"{who} is not valid before {date(starts)}")
    elif ends - now < SOON:
        days = int((ends - now) // 86_400)
        when = f"in {days} day{'s'[: days != 1]}, on {date(ends)}"
        yield Judgement(topic("certificate-dates"), Severity.MEDIUM, f"{who} expires {when}")


def _judge_signature(certificate: X509Certificate) -> Iterator[Judgement]:
    """Judge the hash of the signature, except of a self-signed certificate, whose signature is not verified."""
    hash = certificate.digest
    if hash is None or certificates.names(certificate.der).is_self_issued or hash.name not in _BROKEN_HASHES:
        return
    reason = f"the certificate of {certificate.text} is signed with {hash.name.upper()}"
    yield Judgement(topic("weak-signature"), _BROKEN_HASHES[hash.name], reason)
