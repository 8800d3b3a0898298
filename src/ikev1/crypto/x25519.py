"""Curve25519: group 31 (RFC 7748 and RFC 8031, borrowed from IKEv2 as strongSwan does)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ikev1.crypto.algorithms import dh_group
from ikev1.crypto.errors import InvalidPublicValue


class Curve25519:
    """X25519, as `ikev1.crypto.groups.DhGroup` describes."""

    __slots__ = ("name", "number", "public_length")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = dh_group(number).word
        self.public_length = 32

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """32 octets each; "clamping" the private ones is part of X25519 itself (RFC 7748 §5)."""
        private = random(32)
        return private, self.public(private)

    def public(self, private: bytes) -> bytes:
        """32 octets.

        Raises:
            ValueError: the private value has not 32 octets.
        """
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """The common u coordinate, 32 octets.

        Raises:
            InvalidPublicValue: the value has not 32 octets, or is of small order, so that the secret would be all
                zeros (RFC 7748 §6.1).
        """
        if len(peer_public) != self.public_length:
            raise InvalidPublicValue(
                f"{self.name}: the public value has {len(peer_public)} octets, expected {self.public_length}"
            )
        try:
            return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:
            raise InvalidPublicValue(f"{self.name}: the public value has small order") from None

    def respond(self, random: Callable[[int], bytes], peer_public: bytes) -> tuple[bytes, bytes]:
        """`generate` and `shared` in one.

        Raises:
            InvalidPublicValue: as `shared` does.
        """
        private, public = self.generate(random)
        return public, self.shared(private, peer_public)
