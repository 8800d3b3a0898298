"""The Internet checksum (RFC 1071), whole and by increments (RFC 1624)."""

from __future__ import annotations

__all__ = ["internet_checksum", "ones_sum", "pseudo_header", "updated"]


def ones_sum(data: bytes | memoryview) -> int:
    """The ones' complement sum of ``data`` as 16-bit words, 1 to 65535, or 0 if all octets are zero.

    2^16 leaves the remainder 1 modulo 65535, so the sum of the digits is the number itself, modulo 65535.
    """
    number = int.from_bytes(data)
    if len(data) & 1:
        number <<= 8  # RFC 1071 §1: padded with a zero octet
    return number % 65535 or (65535 if number else 0)


def internet_checksum(data: bytes | memoryview, initial: int = 0) -> int:
    """What goes into the checksum field, when the field counts as zero in ``data``; ``initial`` is added to the sum."""
    total = ones_sum(data) + initial
    return ~(total % 65535 or (65535 if total else 0)) & 0xFFFF


def pseudo_header(packet: bytes | memoryview, protocol: int, length: int) -> int:
    """The sum of the pseudo-header of IPv4 (RFC 9293 §3.1) or IPv6 (RFC 8200 §8.1) for ``length`` octets of payload."""
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    return ones_sum(addresses) + protocol + length


def updated(checksum: int, old: int, new: int) -> int:
    """``checksum`` after the word ``old`` became ``new``: HC' = ~(~HC + ~m + m') (RFC 1624 §3, equation 3)."""
    total = (~checksum & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
