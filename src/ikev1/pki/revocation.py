"""Revocation of the certificates of a path: by configured CRLs, then by OCSP, then by fetched CRLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ikev1.core.records.settings import Authority, Revocation, Trust
from ikev1.crypto import certificates
from ikev1.pki.answer import Answer, Status
from ikev1.pki.certificate import X509Certificate
from ikev1.pki.crl import ask_lists, list_urls
from ikev1.pki.errors import RevocationUnknown, Revoked
from ikev1.pki.fetch import Fetcher, FetchFailed
from ikev1.pki.ocsp import build_request, read_response, responder_urls

_MOST_URLS = 2  # of OCSP responders, and of CRLs, in one certificate that are tried
_MOST_LISTS = 16  # CRLs in what was fetched, by HTTP that anybody on the path can answer: OpenSSL looks at all of them


def check_revocation(
    path: Sequence[X509Certificate],
    trust: Trust,
    now: float,
    fetch: Fetcher | None,
    authorities: Sequence[Authority] = (),
) -> tuple[str, ...]:
    """Checks each certificate of the path except the trusted CA. Without ``fetch`` only the configured CRLs are used.
    The URIs of ``authorities`` precede those in the certificates that they issued. Returns the status of each, for
    people, with its source.

    The first source that knows the status decides; configured CRLs come first:
    "when a certificate is reported as revoked by one trusted source, the certificate MUST be considered revoked"
    (RFC 4945 §5.2.1).

    Raises:
        Revoked: a certificate was revoked.
        RevocationUnknown: the status of a certificate is unknown, and the policy is strict, or there is a URI of a CRL
            or of an OCSP responder.
    """
    if trust.revocation is Revocation.OFF:
        return ()
    found = []
    for certificate, issuer in pairwise(path):
        reasons = []
        uris = _Uris.of(certificate, issuer, authorities)
        for answer in _answers(certificate, issuer, trust, now, fetch, uris):
            if answer.status is Status.REVOKED:
                raise Revoked(f"the certificate of {certificate.text} was revoked according to {answer.source}")
            if answer.status is Status.GOOD:
                found.append(f"the certificate of {certificate.text} is not revoked according to {answer.source}")
                break
            reasons.append(answer.source)
        else:
            if trust.revocation is Revocation.STRICT or (trust.revocation is Revocation.IF_URI and any(uris)):
                raise RevocationUnknown(
                    f"the revocation status of the certificate of {certificate.text} is unknown: {'; '.join(reasons)}"
                )
            text = f"the certificate of {certificate.text} is accepted, but its revocation status is unknown"
            found.append(f"{text}: {'; '.join(reasons)}")
    return tuple(found)


class _Uris(NamedTuple):
    """Where the status of a certificate is asked for, in this order."""

    responders: tuple[str, ...]
    lists: tuple[str, ...]

    @classmethod
    def of(cls, certificate: X509Certificate, issuer: X509Certificate, authorities: Sequence[Authority]) -> _Uris:
        """The URIs configured for a CA with the name of ``issuer``, and those in ``certificate``."""
        of_issuer = [each for each in authorities if certificates.names(each.certificate).subject == issuer.subject]
        responders = [uri for each in of_issuer for uri in each.ocsp_uris]
        lists = [uri for each in of_issuer for uri in each.crl_uris]
        return cls(
            tuple(dict.fromkeys((*responders, *responder_urls(certificate)[:_MOST_URLS]))),
            tuple(dict.fromkeys((*lists, *list_urls(certificate)[:_MOST_URLS]))),
        )


def _answers(
    certificate: X509Certificate,
    issuer: X509Certificate,
    trust: Trust,
    now: float,
    fetch: Fetcher | None,
    uris: _Uris,
) -> Iterator[Answer]:
    yield ask_lists(certificate, issuer, trust.revocation_lists, now)
    if fetch is None:
        return
    for url in uris.responders:
        try:
            yield read_response(fetch(url, build_request(certificate, issuer)), certificate, issuer, now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))
    for url in uris.lists:
        try:
            yield ask_lists(certificate, issuer, _lists_in(fetch(url), url), now)
        except FetchFailed as failure:
            yield Answer(Status.UNKNOWN, str(failure))


def _lists_in(octets: bytes, url: str) -> tuple[bytes, ...]:
    """The CRLs in what was fetched: DER (RFC 5280 §4.2.1.13) or, as some CAs publish them, PEM.

    Raises:
        FetchFailed: they are too many.
    """
    if octets.count(b"-----END ") > _MOST_LISTS:
        raise FetchFailed(f"{url}: more than {_MOST_LISTS} CRLs")
    try:
        return certificates.parse_revocation_lists(octets)
    except ValueError:
        return ()
