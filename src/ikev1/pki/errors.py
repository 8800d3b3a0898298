"""Why a peer's certificate is not believed."""

from __future__ import annotations

from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType

__all__ = [
    "CertificateError",
    "Expired",
    "IdentityMismatch",
    "Malformed",
    "Missing",
    "RevocationUnknown",
    "Revoked",
    "UnsupportedEncoding",
    "Untrusted",
    "Unusable",
]


class CertificateError(RemoteError):
    """Base of all: ``code`` is a stable word (one of `ikev1.core.records.events.Code`), the text names the certificate,
    what was expected and what was found, and ``notify`` is what the peer is told (RFC 2408 §5.9).
    """

    code = "cert-unusable"
    notify: NotifyType = NotifyType.INVALID_CERTIFICATE


class Missing(CertificateError):
    """The peer sent no certificate, and none of it is configured."""

    code = "cert-missing"
    notify = NotifyType.CERTIFICATE_UNAVAILABLE


class UnsupportedEncoding(CertificateError):
    """The peer sent its certificate only in forms that are not read here."""

    code = "cert-unusable"
    notify = NotifyType.INVALID_CERT_ENCODING


class Malformed(CertificateError):
    """The octets are no certificate, or there are too many of them."""


class Untrusted(CertificateError):
    """No path of valid signatures leads to a CA that is trusted for this peer."""

    code = "cert-untrusted"


class Expired(CertificateError):
    """A certificate of the path is not valid yet, or no longer."""

    code = "cert-expired"


class Revoked(CertificateError):
    """A certificate of the path was revoked."""

    code = "cert-revoked"


class RevocationUnknown(CertificateError):
    """The policy demands to know that nothing was revoked, and nobody said so."""

    code = "cert-revocation-unknown"


class IdentityMismatch(CertificateError):
    """The certificate is not for the identity that the peer claims (RFC 4945 §3.1)."""

    code = "cert-id-mismatch"
    notify = NotifyType.INVALID_ID_INFORMATION


class Unusable(CertificateError):
    """A certificate of the path must not be used like this: its key usage, path length, names or key forbid it."""

    code = "cert-unusable"
