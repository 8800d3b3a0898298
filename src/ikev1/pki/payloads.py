"""The certificates in CERT payloads (RFC 2408 §3.9, RFC 4945 §3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography import exceptions, x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.errors import CertificateError, Malformed, UnsupportedEncoding
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding

MOST = 32  # certificates that a peer may send; a path has two or three


def read_payloads(payloads: Sequence[Certificate]) -> tuple[X509Certificate, ...]:
    """The certificates in CERT payloads, each once, in the order in which they were sent.

    A payload with an unsupported encoding, or one that is malformed, is skipped: "Implementations MAY discard such
    payloads" (RFC 4945 §3.3.10.1, §3.3.10.2). If none is left, the first such payload is the error.

    Raises:
        UnsupportedEncoding: all payloads have unsupported encodings, such as hash and URL.
        Malformed: no payload is a certificate, or there are more than `MOST` certificates.
    """
    found: dict[bytes, X509Certificate] = {}
    complaints: list[CertificateError] = []
    for payload in payloads[: MOST + 1]:
        try:
            for der in _unwrap(payload):
                found[der] = read(der)
                if len(found) > MOST:
                    raise _too_many()
        except (UnsupportedEncoding, Malformed) as complaint:
            complaints.append(complaint)
    if len(found) > MOST or len(payloads) > MOST:
        raise _too_many()
    if complaints and not found:
        raise complaints[0]
    return tuple(found.values())


def _too_many() -> Malformed:
    return Malformed(f"the peer sent more than {MOST} certificates")


def _unwrap(payload: Certificate) -> Iterator[bytes]:
    match payload.encoding:
        case CertificateEncoding.X509_SIGNATURE:
            yield payload.data
        case CertificateEncoding.PKCS7_WRAPPED_X509:
            # "Implementations SHOULD accept CERTs that contain this Certificate Type [...] those implementations
            # sometimes include entire certificate hierarchies" (RFC 4945 §3.3.4)
            yield from _unwrap_pkcs7(payload.data)
        case other:
            raise UnsupportedEncoding(
                f"unsupported certificate encoding {CertificateEncoding(other).name}, expected X509_SIGNATURE (4) or "
                "PKCS7_WRAPPED_X509 (1)"
            )


def _unwrap_pkcs7(octets: bytes) -> list[bytes]:
    try:
        return [one.public_bytes(Encoding.DER) for one in pkcs7.load_der_pkcs7_certificates(octets)]
    except (ValueError, x509.InvalidVersion, exceptions.UnsupportedAlgorithm) as error:
        raise Malformed(f"not a PKCS #7 structure with certificates ({len(octets)} octets): {error}") from None
