"""CERTREQ and CERT payloads (RFC 2408 §3.9, §3.10, RFC 4945 §3.2, §3.3): what to ask for, and what to answer."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.crypto import certificates
from ikev1.wire.payloads import Certificate, CertificateRequest
from ikev1.wire.registry import CertificateEncoding

_LONGEST_PATH = 8  # certificates of ours between a leaf and its CA, and a bound for a circle of them
_ANSWERABLE = frozenset(
    # "MAY treat such payloads as synonymous with 'X.509 Certificate - Signature'" (RFC 4945 §3.2.4)
    {CertificateEncoding.X509_SIGNATURE, CertificateEncoding.PKCS7_WRAPPED_X509}
)


def requests(authorities: Sequence[bytes], limit: int = 16) -> tuple[CertificateRequest, ...]:
    """The CERTREQ payloads that ask for a certificate below one of the CAs ``authorities`` (DER certificates).

    "Implementations SHOULD populate the Certification Authority field with the Subject field of the trust anchor"
    (RFC 4945 §3.2.7.1), each once (§3.2.9.1). One empty request, which means any, takes their place where there are
    more than ``limit``, for they would not fit a datagram (§3.2.7.2).

    Raises:
        ValueError: one of the octets is no certificate.
    """
    subjects = dict.fromkeys(certificates.names(authority).subject for authority in authorities)
    wanted = tuple(subjects) if len(subjects) <= limit else (b"",)
    return tuple(CertificateRequest(CertificateEncoding.X509_SIGNATURE, subject) for subject in wanted)


def choose(
    asked: Sequence[CertificateRequest], leaves: Sequence[bytes], intermediates: Sequence[bytes]
) -> bytes | None:
    """Which of our certificates ``leaves`` (DER, the preferred first) answers what the peer ``asked`` for: the first
    whose path upwards, through ``intermediates`` in any order, meets a CA that was named. An empty request, or none
    that we understand, is met by the first; None is the answer where the peer asked only for CAs that none leads to.

    Requests for certificates in forms that we do not have (CRLs, PGP, hash and URL ...) count as not understood:
    "MAY treat them as if they are of a supported type with the Certification Authority field left empty" (RFC 4945
    §3.2.8.1).

    Raises:
        ValueError: one of our octets is no certificate.
    """
    authorities = {request.authority for request in asked if request.encoding in _ANSWERABLE}
    if not authorities or b"" in authorities:
        return leaves[0] if leaves else None
    for leaf in leaves:
        path = path_upwards(leaf, intermediates)
        if any(certificates.names(certificate).issuer in authorities for certificate in path):
            return leaf
    return None


def path_upwards(leaf: bytes, intermediates: Sequence[bytes]) -> tuple[bytes, ...]:
    """``leaf`` and those of ``intermediates`` that lead from it towards its CA, in this order, all DER. Certificates
    signed by themselves are left out: the peer has its trust anchor or does not trust it (RFC 4945 §3.3).

    Raises:
        ValueError: one of the octets is no certificate.
    """
    by_subject = {certificates.names(one).subject: one for one in intermediates}
    path = [leaf]
    while len(path) < _LONGEST_PATH:
        above = by_subject.get(certificates.names(path[-1]).issuer)
        if above is None or above in path or certificates.names(above).is_self_issued:
            break
        path.append(above)
    return tuple(path)


def answer(asked: Sequence[CertificateRequest], leaf: bytes, intermediates: Sequence[bytes]) -> tuple[Certificate, ...]:
    """The CERT payloads that answer ``asked``: the leaf, and what leads from it to the CA that was named.

    Without a request there are none: "An implementation that does not receive any CERTREQs during an exchange SHOULD
    NOT send any CERT payloads" (RFC 4945 §3.3.6). Who is configured to send them anyway asks for them itself.

    Raises:
        ValueError: one of our octets is no certificate.
    """
    if not asked:
        return ()
    named = {request.authority for request in asked}
    sent = []
    for certificate in path_upwards(leaf, intermediates):
        sent.append(Certificate(CertificateEncoding.X509_SIGNATURE, certificate))
        if certificates.names(certificate).issuer in named:  # "the shortest chain possible" (RFC 4945 §3.3.11.2)
            break
    return tuple(sent)
