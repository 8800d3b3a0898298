"""ECP groups: elliptic curves over a prime field (RFC 5903, RFC 5114, RFC 6932)."""

from __future__ import annotations

from collections.abc import Callable
from os import urandom

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikev1.crypto.algorithms import dh_group
from ikev1.crypto.errors import InvalidPublicValue, UnsupportedAlgorithm
from ikev1.wire.registry import Group

_UNCOMPRESSED = b"\x04"  # the first octet of an encoded point (SEC 1 §2.3.3), which a KE payload leaves out

_CURVES: dict[int, ec.EllipticCurve] = {
    Group.ECP_192: ec.SECP192R1(),
    Group.ECP_224: ec.SECP224R1(),
    Group.ECP_256: ec.SECP256R1(),
    Group.ECP_384: ec.SECP384R1(),
    Group.ECP_521: ec.SECP521R1(),
    Group.BRAINPOOL_256: ec.BrainpoolP256R1(),
    Group.BRAINPOOL_384: ec.BrainpoolP384R1(),
    Group.BRAINPOOL_512: ec.BrainpoolP512R1(),
}

NUMBERS = frozenset(_CURVES)


class EcpGroup:
    """One curve, as `ikev1.crypto.groups.DhGroup` describes."""

    __slots__ = ("_curve", "_field_size", "name", "number", "public_length")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = dh_group(number).word
        self._curve = _CURVES[number]
        try:
            ec.derive_private_key(1, self._curve)
        except exceptions.UnsupportedAlgorithm:  # some distributions build OpenSSL without small or Brainpool curves
            raise UnsupportedAlgorithm(
                f"{self.name} is not supported by the OpenSSL that `cryptography` was built with"
            ) from None
        self._field_size = (self._curve.key_size + 7) // 8
        self.public_length = 2 * self._field_size

    def generate(self, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        """A private scalar, and the public point as x | y, each of the length of the field (RFC 5903 §7)."""
        private = self._scalar(random)
        return private, self.public(private)

    def public(self, private: bytes) -> bytes:
        """The public point as x | y.

        Raises:
            ValueError: the scalar is not one of [1, n-1].
        """
        return _public(self._key(private))

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """The x coordinate of the common point (RFC 5903 §7, §9).

        Raises:
            InvalidPublicValue: the value has not the length of two coordinates, or is no point of the curve.
        """
        return self._exchange(self._key(private), peer_public)

    def respond(self, random: Callable[[int], bytes], peer_public: bytes) -> tuple[bytes, bytes]:
        """`generate` and `shared` with one key: OpenSSL checks each that is made, which costs as much as the exchange.

        Raises:
            InvalidPublicValue: as `shared` does.
        """
        # OpenSSL generates a key in half the time that it takes to check a given one
        generates = random is urandom
        key = ec.generate_private_key(self._curve) if generates else self._key(self._scalar(random))
        return _public(key), self._exchange(key, peer_public)

    def _scalar(self, random: Callable[[int], bytes]) -> bytes:
        # One of [1, n-1]: 64 bits more than n has make the bias of the remainder negligible (FIPS 186-5 §A.2.1)
        scalar = 1 + int.from_bytes(random(self._field_size + 8)) % (self._curve.group_order - 1)
        return scalar.to_bytes(self._field_size)

    def _key(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private), self._curve)

    def _exchange(self, key: ec.EllipticCurvePrivateKey, peer_public: bytes) -> bytes:
        if len(peer_public) != self.public_length:
            raise InvalidPublicValue(
                f"{self.name}: the public value has {len(peer_public)} octets, expected {self.public_length}"
            )
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(self._curve, _UNCOMPRESSED + peer_public)
        except ValueError:
            raise InvalidPublicValue(f"{self.name}: the public value is not a point on the curve") from None
        return key.exchange(ec.ECDH(), point)


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[len(_UNCOMPRESSED) :]
