"""Curve25519 and Curve448: groups 31 and 32 (RFC 7748 and RFC 8031, borrowed from IKEv2 as strongSwan does)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ikev1.crypto.algorithms import dh_group
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.wire.registry import Group

_LENGTHS: dict[int, int] = {Group.CURVE_25519: 32, Group.CURVE_448: 56}

NUMBERS = frozenset(_LENGTHS)


class MontgomeryGroup:
    """X25519 or X448, as `ikev1.crypto.groups.DhGroup` describes."""

    __slots__ = ("name", "number", "public_length")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = dh_group(number).word
        self.public_length = _LENGTHS[number]

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """As many octets each; "clamping" the private ones is part of the function itself (RFC 7748 §5)."""
        private = random(self.public_length)
        return private, self.public(private)

    def public(self, private: bytes) -> bytes:
        """The u coordinate.

        Raises:
            ValueError: the private value has not the length of the group.
        """
        return self._key(private).public_key().public_bytes_raw()

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """The common u coordinate.

        Raises:
            InvalidPublicValue: the value has not the length of the group, or is of small order, so that the secret
                would be all zeros (RFC 7748 §6.1, §6.2).
        """
        if len(peer_public) != self.public_length:
            raise InvalidPublicValue(
                f"{self.name}: the public value has {len(peer_public)} octets, expected {self.public_length}"
            )
        try:
            if self.number == Group.CURVE_448:
                return X448PrivateKey.from_private_bytes(private).exchange(X448PublicKey.from_public_bytes(peer_public))
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

    def _key(self, private: bytes) -> X25519PrivateKey | X448PrivateKey:
        kind = X448PrivateKey if self.number == Group.CURVE_448 else X25519PrivateKey
        return kind.from_private_bytes(private)
