"""Revocation of the certificates of a path: by configured CRLs, then by OCSP, then by fetched CRLs; URLs that the
operator has for a CA come before those in certificates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ikev1.core.records.settings import Revocation, RevocationUrls, Trust
from ikev1.pki.answer import Answer, Status
from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.crl import ask_lists, has_list, list_urls
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
        RevocationUnknown: the status of a certificate is unknown, and the policy requires it.
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
            if trust.revocation is Revocation.STRICT or (
                trust.revocation is Revocation.IF_URL and _should_be_known(certificate, issuer, trust)
            ):
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
    urls = _configured(issuer, trust)
    for url in (*urls.ocsp, *responder_urls(certificate)[:_MOST_URLS]):
        try:
            yield read_response(fetch(url, build_request(certificate, issuer)), certificate, issuer, now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))
    for url in (*urls.crl, *list_urls(certificate)[:_MOST_URLS]):
        try:
            yield ask_lists(certificate, issuer, [fetch(url)], now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))


def _configured(issuer: X509Certificate, trust: Trust) -> RevocationUrls:
    """The URLs that the operator has for certificates of ``issuer``, whichever certificate of it that is."""
    subject = issuer.parsed.subject
    found = [one for one in trust.revocation_urls if read(one.authority).parsed.subject == subject]
    return RevocationUrls(
        issuer.der, tuple(url for one in found for url in one.crl), tuple(url for one in found for url in one.ocsp)
    )


def _should_be_known(certificate: X509Certificate, issuer: X509Certificate, trust: Trust) -> bool:
    """Whether the certificate, the operator or a CRL of the issuer says where its status is."""
    urls = _configured(issuer, trust)
    told = (urls.crl, urls.ocsp, responder_urls(certificate), list_urls(certificate))
    return any(told) or has_list(issuer, trust.revocation_lists)
