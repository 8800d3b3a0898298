"""Bounded reassembly of IP datagrams from fragments (RFC 791 §3.2, RFC 8200 §4.5)."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.capture.read.network import UDP, IpPacket
from ikev1.capture.read.problems import Notes, Unreadable

MOST_DATAGRAMS = 256
"""Incomplete datagrams kept; the oldest is dropped first."""

MOST_FRAGMENTS = 128
"""Fragments per datagram: 64 KiB in fragments of 512 octets."""

LONGEST = 65_535
TIMEOUT = 30.0
"""Seconds of capture time until an incomplete datagram is dropped, as in Linux."""

Key = tuple[str, str, int, int]


class Whole(NamedTuple):
    """A reassembled datagram, and the frames of its fragments."""

    packet: IpPacket
    frames: tuple[int, ...]


class _Partial:
    """The fragments of one datagram. Once ``dropped`` is set, further fragments are ignored."""

    __slots__ = ("dropped", "end", "frames", "length", "pieces", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.pieces: dict[int, bytes] = {}  # by offset, without overlap
        self.frames: list[int] = []
        self.end = 0  # of the highest fragment
        self.length: int | None = None  # known from the last fragment
        self.dropped = False

    def drop(self) -> None:
        self.dropped = True
        self.pieces.clear()

    def add(self, offset: int, piece: bytes, last: bool, frame: int) -> None:
        """Add a fragment. Raises Unreadable if it contradicts the others."""
        end = offset + len(piece)
        if end > LONGEST or len(self.pieces) >= MOST_FRAGMENTS:
            raise Unreadable("fragment-too-large", "IP fragments exceed the maximum datagram size")
        if not piece:
            raise Unreadable("fragment-empty", "an IP fragment is empty")
        if last:
            if self.length not in (None, end):
                raise Unreadable("fragment-last", "two IP fragments claim to be the last")
            self.length = end
        self.end = max(self.end, end)
        if self.length is not None and self.end > self.length:
            raise Unreadable("fragment-last", "an IP fragment follows the last one")
        if self.pieces.get(offset) == piece:
            return  # the same frame twice, in a capture of several interfaces
        # "If any of the fragments being reassembled overlaps with any other fragments [...], reassembly of that
        # datagram must be abandoned" (RFC 8200 §4.5), because the receiver may have kept either version.
        for other, octets in self.pieces.items():
            if offset < other + len(octets) and other < end:
                raise Unreadable("fragment-overlap", "IP fragments overlap")
        self.pieces[offset] = piece
        self.frames.append(frame)

    def whole(self) -> bytes | None:
        if self.length is None or sum(map(len, self.pieces.values())) != self.length:
            return None
        return b"".join([piece for _, piece in sorted(self.pieces.items())])


class IpReassembly:
    """Reassembles IP datagrams. UDP datagrams whose ports are not in ``ports`` are dropped."""

    def __init__(self, ports: frozenset[int], notes: Notes) -> None:
        self._ports = ports
        self._notes = notes
        self._partials: dict[Key, _Partial] = {}

    def add(self, packet: IpPacket, frame: int, time: float) -> Whole | None:
        """Add a fragment, and return the datagram if this one completes it. Raises Unreadable."""
        key = (packet.source, packet.destination, packet.identification, packet.protocol)
        partial = self._partial(key, time)
        if partial.dropped:
            return None
        if packet.offset == 0 and 0 not in partial.pieces and not self._is_wanted(packet):
            partial.drop()
            return None
        try:
            if len(packet.payload) < packet.length:
                raise Unreadable("truncated", "IP fragments are truncated by the capture")
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
        if partial is not None and time - partial.since <= TIMEOUT:
            return partial
        if partial is not None:
            self._drop(key)
        elif len(self._partials) >= MOST_DATAGRAMS:
            self._drop(next(iter(self._partials)))
        self._partials[key] = partial = _Partial(time)
        return partial

    def _drop(self, key: Key) -> None:
        partial = self._partials.pop(key)
        if not partial.dropped:
            self._notes.frame("fragment-incomplete", "an IP fragment whose datagram is incomplete", min(partial.frames))

    def close(self) -> None:
        """Note the incomplete datagrams at the end of the capture."""
        for key in list(self._partials):
            self._drop(key)
