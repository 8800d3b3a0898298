"""The answer to the engine's question about a peer's certificates."""

from __future__ import annotations

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Connection
from ikev1.pki import errors
from ikev1.pki.fetch import Fetcher
from ikev1.pki.verify import verify_peer


def verdict_on(question: CheckCertificate, now: float, fetch: Fetcher | None = None) -> CertificateVerdict:
    """What `ikev1.pki.verify.verify_peer` says of the certificates and the identity in ``question``.

    Another connection is tried only if there is no path to a CA of those before, so that a certificate which one has
    found to be wrong or revoked is not accepted by the next.

    ``now`` is in seconds since 1970. May block for as long as ``fetch`` does.
    """
    first = None
    for connection in (question.connection, *question.others):
        try:
            found = _checked(question, connection, now, fetch)
        except errors.CertificateError as error:
            first = first or error
            if not isinstance(error, errors.Untrusted):
                break
        else:
            return found if connection is question.connection else found._replace(connection=connection.name)
    assert first is not None
    return Untrusted(Code(first.code), str(first), first.notify)


def _checked(question: CheckCertificate, connection: Connection, now: float, fetch: Fetcher | None) -> Trusted:
    peer = verify_peer(
        question.certificates,
        question.identity,
        connection.trust,
        now,
        fetch,
        answers_call=question.answers_call,
    )
    return Trusted(peer.public_key, peer.subject, peer.statuses)
