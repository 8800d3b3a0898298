"""Inbound SPIs: who chooses them, and what is done when none can be had."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.model import UdpPath
from ikev1.errors import LocalError
from ikev1.wire.registry import ProtocolId

# Chooses an inbound SPI for a pair of IPsec SAs on this path, of this protocol (a `ProtocolId`: ESP or AH; for IPCOMP
# it is a CPI): one that no SA of the machine has, whoever made it. Raises SpiUnavailable.
AllocateSpi = Callable[[UdpPath, int], int]

_CPIS = range(256, 61_440)  # RFC 3173 §3.3: "negotiated between the two nodes"


class SpiUnavailable(LocalError):
    """No SPI can be had; the message says why, for people."""

    code = "no-spi"


def is_usable(spi: int, protocol: int = ProtocolId.ESP) -> bool:
    """Whether an SA may have this SPI: 4 octets, of which 0 to 255 are reserved (RFC 4302 §2.4, RFC 4303 §2.1), or this
    CPI.
    """
    return spi in _CPIS if protocol == ProtocolId.IPCOMP else 255 < spi <= 0xFFFF_FFFF


def drawn(random: Callable[[int], bytes], protocol: int) -> int:
    """A usable SPI or CPI, drawn at random."""
    octets = 2 if protocol == ProtocolId.IPCOMP else 4
    while not is_usable(spi := int.from_bytes(random(octets)), protocol):
        pass
    return spi
