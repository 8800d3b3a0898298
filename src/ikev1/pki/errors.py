"""Why the certificate of a peer is rejected."""

from __future__ import annotations

from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class CertificateError(RemoteError):
    """Base of all: ``code`` is a stable word (one of `ikev1.core.records.events.Code`), the text names the certificate,
    what was expected and what was found, and ``notify`` is sent to the peer (RFC 2408 §5.9).
    """

    code = "cert-unusable"
    notify: NotifyType = NotifyType.INVALID_CERTIFICATE


class Missing(CertificateError):
    """The peer sent no certificate, and none is configured for it."""

    code = "cert-missing"
    notify = NotifyType.CERTIFICATE_UNAVAILABLE


class UnsupportedEncoding(CertificateError):
    """The peer sent its certificate only in unsupported encodings."""

    code = "cert-unusable"
    notify = NotifyType.INVALID_CERT_ENCODING


class Malformed(CertificateError):
    """The octets are not a certificate, or there are too many certificates."""


class Untrusted(CertificateError):
    """No path of valid signatures leads to a CA that is trusted for this peer."""

    code = "cert-untrusted"


class Expired(CertificateError):
    """A certificate of the path is not yet valid, or has expired."""

    code = "cert-expired"


class Revoked(CertificateError):
    """A certificate of the path was revoked."""

    code = "cert-revoked"


class RevocationUnknown(CertificateError):
    """The policy is strict, and the revocation status is unknown."""

    code = "cert-revocation-unknown"


class IdentityMismatch(CertificateError):
    """The certificate is not for the identity that the peer claims (RFC 4945 §3.1)."""

    code = "cert-id-mismatch"
    notify = NotifyType.INVALID_ID_INFORMATION


class Unusable(CertificateError):
    """A certificate of the path does not allow this use: its key usage, path length, names or key forbid it."""

    code = "cert-unusable"
