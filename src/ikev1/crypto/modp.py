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

__all__ = ["NUMBERS", "ModpGroup"]

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

    __slots__ = ("_g", "_p", "_prime", "_q", "name", "number", "public_length")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = dh_group(number).word
        if number in RFC_5114:
            prime, generator, order = RFC_5114[number]
        else:
            prime, generator, order = OAKLEY_PRIMES[number].prime(), 2, 0
        self._prime = prime
        self._q = order  # 0: p is a safe prime, and every element but 1 and p-1 has a large order
        self._p, self._g = Integer(prime), Integer(generator)
        self.public_length = (prime.bit_length() + 7) // 8

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """A private exponent and its public value, padded with zeros to the length of the prime (RFC 2409 §5)."""
        private = self._exponent(random)
        return private, self._power(self._g, private)

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """g^xy, padded with zeros to the length of the prime.

        Raises:
            InvalidPublicValue: the value has not the length of the prime, lies outside of [2, p-2], or (RFC 5114's
                groups only) outside of the subgroup of the generator (RFC 6989 §2.1 and §2.2).
        """
        if len(peer_public) != self.public_length:
            raise InvalidPublicValue(
                f"{self.name}: a public value of {len(peer_public)} octets, expected {self.public_length}"
            )
        if not 2 <= int.from_bytes(peer_public) <= self._prime - 2:
            raise InvalidPublicValue(f"{self.name}: the public value lies outside of [2, p-2]")
        y = Integer.from_bytes(peer_public)
        if self._q and pow(y, self._q, self._p) != 1:
            raise InvalidPublicValue(f"{self.name}: the public value lies outside of the generator's subgroup")
        return self._power(y, private)

    def _exponent(self, random: Callable[[int], bytes]) -> bytes:
        if self._q:
            # One of [1, q-1]: 64 bits more than q has make the bias of the remainder negligible (FIPS 186-5 §A.1.1)
            size = (self._q.bit_length() + 7) // 8
            return (1 + int.from_bytes(random(size + 8)) % (self._q - 1)).to_bytes(size)
        # The leading one keeps the exponent from ever being small, whatever the random octets are.
        return b"\x01" + random(_EXPONENT_OCTETS[self.number])

    def _power(self, base: Integer, exponent: bytes) -> bytes:
        return pow(base, Integer.from_bytes(exponent), self._p).to_bytes(self.public_length)
