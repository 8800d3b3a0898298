"""Certificates, keys and revocation checks of connections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.asymmetric import rsa

from ikev1.audit.algorithms import Judgement
from ikev1.audit.certificates import SMALLEST_RSA_BITS, judge, judge_rsa_size
from ikev1.audit.finding import Finding, Severity
from ikev1.audit.of_configuration.subject import Subject, key_of
from ikev1.audit.topics import topic
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.records.settings import Revocation
from ikev1.crypto import private_keys


def certificates(subject: Subject) -> Iterator[Finding]:
    """Findings about our own certificates, the trusted CAs, and the configured peer certificates."""
    for connection in subject.settings.connections:
        trust = connection.trust
        own = connection.credential.certificates if connection.credential else ()
        for key, found in (
            ("certificate", own),
            ("ca", trust.authorities),
            ("intermediates", trust.intermediates),
            ("peer_certificate", trust.peers),
        ):
            judgements = (judgement for der in found for judgement in judge(der, subject.now))
            yield from _findings(subject, f"{key_of(connection)}.{key}", judgements)


def private_keys_of_ours(subject: Subject) -> Iterator[Finding]:
    """Small RSA private keys without a certificate, whose findings would include the key size."""
    for connection in subject.settings.connections:
        credential = connection.credential
        if credential is None or credential.certificates:
            continue
        key = private_keys.load(credential.private_key)
        if isinstance(key, rsa.RSAPrivateKey):
            judgements = judge_rsa_size(f"connection {connection.name}", key.key_size)
            yield from _findings(subject, f"{key_of(connection)}.private_key", judgements)


def _findings(subject: Subject, key: str, judgements: Iterable[Judgement]) -> Iterator[Finding]:
    for judgement in judgements:
        yield judgement.topic.finding(judgement.severity, judgement.reason, subject.evidence(key))


def any_certificate(subject: Subject) -> Iterator[Finding]:
    """Connections that accept any certificate of the CA."""
    for connection in subject.settings.connections:
        if connection.trust.authorities and expected(connection) in (None, "%any"):
            yield topic("any-peer").finding(
                Severity.MEDIUM,
                f"connection {connection.name} accepts any peer with a certificate of its CA",
                subject.evidence(f"{key_of(connection)}.remote_id"),
            )


def revocation(subject: Subject) -> Iterator[Finding]:
    """Connections without revocation checks."""
    for connection in subject.settings.connections:
        if connection.trust.authorities and connection.trust.revocation is Revocation.OFF:
            yield topic("revocation-off").finding(
                Severity.MEDIUM,
                f"connection {connection.name} checks neither CRLs nor OCSP",
                subject.evidence(f"{key_of(connection)}.revocation", connection.trust.revocation.value),
            )


def weak_proofs(subject: Subject) -> Iterator[Finding]:
    """Connections that accept small keys, or certificates signed with SHA-1."""
    for connection in subject.settings.connections:
        trust, key = connection.trust, key_of(connection)
        if trust.smallest_rsa_bits < SMALLEST_RSA_BITS:
            yield topic("small-key").finding(
                Severity.MEDIUM,
                f"connection {connection.name} accepts RSA keys of {trust.smallest_rsa_bits} bits or more",
                subject.evidence(f"{key}.smallest_rsa", trust.smallest_rsa_bits),
                remedy="Remove smallest_rsa once no peer uses such a key.",
            )
        if trust.allow_sha1:
            yield topic("weak-signature").finding(
                Severity.MEDIUM,
                f"connection {connection.name} accepts certificates signed with SHA-1",
                subject.evidence(f"{key}.allow_sha1", "true"),
                remedy="Remove allow_sha1 once the last such certificate has been replaced.",
            )
