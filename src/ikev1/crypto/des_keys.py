"""DES keys that must not be used, alone or in 3DES."""

from __future__ import annotations

from ikev1.crypto.errors import WeakKey

DES_KEY_SIZE = 8  # octets
_PARITY = int.from_bytes(b"\x01" * DES_KEY_SIZE)  # the lowest bit of each octet, which DES ignores

# The weak and semi-weak keys of FIPS 74: two octets in turn, and in the right half what goes with them there. RFC 2409
# Appendix A lists the same, but misprints the two weak keys 1F1F1F1F0E0E0E0E and E0E0E0E0F1F1F1F1.
_RIGHT_HALF = {0x01: 0x01, 0x1F: 0x0E, 0xE0: 0xF1, 0xFE: 0xFE}
_WEAK = frozenset(
    int.from_bytes(bytes((a, b, a, b, c, d, c, d))) | _PARITY
    for a, c in _RIGHT_HALF.items()
    for b, d in _RIGHT_HALF.items()
)


def check_single(key: bytes) -> None:
    """Refuse a weak or semi-weak key of 8 octets (RFC 2405 §4.1).

    Raises:
        WeakKey: the key is one of the sixteen.
    """
    if int.from_bytes(key) | _PARITY in _WEAK:
        raise WeakKey("the DES key is weak or semi-weak")


def check_triple(key: bytes) -> None:
    """Refuse a key of 24 octets that makes 3DES "simply the same as DES" (RFC 2451 §2.3).

    Raises:
        WeakKey: the first two or the last two of its three keys are equal.
    """
    k1, k2, k3 = (int.from_bytes(key[start : start + DES_KEY_SIZE]) | _PARITY for start in (0, 8, 16))
    if k2 in (k1, k3):
        raise WeakKey("the 3DES key is no stronger than a DES key")


def first_sound_key(material: bytes) -> bytes:
    """ "The first eight (8) non-weak and non-semi-weak bytes" of ``material`` (RFC 2409 Appendix B).

    Raises:
        WeakKey: there are none.
    """
    for start in range(0, len(material) - DES_KEY_SIZE + 1, DES_KEY_SIZE):
        key = material[start : start + DES_KEY_SIZE]
        if int.from_bytes(key) | _PARITY not in _WEAK:
            return key
    raise WeakKey("all candidate DES keys are weak")
