"""An answer to `ikev1.events.CheckCertificate`: by `ikev1.pki`, where the packages are installed that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.errors import LocalError

if TYPE_CHECKING:
    from ikev1.pki.fetch import Fetcher


class MissingPackage(LocalError):
    """A package that is not installed is needed; the text says how to install it."""

    code = "missing-package"


def check_certificate(question: CheckCertificate, now: float, fetch: Fetcher | None = None) -> CertificateVerdict:
    """Whether the peer's certificates lead to a trusted CA, are for its identity and are not revoked (RFC 5280 §6,
    RFC 4945 §3, §5), by the ``authorities`` and ``revocation`` of the connection.

    Args:
        question: as `Ike.next_event` gave it.
        now: seconds since the epoch.
        fetch: ``fetch(url, body)`` gets a CRL or, with a body, an OCSP response, and may block; without it nothing is
            fetched, and ``revocation="strict"`` fails unless the CA's CRL is at hand.

    Raises:
        LocalError: pyOpenSSL is not installed: ``pip install 'ikev1[gateway]'``.
    """
    try:
        from ikev1.pki.verdict import verdict_on
    except ModuleNotFoundError as error:
        raise MissingPackage(f"check_certificate needs {error.name}: pip install 'ikev1[gateway]'") from error
    return verdict_on(question, now, fetch)
