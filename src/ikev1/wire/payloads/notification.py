"""Notification and Delete payloads (RFC 2408 §3.14, §3.15)."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from ikev1.wire.errors import WireError
from ikev1.wire.layout import Field, Rest, SizedBytes, UInt8, UInt16, UInt32, take
from ikev1.wire.registry import NotifyType, ProtocolId

MAX_SPIS = 1024
"""SPIs in one Delete payload: as many as a peer with that many tunnels sends when it goes down."""

SPI_SIZES: dict[int, tuple[int, ...]] = {
    ProtocolId.ISAKMP: (16,),  # "In this case, the SPI Size would be 16 octets for each SPI" (RFC 2408 §3.15)
    ProtocolId.AH: (4,),
    ProtocolId.ESP: (4,),
    ProtocolId.IPCOMP: (2, 4),  # a CPI, or one in an SPI's place (RFC 3173 §4.1)
}


class SpiList(Field):
    """SPIs of one size up to the end of the body; the head has the size and their number."""

    head = "BH"

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[Any, int]:
        size, count = numbers[slot : slot + 2]
        if count > MAX_SPIS:
            raise WireError(f"at most {MAX_SPIS} SPIs", count, 6)
        if count and not size:
            raise WireError("an SPI size above 0", size, 5)
        end = position + size * count
        take(body, position, size * count, f"SPIs ({count} of {size})")
        return tuple([body[start : start + size] for start in range(position, end, size or 1)]), end

    def build(self, value: tuple[bytes, ...]) -> tuple[tuple[int, ...], bytes]:
        return (len(value[0]) if value else 0, len(value)), b"".join(value)


class Notification(NamedTuple):
    """Notification payload (RFC 2408 §3.14): ``type`` is a `NotifyType`, ``data`` what that type says."""

    doi: UInt32
    protocol: UInt8
    spi: SizedBytes
    type: UInt16
    data: Rest


class Delete(NamedTuple):
    """Delete payload (RFC 2408 §3.15): SAs of one protocol that the sender no longer has, by its own SPIs; of an
    ISAKMP SA, both cookies. All of one size.
    """

    doi: UInt32
    protocol: UInt8
    spis: Annotated[tuple[bytes, ...], SpiList()]

    def check(self) -> None:
        """Raises WireError (INVALID_SPI) for SPIs of a size that the protocol does not have."""
        sizes = SPI_SIZES.get(self.protocol)
        if self.spis and sizes is not None and len(self.spis[0]) not in sizes:
            raise WireError(
                f"an SPI size of {ProtocolId(self.protocol).name}", len(self.spis[0]), 5, notify=NotifyType.INVALID_SPI
            )
