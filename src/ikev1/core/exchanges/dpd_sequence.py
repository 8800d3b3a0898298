"""Dead peer detection (RFC 3706): a question with a sequence number, and the same number in the answer."""

from __future__ import annotations

from ikev1.core.records.model import IkeSa
from ikev1.wire.payloads import Notification

_SIZE = 4  # octets of a sequence number
_HALF = 0x8000_0000


def sequence_of(sa: IkeSa, payload: Notification) -> int | None:
    """The sequence number of an R-U-THERE or its acknowledgement, None if the payload is malformed.

    The SPI must be the pair of cookies (§5.3). Some peers leave it out; one with another SPI is not about this SA.
    """
    if len(payload.data) != _SIZE or payload.spi not in (b"", sa.cookies):
        return None
    return int.from_bytes(payload.data)


def is_newer(sequence: int, last: int | None) -> bool:
    """Whether ``sequence`` comes after ``last``, the highest taken so far, None for none.

    Whoever asks increments its number with each question (§6.2), so one that comes again was copied. A number that
    begins near its largest value goes on from 0.
    """
    return last is None or 0 < (sequence - last) % (2 * _HALF) < _HALF
