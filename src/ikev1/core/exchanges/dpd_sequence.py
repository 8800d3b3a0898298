"""Sequence numbers of dead peer detection: R-U-THERE and R-U-THERE-ACK have the same one (RFC 3706)."""

from __future__ import annotations

from ikev1.core.records.ike_sa import IkeSa
from ikev1.wire.payloads import Notification

_SIZE = 4  # octets of a sequence number
_HALF = 0x8000_0000


def sequence_of(sa: IkeSa, payload: Notification) -> int | None:
    """The sequence number of an R-U-THERE or its acknowledgement, None if the payload is malformed.

    The SPI must be the pair of cookies (§5.3). Some peers omit it; a payload with another SPI is for another SA.
    """
    if len(payload.data) != _SIZE or payload.spi not in (b"", sa.cookies):
        return None
    return int.from_bytes(payload.data)


def is_newer(sequence: int, last: int | None) -> bool:
    """Whether ``sequence`` is newer than ``last``, the highest one received so far, None for none.

    The sender increments the number with each R-U-THERE (§6.2), so a repeated one was replayed. It wraps around to 0.
    """
    return last is None or 0 < (sequence - last) % (2 * _HALF) < _HALF
