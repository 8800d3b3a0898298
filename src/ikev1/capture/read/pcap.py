"""The pcap format in all variants: byte order, microseconds or nanoseconds, and a longer frame header.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ikev1.capture.read.frame import LONGEST, SHORTEST, Frame, Wanted
from ikev1.capture.read.problems import Notes
from ikev1.capture.read.source import Source

FILE_HEADER = 24


class _Variant(NamedTuple):
    order: str
    fraction: float  # of a second, the unit of the second part of a timestamp
    header: int  # octets before each frame


def _variants() -> dict[bytes, _Variant]:
    kinds = {0xA1B2C3D4: (1e-6, 16), 0xA1B23C4D: (1e-9, 16), 0xA1B2CD34: (1e-6, 24)}  # the last: modified by Kuznetzov
    return {
        struct.pack(f"{order}I", magic): _Variant(order, fraction, header)
        for magic, (fraction, header) in kinds.items()
        for order in "<>"
    }


_VARIANTS = _variants()
MAGIC_NUMBERS = frozenset(_VARIANTS)
"""The first four octets of a file of this format."""


class PcapReader:
    """A `FrameReader` of pcap."""

    def __init__(self, source: Source, prefilter_for: Callable[[int], Wanted], notes: Notes) -> None:
        self.count = 0
        self._source = source
        self._prefilter_for = prefilter_for
        self._notes = notes
        self._variant = _VARIANTS[bytes(source.buffer[:4])]

    def frames(self) -> Iterator[Frame]:
        """The frames that pass the prefilter."""
        source, notes = self._source, self._notes
        order, unit, header = self._variant
        if source.end < FILE_HEADER:
            notes.remark("file-truncated", "the file is truncated in its header")
            return
        # The upper bits describe the frame checksum, which the IP length excludes anyway.
        link_type = struct.unpack_from(f"{order}I", source.buffer, 20)[0] & 0xFFFF
        wanted = self._prefilter_for(link_type)
        unpack = struct.Struct(f"{order}IIII").unpack_from
        buffer, position, number = source.buffer, FILE_HEADER, 0
        while True:
            end = source.end
            while position + header <= end:
                seconds, fraction, captured, length = unpack(buffer, position)
                start = position + header
                stop = start + captured
                if stop > end:
                    break
                position = stop
                number += 1
                if captured < SHORTEST or wanted(buffer, start):
                    self.count = number
                    yield Frame(number, seconds + fraction * unit, link_type, bytes(buffer[start:stop]), length)
            self.count = number
            if position + header <= end and captured > LONGEST:
                notes.remark(
                    "file-damaged",
                    f"the file is damaged: frame {number + 1} claims {captured} octets; the rest was not read",
                )
                return
            if not source.advance(position):
                break
            position = 0
        if source.end:
            notes.remark("file-truncated", f"the file is truncated in frame {number + 1}")
