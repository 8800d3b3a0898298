"""MODP groups: powers modulo a prime (RFC 2409 §6, RFC 3526, RFC 5114).

The power itself is pycryptodome's, whose running time depends on the lengths of the numbers only, never on their
values: docs/dependencies.md says why.
"""

from __future__ import annotations

from collections.abc import Callable

from Crypto.Math.Numbers import Integer

from ikev1.crypto.algorithms import dh_group
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES, RFC_5114
from ikev1.wire.registry import Group

# Octets of random exponent: at least twice the strength of the group, by the larger of RFC 3526 §8 (estimate 1) and
# NIST SP 800-57 part 1, table 2.
_EXPONENT_OCTETS: dict[int, int] = {
    Group.MODP_768: 20,
    Group.MODP_1024: 20,
    Group.MODP_1536: 24,
    Group.MODP_2048: 28,
    Group.MODP_3072: 33,
    Group.MODP_4096: 38,
    Group.MODP_6144: 44,
    Group.MODP_8192: 50,
}

NUMBERS = frozenset((*OAKLEY_PRIMES, *RFC_5114))


class ModpGroup:
    """One MODP group, as `ikev1.crypto.groups.DhGroup` describes."""

    __slots__ = ("_g", "_modulus", "_p", "_q", "name", "number", "public_length")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = dh_group(number).word
        self._q: int | None
        if number in RFC_5114:
            self._p, self._g, self._q = RFC_5114[number]
        else:
            # No q: p is a safe prime, and every element but 1 and p-1 has a large order.
            self._p, self._g, self._q = OAKLEY_PRIMES[number].prime(), 2, None
        self._modulus = Integer(self._p)
        self.public_length = (self._p.bit_length() + 7) // 8

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """A private exponent and its public value, padded with zeros to the length of the prime (RFC 2409 §5)."""
        if self._q is None:
            # The leading one keeps the exponent from ever being small, whatever the random octets are.
            private = b"\x01" + random(_EXPONENT_OCTETS[self.number])
        else:
            # One of [1, q-1]: 64 bits more than q has make the bias of the remainder negligible (FIPS 186-5 §A.1.1).
            size = (self._q.bit_length() + 7) // 8
            private = (Integer.from_bytes(random(size + 8)) % (self._q - 1) + 1).to_bytes(size)
        return private, self.public(private)

    def public(self, private: bytes) -> bytes:
        """g^x, padded with zeros to the length of the prime."""
        return self._power(self._g, Integer.from_bytes(private))

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """g^xy, padded with zeros to the length of the prime.

        Raises:
            InvalidPublicValue: the value has not the length of the prime, lies outside of [2, p-2], or (groups of
                RFC 5114 only) outside of the generator's subgroup (RFC 6989 §2.1, §2.2).
        """
        if len(peer_public) != self.public_length:
            raise InvalidPublicValue(
                f"{self.name}: the public value has {len(peer_public)} octets, expected {self.public_length}"
            )
        y = int.from_bytes(peer_public)
        if not 2 <= y <= self._p - 2:
            raise InvalidPublicValue(f"{self.name}: the public value is outside [2, p-2]")
        if self._q is not None and int.from_bytes(self._power(y, Integer(self._q))) != 1:
            raise InvalidPublicValue(f"{self.name}: the public value is outside the generator's subgroup")
        return self._power(y, Integer.from_bytes(private))

    def respond(self, random: Callable[[int], bytes], peer_public: bytes) -> tuple[bytes, bytes]:
        """`generate` and `shared` in one.

        Raises:
            InvalidPublicValue: as `shared` does.
        """
        private, public = self.generate(random)
        return public, self.shared(private, peer_public)

    def _power(self, base: int, exponent: Integer) -> bytes:
        return Integer(base).inplace_pow(exponent, self._modulus).to_bytes(self.public_length)
