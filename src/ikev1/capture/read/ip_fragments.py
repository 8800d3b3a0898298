"""IP datagrams put together again from their fragments (RFC 791 §3.2, RFC 8200 §4.5), within bounds."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.capture.read.network import UDP, IpPacket
from ikev1.capture.read.notes import Notes
from ikev1.capture.read.unreadable import Unreadable

MOST_DATAGRAMS = 256
"""Datagrams of which fragments are kept at one time; the oldest makes room."""

MOST_FRAGMENTS = 128
"""Fragments of one datagram: 64 KiB in pieces of 512 octets."""

LONGEST = 65_535
PATIENCE = 30.0
"""Seconds of the capture's time that fragments wait for the others, as Linux has it."""

Key = tuple[str, str, int, int]


class Whole(NamedTuple):
    """A datagram put together: as if it had come in one piece, and the frames that it came in."""

    packet: IpPacket
    frames: tuple[int, ...]


class _Partial:
    """What there is of one datagram. ``dropped`` are those of which nothing more is wanted."""

    __slots__ = ("dropped", "end", "frames", "length", "pieces", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.pieces: dict[int, bytes] = {}  # by offset, none overlapping another
        self.frames: list[int] = []
        self.end = 0  # of what is there
        self.length: int | None = None  # known once the last fragment is there
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True
        self.pieces.clear()

    def add(self, offset: int, piece: bytes, last: bool, frame: int) -> None:
        """Take a fragment. Raises Unreadable where it cannot belong to the others."""
        end = offset + len(piece)
        if end > LONGEST or len(self.pieces) >= MOST_FRAGMENTS:
            raise Unreadable("fragments of more than IP can carry")
        if not piece:
            raise Unreadable("a fragment without any content")
        if last:
            if self.length not in (None, end):
                raise Unreadable("fragments of which two are the last")
            self.length = end
        self.end = max(self.end, end)
        if self.length is not None and self.end > self.length:
            raise Unreadable("fragments behind the last one")
        if self.pieces.get(offset) == piece:
            return  # the same frame again: captures on several interfaces have it twice
        # "If any of the fragments being reassembled overlaps with any other fragments [...], reassembly of that
        # datagram must be abandoned" (RFC 8200 §4.5): which of two readings the receiver took, nobody can tell.
        for other, octets in self.pieces.items():
            if offset < other + len(octets) and other < end:
                raise Unreadable("fragments that overlap")
        self.pieces[offset] = piece
        self.frames.append(frame)

    def whole(self) -> bytes | None:
        if self.length is None or sum(map(len, self.pieces.values())) != self.length:
            return None
        return b"".join([piece for _, piece in sorted(self.pieces.items())])


class IpReassembly:
    """Fragments that wait for the others. ``ports`` are those of UDP whose datagrams are wanted."""

    def __init__(self, ports: frozenset[int], notes: Notes) -> None:
        self._ports = ports
        self._notes = notes
        self._partials: dict[Key, _Partial] = {}

    def add(self, packet: IpPacket, frame: int, time: float) -> Whole | None:
        """Take a fragment; the datagram comes back when this one makes it whole. Raises Unreadable."""
        key = (packet.source, packet.destination, packet.identification, packet.protocol)
        partial = self._partial(key, time)
        if partial.dropped:
            return None
        if packet.offset == 0 and 0 not in partial.pieces and not self._is_wanted(packet):
            partial.drop()
            return None
        try:
            if len(packet.payload) < packet.length:
                raise Unreadable("fragments that the capture has cut short")
            partial.add(packet.offset, packet.payload, not packet.more, frame)
        except Unreadable:
            partial.drop()
            raise
        payload = partial.whole()
        if payload is None:
            return None
        del self._partials[key]
        whole = packet._replace(payload=payload, length=len(payload), offset=0, more=False)
        return Whole(whole, tuple(sorted(partial.frames)))

    def _is_wanted(self, first: IpPacket) -> bool:
        if first.protocol != UDP or len(first.payload) < 4:
            return True
        source, destination = int.from_bytes(first.payload[:2], "big"), int.from_bytes(first.payload[2:4], "big")
        return source in self._ports or destination in self._ports

    def _partial(self, key: Key, time: float) -> _Partial:
        partial = self._partials.get(key)
        if partial is not None and time - partial.since <= PATIENCE:
            return partial
        if partial is not None:
            self._give_up(key)
        elif len(self._partials) >= MOST_DATAGRAMS:
            self._give_up(next(iter(self._partials)))
        self._partials[key] = partial = _Partial(time)
        return partial

    def _give_up(self, key: Key) -> None:
        partial = self._partials.pop(key)
        if not partial.dropped:
            self._notes.frame("a fragment of an IP datagram, of which others are missing", min(partial.frames))

    def close(self) -> None:
        """Note what is still waiting: no more comes."""
        for key in list(self._partials):
            self._give_up(key)
