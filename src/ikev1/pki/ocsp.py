"""Revocation by OCSP (RFC 6960, RFC 5019)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ikev1.errors import RemoteError
from ikev1.pki.answer import Answer, Status
from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.errors import Malformed

_SKEW = datetime.timedelta(minutes=5)  # clocks differ
_WITHOUT_NEXT_UPDATE = datetime.timedelta(hours=1)  # newer information is always available (§4.2.2.1)
_MOST_SIGNERS = 4

_SHA1 = hashes.SHA1()  # noqa: S303 - only names the issuer, and is what every responder knows (RFC 5019 §2.1.1)
_SHA256 = hashes.SHA256()

_LARGEST = (
    65_536  # octets of a response, which can have one about each of many certificates; real ones have two thousand
)
_STATUSES = {ocsp.OCSPCertStatus.GOOD: Status.GOOD, ocsp.OCSPCertStatus.REVOKED: Status.REVOKED}


class UnacceptableResponse(RemoteError):
    """Why a response is rejected; `read_response` puts the subject before the text."""

    code = "cert-revocation-unknown"


def responder_urls(certificate: X509Certificate) -> list[str]:
    """The URLs of the issuer's responder (RFC 5280 §4.2.2.1)."""
    descriptions = certificate.extension(x509.AuthorityInformationAccess)
    return [
        description.access_location.value
        for description in descriptions or ()
        if description.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    ]


def build_request(certificate: X509Certificate, issuer: X509Certificate) -> bytes:
    """The request about ``certificate``, DER. No nonce: responders that sign ahead ignore it (RFC 5019 §4), and the
    time in the response bounds its age.
    """
    return _request(certificate, issuer, _SHA1).public_bytes(serialization.Encoding.DER)


def read_response(octets: bytes, certificate: X509Certificate, issuer: X509Certificate, now: float) -> Answer:
    """The status of ``certificate`` by a response: UNKNOWN unless it satisfies RFC 6960 §3.2: it is about this
    certificate, signed by the issuer or its delegate, and recent at ``now`` (seconds since 1970).
    """
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    try:
        if len(octets) > _LARGEST:
            raise UnacceptableResponse(f"sent {len(octets)} octets, expected at most {_LARGEST}")
        response = ocsp.load_der_ocsp_response(octets)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise UnacceptableResponse(f"returned {response.response_status.name}")
        single = _about(response, certificate, issuer)
        _check_time(single, moment)
        _check_signature(response, issuer, moment)
        status = _STATUSES.get(single.certificate_status, Status.UNKNOWN)
    except UnacceptableResponse as reason:
        return Answer(Status.UNKNOWN, f"the OCSP responder of {issuer.text} {reason}")
    except (ValueError, TypeError, x509.InvalidVersion, exceptions.UnsupportedAlgorithm):
        return Answer(Status.UNKNOWN, f"the OCSP responder of {issuer.text} sent a malformed response")
    return Answer(status, f"the OCSP responder of {issuer.text}")


def _about(
    response: ocsp.OCSPResponse, certificate: X509Certificate, issuer: X509Certificate
) -> ocsp.OCSPSingleResponse:
    """The part of the response that is about ``certificate`` (§3.2 point 1)."""
    for single in response.responses:
        wanted = _request(certificate, issuer, _SHA1 if isinstance(single.hash_algorithm, hashes.SHA1) else _SHA256)
        if (single.serial_number, single.issuer_key_hash, single.issuer_name_hash) == (
            wanted.serial_number,
            wanted.issuer_key_hash,
            wanted.issuer_name_hash,
        ):
            return single
    raise UnacceptableResponse("sent a response about another certificate")


def _request(
    certificate: X509Certificate, issuer: X509Certificate, algorithm: hashes.SHA1 | hashes.SHA256
) -> ocsp.OCSPRequest:
    return ocsp.OCSPRequestBuilder().add_certificate(certificate.parsed, issuer.parsed, algorithm).build()


def _check_time(single: ocsp.OCSPSingleResponse, moment: datetime.datetime) -> None:
    """Points 5 and 6 of §3.2."""
    begins = single.this_update_utc
    ends = single.next_update_utc or begins + _WITHOUT_NEXT_UPDATE
    if not begins - _SKEW <= moment <= ends + _SKEW:
        raise UnacceptableResponse(f"sent a response that is valid from {begins} to {ends}, but the time is {moment}")


def _check_signature(response: ocsp.OCSPResponse, issuer: X509Certificate, moment: datetime.datetime) -> None:
    """Points 2 to 4 of §3.2: signed by the issuer's own key, or by one that it certified for this (§4.2.2.2)."""
    if not any(_has_signed(key, response) for key in _signers(response, issuer, moment)):
        raise UnacceptableResponse("signed neither as the issuer nor with an OCSP signing certificate of the issuer")


def _signers(response: ocsp.OCSPResponse, issuer: X509Certificate, moment: datetime.datetime) -> Iterator[object]:
    yield issuer.parsed.public_key()
    for parsed in response.certificates[:_MOST_SIGNERS]:
        try:
            signer = read(parsed.public_bytes(serialization.Encoding.DER))
        except Malformed:
            continue
        if _is_delegate(signer, issuer, moment):
            yield signer.parsed.public_key()


def _is_delegate(signer: X509Certificate, issuer: X509Certificate, moment: datetime.datetime) -> bool:
    """Whether the issuer itself issued this certificate for signing OCSP responses, and it is valid."""
    purposes = signer.extension(x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        return False
    if not signer.parsed.not_valid_before_utc <= moment <= signer.parsed.not_valid_after_utc:
        return False
    try:
        signer.parsed.verify_directly_issued_by(issuer.parsed)
    except (ValueError, TypeError, exceptions.InvalidSignature):
        return False
    return True


def _has_signed(key: object, response: ocsp.OCSPResponse) -> bool:
    digest = response.signature_hash_algorithm
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
        else:
            return False
    except exceptions.InvalidSignature:
        return False
    return True
