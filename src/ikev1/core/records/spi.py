"""Allocation of inbound SPIs and CPIs."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.wire.registry import ProtocolId

_CPIS = range(256, 61_440)  # RFC 3173 §3.3: "negotiated between the two nodes"


def is_usable(spi: int, protocol: int = ProtocolId.ESP) -> bool:
    """Whether ``spi`` is not reserved. An SPI has 4 octets, and 0 to 255 are reserved (RFC 4302 §2.4, RFC 4303 §2.1).
    With the ``protocol`` IPCOMP, it is a CPI.
    """
    return spi in _CPIS if protocol == ProtocolId.IPCOMP else 255 < spi <= 0xFFFF_FFFF


def drawn(random: Callable[[int], bytes], protocol: int) -> int:
    """Return a random SPI, or CPI, that is not reserved."""
    octets = 2 if protocol == ProtocolId.IPCOMP else 4
    while not is_usable(spi := int.from_bytes(random(octets)), protocol):
        pass
    return spi
