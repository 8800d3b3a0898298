"""Whether a certificate is for the identity that a peer claims (RFC 4945 §3.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from cryptography import x509

from ikev1.core.peer.identity import text_of
from ikev1.crypto import distinguished_name
from ikev1.pki.certificate import X509Certificate
from ikev1.pki.errors import IdentityMismatch
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType

_EMPTY_NAME = b"\x30\x00"
_MOST_SHOWN = 10


def is_for(certificate: X509Certificate, identity: Identification) -> bool:
    """Whether the subject is this name, or an alternative name is this address, host or mail address.

    The comparison is exact except for case: "Substring, wildcard, or regular expression matching MUST NOT be
    performed" (RFC 4945 §3.1.2). A host in the subject's common name does not count (§3.1.9).
    """
    match identity.id_type:
        case IdType.DER_ASN1_DN:
            return certificate.subject != _EMPTY_NAME and distinguished_name.equal(certificate.subject, identity.data)
        case IdType.IPV4_ADDR | IdType.IPV6_ADDR:
            addresses = _alternatives(certificate, x509.IPAddress)
            return any(getattr(address, "packed", None) == identity.data for address in addresses)
        case IdType.FQDN:
            return any(_same(name, identity.data) for name in _alternatives(certificate, x509.DNSName))
        case IdType.USER_FQDN:
            return any(_same(name, identity.data) for name in _alternatives(certificate, x509.RFC822Name))
        case _:
            return False


def check_identity(certificate: X509Certificate, identity: Identification) -> None:
    """Raises IdentityMismatch if the certificate is not for ``identity``; the text shows both."""
    if not is_for(certificate, identity):
        names = list(_shown_names(certificate))
        more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        shown = "; ".join(names[:_MOST_SHOWN]) + more
        raise IdentityMismatch(f"the peer identifies itself as {text_of(identity)}, but its certificate is for {shown}")


def _alternatives(certificate: X509Certificate, kind: type[x509.GeneralName]) -> list[object]:
    names = certificate.extension(x509.SubjectAlternativeName)
    return [] if names is None else [name.value for name in names if isinstance(name, kind)]


def _same(name: object, data: bytes) -> bool:
    return isinstance(name, str) and name.encode("utf-8", "replace").lower() == data.lower()


def _shown_names(certificate: X509Certificate) -> Iterator[str]:
    yield certificate.text
    for kind in (x509.IPAddress, x509.DNSName, x509.RFC822Name):
        for name in _alternatives(certificate, kind):
            is_address = isinstance(name, ipaddress.IPv4Address | ipaddress.IPv6Address)
            yield str(name) if is_address or str(name).isprintable() else ascii(name)
