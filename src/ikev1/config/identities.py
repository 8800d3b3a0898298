"""Identities as text, with the words of Cisco's `crypto isakmp identity` for the gateway's own."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ikev1.config.findings import Invalid, Rule
from ikev1.config.values import text
from ikev1.core.peer import identity
from ikev1.core.records.settings import Credential
from ikev1.crypto import certificates, distinguished_name
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType

_NAMELESS = Identification(IdType.DER_ASN1_DN, 0, 0, b"\x30\x00")


def peers_identity(value: object) -> str:
    """An identity, or a pattern of identities."""
    written = text(value)
    try:
        identity.matches(written, _NAMELESS)
    except ValueError as error:
        raise _explained(written, error) from None
    return written


def own_identity(credential: Credential | None) -> Callable[[object], str | None]:
    """A converter for the identity of a connection that has ``credential``: ``address`` (None: whichever it is),
    ``hostname`` (the name of this machine), ``dn`` (the subject of our certificate), or an identity.
    """

    def convert(value: object) -> str | None:
        written = text(value)
        if written == "address":
            return None
        if written == "hostname":
            return _host_name()
        if written == "dn":
            return _subject(credential)
        try:
            identity.identification(written)
        except ValueError as error:
            raise _explained(written, error) from None
        return written

    return convert


def in_certificate(who: str, certificate: bytes) -> bool:
    """Whether ``certificate`` (DER) is for ``who``, as a peer will check it (RFC 4945 §3.1)."""
    return any(
        identity.matches(who, Identification(kind, 0, 0, data)) for kind, data in certificates.identities(certificate)
    )


def _explained(written: str, error: ValueError) -> ValueError:
    if written.startswith("@#"):
        text = f"{written!r}: expected hexadecimal digits after '@#', two for each octet"
        return Invalid(Rule.INVALID_IDENTITY, text)
    return Invalid(Rule.INVALID_IDENTITY, f"not a distinguished name: {error}")


def _host_name() -> str:
    name = socket.gethostname()
    return name if "." in name else socket.getfqdn()


def _subject(credential: Credential | None) -> str:
    if credential is None or not credential.certificates:
        raise Invalid(Rule.INVALID_IDENTITY, "'dn' is the subject of the certificate, but no usable one is configured")
    subject = distinguished_name.to_text(certificates.names(credential.certificates[0]).subject)
    if not subject:
        raise Invalid(
            Rule.INVALID_IDENTITY,
            "'dn' is the subject of the certificate, but the subject is empty: use one of its alternative names",
        )
    return subject
