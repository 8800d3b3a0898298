"""Identification payload (RFC 2407 §4.6.2)."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.wire.errors import WireError
from ikev1.wire.layout import Rest, UInt8, UInt16
from ikev1.wire.registry import IdType, NotifyType

DATA_SIZES: dict[int, int] = {
    IdType.IPV4_ADDR: 4,
    IdType.IPV4_ADDR_SUBNET: 8,
    IdType.IPV4_ADDR_RANGE: 8,
    IdType.IPV6_ADDR: 16,
    IdType.IPV6_ADDR_SUBNET: 32,
    IdType.IPV6_ADDR_RANGE: 32,
}


class Identification(NamedTuple):
    """Who the peer is, or between whom a tunnel runs: ``protocol`` and ``port`` (0: any) of IP, and data that
    ``id_type`` gives a meaning (RFC 2407 §4.6.2.1): addresses in network order, text without terminator, DER.
    """

    id_type: UInt8
    protocol: UInt8
    port: UInt16
    data: Rest

    def check(self) -> None:
        """Raises WireError for addresses of a wrong size and for an empty name (RFC 2407 §4.6.2.2 ff.)."""
        size = DATA_SIZES.get(self.id_type)
        if size is not None and len(self.data) != size:
            raise WireError(
                f"{size} octets of {IdType(self.id_type).name}",
                len(self.data),
                4,
                notify=NotifyType.INVALID_ID_INFORMATION,
            )
        if not self.data:
            raise WireError("identification data", "none", 4, notify=NotifyType.INVALID_ID_INFORMATION)
