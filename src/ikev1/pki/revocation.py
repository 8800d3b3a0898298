"""Revocation of the certificates of a path: by configured CRLs, then by OCSP, then by fetched CRLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ikev1.core.records.settings import Revocation, Trust
from ikev1.pki.answer import Answer, Status
from ikev1.pki.certificate import X509Certificate
from ikev1.pki.crl import ask_lists, list_urls
from ikev1.pki.errors import RevocationUnknown, Revoked
from ikev1.pki.fetch import Fetcher, FetchFailed
from ikev1.pki.ocsp import build_request, read_response, responder_urls

_MOST_URLS = 2  # of OCSP responders, and of CRLs, that are tried for one certificate


def check_revocation(
    path: Sequence[X509Certificate], trust: Trust, now: float, fetch: Fetcher | None
) -> tuple[str, ...]:
    """Checks each certificate of the path except the trusted CA. Without ``fetch`` only the configured CRLs are used.
    Returns the status of each, for people, with its source.

    The first source that knows the status decides; configured CRLs come first:
    "when a certificate is reported as revoked by one trusted source, the certificate MUST be considered revoked"
    (RFC 4945 §5.2.1).

    Raises:
        Revoked: a certificate was revoked.
        RevocationUnknown: the policy is strict, and the status of a certificate is unknown.
    """
    if trust.revocation is Revocation.OFF:
        return ()
    found = []
    for certificate, issuer in pairwise(path):
        reasons = []
        for answer in _answers(certificate, issuer, trust, now, fetch):
            if answer.status is Status.REVOKED:
                raise Revoked(f"the certificate of {certificate.text} was revoked according to {answer.source}")
            if answer.status is Status.GOOD:
                found.append(f"the certificate of {certificate.text} is not revoked according to {answer.source}")
                break
            reasons.append(answer.source)
        else:
            if trust.revocation is Revocation.STRICT:
                raise RevocationUnknown(
                    f"the revocation status of the certificate of {certificate.text} is unknown: {'; '.join(reasons)}"
                )
            text = f"the certificate of {certificate.text} is accepted, but its revocation status is unknown"
            found.append(f"{text}: {'; '.join(reasons)}")
    return tuple(found)


def _answers(
    certificate: X509Certificate, issuer: X509Certificate, trust: Trust, now: float, fetch: Fetcher | None
) -> Iterator[Answer]:
    yield ask_lists(certificate, issuer, trust.revocation_lists, now)
    if fetch is None:
        return
    for url in responder_urls(certificate)[:_MOST_URLS]:
        try:
            yield read_response(fetch(url, build_request(certificate, issuer)), certificate, issuer, now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))
    for url in list_urls(certificate)[:_MOST_URLS]:
        try:
            yield ask_lists(certificate, issuer, [fetch(url)], now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))
