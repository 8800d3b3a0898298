"""The answer to the engine's question about a peer's certificates."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Authority
from ikev1.pki.errors import CertificateError
from ikev1.pki.fetch import Fetcher
from ikev1.pki.verify import verify_peer


def verdict_on(
    question: CheckCertificate, now: float, fetch: Fetcher | None = None, authorities: Sequence[Authority] = ()
) -> CertificateVerdict:
    """What `ikev1.pki.verify.verify_peer` says of the certificates and the identity in ``question``.

    ``now`` is in seconds since 1970. May block for as long as ``fetch`` does.
    """
    try:
        peer = verify_peer(
            question.certificates,
            question.identity,
            question.connection.trust,
            now,
            fetch,
            answers_call=question.answers_call,
            authorities=authorities,
        )
    except CertificateError as error:
        return Untrusted(Code(error.code), str(error), error.notify)
    return Trusted(peer.public_key, peer.subject, peer.statuses)
