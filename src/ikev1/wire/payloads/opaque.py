"""Payloads without structure: keys, hashes, signatures, nonces, vendor IDs, and unknown payloads."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ikev1.wire.layout import PayloadNumber, Remaining, Rest


class KeyExchange(NamedTuple):
    """Key Exchange payload (RFC 2408 §3.7): a public Diffie-Hellman value."""

    data: Rest


class Hash(NamedTuple):
    """Hash payload (RFC 2408 §3.11)."""

    data: Rest


class Signature(NamedTuple):
    """Signature payload (RFC 2408 §3.12)."""

    data: Rest


class Nonce(NamedTuple):
    """Nonce payload (RFC 2408 §3.13): "The length of nonce payload MUST be between 8 and 256 bytes inclusive"
    (RFC 2409 §5).
    """

    data: Annotated[bytes, Remaining(least=8, most=256)]


class VendorId(NamedTuple):
    """Vendor ID payload (RFC 2408 §3.16)."""

    data: Rest


class Encrypted(NamedTuple):
    """A payload of type ``number`` whose body is encrypted individually: "Only the body of the payloads
    are encrypted [...], the generic payload headers are left in the clear" (RFC 2409 §5.3).
    """

    number: Annotated[int, PayloadNumber()]
    data: Rest


class Unknown(NamedTuple):
    """A payload of an unsupported type, kept as received."""

    number: Annotated[int, PayloadNumber()]
    data: Rest
