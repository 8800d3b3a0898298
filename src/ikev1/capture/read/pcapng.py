"""The pcapng format: sections of blocks, each section with its own interfaces.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html (source of the section numbers below)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ikev1.capture.read.frame import SHORTEST, Frame, Wanted
from ikev1.capture.read.problems import Notes
from ikev1.capture.read.source import BUFFER, Source
from ikev1.errors import RemoteError

MAGIC_NUMBER = b"\x0a\x0d\x0d\x0a"
"""The first four octets of a file of this format: the type of its first block, the same in both byte orders."""

SECTION_HEADER, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
PACKETS = frozenset((OLD_PACKET, ENHANCED_PACKET))
ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
BLOCK = 12  # the minimum of a block: type, length, and length again
PACKET_HEADER = 28  # from a packet block's type to the frame
TIME_RESOLUTION, TIME_OFFSET = 9, 14
MOST_INTERFACES = 65536


class _Interface(NamedTuple):
    link_type: int
    wanted: Wanted
    longest: int  # octets captured of a frame, 0: all
    unit: float  # of a timestamp, in seconds
    offset: int  # seconds to add to it


class DamagedBlock(RemoteError):
    """The rest of the file cannot be read."""

    code = "malformed"


class PcapngReader:
    """A `FrameReader` of pcapng."""

    def __init__(self, source: Source, prefilter_for: Callable[[int], Wanted], notes: Notes) -> None:
        self.count = 0
        self._source = source
        self._prefilter_for = prefilter_for
        self._notes = notes
        self._interfaces: list[_Interface] = []
        self._order = "<"

    def frames(self) -> Iterator[Frame]:
        """The frames that pass the prefilters."""
        try:
            yield from self._frames()
        except DamagedBlock as error:
            self._notes.remark(
                "file-damaged", f"the file is damaged after frame {self.count}: {error}; the rest was not read"
            )

    def _frames(self) -> Iterator[Frame]:
        source, buffer, position = self._source, self._source.buffer, 0
        packet = struct.Struct("<7I")
        while True:
            end = source.end
            while position + BLOCK <= end:
                kind, size, number, high, low, captured, length = packet.unpack_from(buffer, position)
                if kind == SECTION_HEADER:
                    packet = self._section(position)
                    size = packet.unpack_from(buffer, position)[1]
                if size < BLOCK:
                    raise DamagedBlock(f"a block of {size} octets")
                stop = position + (size + 3 & ~3)  # some writers leave the padding out of the length
                if stop > end:
                    break
                if kind in PACKETS:
                    self.count += 1
                    if kind == OLD_PACKET:
                        (number,) = struct.unpack_from(f"{self._order}H", buffer, position + 8)
                    if number >= len(self._interfaces) or captured > size - PACKET_HEADER - 4:
                        raise DamagedBlock("a packet block that contradicts itself")
                    link_type, wanted, _, unit, offset = self._interfaces[number]
                    start = position + PACKET_HEADER
                    if captured < SHORTEST or wanted(buffer, start):
                        time = (high << 32 | low) * unit + offset
                        yield Frame(self.count, time, link_type, bytes(buffer[start : start + captured]), length)
                elif kind == INTERFACE:
                    self._interface(position, stop)
                elif kind == SIMPLE_PACKET:
                    yield self._simple_packet(position, size, number)
                position = stop
            if position + BLOCK <= end and stop - position > BUFFER:
                position = self._skip(kind, stop)
            elif source.advance(position):
                position = 0
            else:
                break
        if source.end:
            self._notes.remark("file-truncated", f"the file is truncated in a block after frame {self.count}")

    def _section(self, position: int) -> struct.Struct:
        """Begin a section (§4.1), which has its own byte order and interfaces."""
        order = ORDERS.get(bytes(self._source.buffer[position + 8 : position + 12]))
        if order is None:
            raise DamagedBlock("a section header with an invalid byte-order magic")
        self._order = order
        self._interfaces.clear()
        return struct.Struct(f"{order}7I")

    def _interface(self, position: int, stop: int) -> None:
        """Read an Interface Description Block (§4.2)."""
        if stop - position < 20 or len(self._interfaces) == MOST_INTERFACES:
            raise DamagedBlock("an invalid interface description block")
        link_type, longest = struct.unpack_from(f"{self._order}H2xI", self._source.buffer, position + 8)
        unit, offset = 1e-6, 0
        for code, value in self._options(position + 16, stop - 4):
            if code == TIME_RESOLUTION and value:
                unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -value[0]
            elif code == TIME_OFFSET and len(value) == 8:
                (offset,) = struct.unpack(f"{self._order}q", value)
        self._interfaces.append(_Interface(link_type, self._prefilter_for(link_type), longest, unit, offset))

    def _options(self, position: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """The options of a block (§3.5), as pairs of code and value."""
        while position + 4 <= stop:
            code, size = struct.unpack_from(f"{self._order}HH", self._source.buffer, position)
            position += 4
            if position + size > stop:
                return
            yield code, bytes(self._source.buffer[position : position + size])
            position += size + 3 & ~3

    def _simple_packet(self, position: int, size: int, length: int) -> Frame:
        """Read a Simple Packet Block (§4.4), which belongs to the first interface and has no timestamp."""
        self.count += 1
        if not self._interfaces or size < BLOCK + 4:
            raise DamagedBlock("an invalid simple packet block")
        link_type, _, longest, _, _ = self._interfaces[0]
        start = position + 12
        captured = min(length, longest or length, size - BLOCK - 4)
        self._notes.remark(
            "no-timestamps", "the file has simple packet blocks without timestamps: their time is shown as 0"
        )
        return Frame(self.count, 0.0, link_type, bytes(self._source.buffer[start : start + captured]), length)

    def _skip(self, kind: int, stop: int) -> int:
        """Skip a block that is larger than the buffer; return the buffer position of the next one."""
        if kind in PACKETS or kind == SIMPLE_PACKET:
            raise DamagedBlock("a packet block larger than any packet")
        while stop > self._source.end:
            stop -= self._source.end
            if not self._source.advance(self._source.end):
                return 0
        return stop
