"""The answer to the engine's question about a peer's certificates."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Authority, Connection
from ikev1.pki import errors
from ikev1.pki.fetch import Fetcher
from ikev1.pki.verify import verify_peer


def verdict_on(
    question: CheckCertificate, now: float, fetch: Fetcher | None = None, authorities: Sequence[Authority] = ()
) -> CertificateVerdict:
    """What `ikev1.pki.verify.verify_peer` says of the certificates and the identity in ``question``.

    Another connection is tried only if there is no path to a CA of those before, so that a certificate which one has
    found to be wrong or revoked is not accepted by the next.

    ``now`` is in seconds since 1970. May block for as long as ``fetch`` does.
    """

    def checked(connection: Connection) -> Trusted:
        peer = verify_peer(
            question.certificates,
            question.identity,
            connection.trust,
            now,
            fetch,
            answers_call=question.answers_call,
            authorities=authorities,
        )
        return Trusted(peer.public_key, peer.subject, peer.statuses)

    try:
        return checked(question.connection)
    except errors.CertificateError as error:
        refusal = error
    for connection in question.others:
        if not isinstance(refusal, errors.Untrusted):
            break
        try:
            return checked(connection)._replace(connection=connection)
        except errors.CertificateError as error:
            refusal = error
    return Untrusted(Code(refusal.code), str(refusal), refusal.notify)
