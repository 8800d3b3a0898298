"""What can go wrong in cryptography, and the notify that answers it (RFC 2408 §3.14.1)."""

from __future__ import annotations

from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class CryptoError(RemoteError):
    """Base of all errors of this package; ``notify`` is sent to the peer that caused it."""

    code = "malformed"
    notify: NotifyType = NotifyType.INVALID_KEY_INFORMATION


class UnsupportedAlgorithm(CryptoError):
    """A number names no algorithm that is implemented here."""

    notify = NotifyType.NO_PROPOSAL_CHOSEN


class InvalidPublicValue(CryptoError):
    """A peer's Diffie-Hellman public value has the wrong length or is no usable element of the group."""


class InvalidCiphertext(CryptoError):
    """A ciphertext is empty or not a multiple of the cipher's block."""

    notify = NotifyType.PAYLOAD_MALFORMED


class WeakKey(CryptoError):
    """A derived key is one that the cipher's RFC says must not be used."""
