"""Inbound SPIs: who chooses them, and what is done when none can be had."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.model import Path

__all__ = ["AllocateSpi", "SpiUnavailable", "is_usable"]

# Chooses an inbound SPI for a pair of IPsec SAs on this path, of this protocol (a `ProtocolId`: ESP or AH): one that no
# SA of the machine has, whoever made it. Raises SpiUnavailable.
AllocateSpi = Callable[[Path, int], int]


class SpiUnavailable(Exception):
    """No SPI can be had; the message says why, for people."""


def is_usable(spi: int) -> bool:
    """Whether an SA may have this SPI: 4 octets, of which 0 to 255 are reserved (RFC 4302 §2.4, RFC 4303 §2.1)."""
    return 255 < spi <= 0xFFFF_FFFF
