"""Sequence numbers of dead peer detection: an R-U-THERE-ACK repeats that of the R-U-THERE (RFC 3706 §5.3, §6.2)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.ike_sa import IkeSa
from ikev1.wire.payloads import Notification

_SIZE = 4  # octets of a sequence number
_ALL = 2**32
_HALF = 0x8000_0000
_LARGEST_SKIP = 2**24


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
    A gap is accepted: the R-U-THERE in between was lost.
    """
    return last is None or 0 < (sequence - last) % _ALL < _HALF


def is_in_run(sequence: int, first: int, count: int) -> bool:
    """Whether ``sequence`` is among the ``count`` numbers that begin with ``first``."""
    return (sequence - first) % _ALL < count


def following(last: int | None, random: Callable[[int], bytes]) -> int:
    """The number after ``last``. The first of an SA is random, and its highest bit is 0 (§6.2)."""
    return int.from_bytes(random(_SIZE)) % _HALF if last is None else (last + 1) % _ALL


def unpredictable(last: int | None, random: Callable[[int], bytes]) -> int:
    """A number after ``last`` that the peer cannot predict, so that only a peer that received it can acknowledge it.

    For the receiver this is the same as a loss of the numbers in between.
    """
    draw = int.from_bytes(random(_SIZE))
    return draw % _HALF if last is None else (last + 1 + draw % _LARGEST_SKIP) % _ALL


def octets_of(sequence: int) -> bytes:
    """The notification data for a sequence number."""
    return sequence.to_bytes(_SIZE)
