"""The algorithm names in the logs of charon and pluto, which are those of swanctl, and the sizes of keys in logs."""

from __future__ import annotations

from ikev1.crypto.algorithms import ESP_CIPHERS, INTEGRITIES

CIPHERS: dict[str, int] = {cipher.display: cipher.number for cipher in ESP_CIPHERS.values()}
INTEGRITY: dict[str, int] = {hash.display: hash.integrity for hash in INTEGRITIES.values()}


def key_length_of(encryption: int, keymat: bytes) -> int:
    """The key length in bits that is negotiated for an ESP transform with this keying material; 0 if there is none."""
    sizes = ((cipher.number, cipher.octets, cipher.key_length) for cipher in ESP_CIPHERS.values())
    return next((bits for number, octets, bits in sizes if (number, octets) == (encryption, len(keymat))), 0)
