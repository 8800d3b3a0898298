"""An iterator over the IKE and ESP packets of a capture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO, Self

from ikev1.capture.read import pcap, pcapng
from ikev1.capture.read.frame import Frame, FrameReader
from ikev1.capture.read.ip_fragments import IpReassembly
from ikev1.capture.read.link import find_ip
from ikev1.capture.read.network import parse_ip, skip_headers
from ikev1.capture.read.prefilter import prefilter_for
from ikev1.capture.read.problems import CaptureError, Notes, Problem, Unreadable, not_a_capture
from ikev1.capture.read.source import Source
from ikev1.capture.read.transport import ISAKMP_PORT, NAT_TRAVERSAL_PORT, packet_of
from ikev1.capture.records.packets import Datagram, Packet

PORTS = (ISAKMP_PORT, NAT_TRAVERSAL_PORT)
MOST_PREFILTERS = 64  # cached, one per link type: a file may have many interfaces


class FrameParser:
    """Extracts packets from frames, and keeps incomplete IP datagrams."""

    def __init__(self, ports: Iterable[int], notes: Notes) -> None:
        self._ports = frozenset(ports)
        self._notes = notes
        self._fragments = IpReassembly(self._ports, notes)

    def packet(self, frame: Frame) -> Packet | None:
        """The ISAKMP datagram or ESP packet that ``frame`` contains or completes, if any. Notes problems."""
        try:
            return self._packet(frame)
        except Unreadable as reason:
            self._notes.frame(reason.code, reason.text, frame.number)
            return None

    def _packet(self, frame: Frame) -> Packet | None:
        start = find_ip(frame.link_type, frame.octets)
        if start is None:
            return None
        frames: tuple[int, ...] = (frame.number,)
        ip = parse_ip(frame.octets, start)
        if ip.fragmented:
            whole = self._fragments.add(ip, frame.number, frame.time)
            if whole is None:
                return None
            ip, frames = whole
        ip = skip_headers(ip)
        if ip.fragmented:
            raise Unreadable("fragment-nested", "nested IP fragments")
        packet = packet_of(ip, self._ports, frames, frame.time)
        if isinstance(packet, Datagram) and packet.missing:
            self._notes.frame("truncated", "an ISAKMP message is truncated by the capture", frame.number)
        return packet

    def close(self) -> None:
        """Note the datagrams that remained incomplete."""
        self._fragments.close()


class Capture:
    """An open capture. Iterate over it once for its packets, in the order of their last frames.

    ``progress`` is called with `position` as reading proceeds. As a context manager it closes the file.
    """

    def __init__(
        self, stream: BinaryIO, ports: Iterable[int] = PORTS, progress: Callable[[int], None] | None = None
    ) -> None:
        """Raises CaptureError, NotACapture."""
        self._source = Source(stream, progress)
        self._notes = Notes()
        self._parser = FrameParser(ports, self._notes)
        self._reader = self._reader_for(frozenset(ports))

    def _reader_for(self, ports: frozenset[int]) -> FrameReader:
        magic = bytes(self._source.buffer[: min(4, self._source.end)])
        prefilter = lru_cache(maxsize=MOST_PREFILTERS)(partial(prefilter_for, ports=ports))
        if magic in pcap.MAGIC_NUMBERS:
            return pcap.PcapReader(self._source, prefilter, self._notes)
        if magic == pcapng.MAGIC_NUMBER:
            return pcapng.PcapngReader(self._source, prefilter, self._notes)
        if not self._source.end and self._source.trouble:
            raise CaptureError(f"cannot be read: {self._source.trouble}")
        raise not_a_capture(bytes(self._source.buffer[: self._source.end]))

    def __iter__(self) -> Iterator[Packet]:
        for frame in self._reader.frames():
            packet = self._parser.packet(frame)
            if packet is not None:
                yield packet
        self._parser.close()
        if self._source.trouble:
            self._notes.remark("file-unreadable", f"the file could not be read completely: {self._source.trouble}")

    @property
    def frames(self) -> int:
        """The number of frames read so far, of any kind."""
        return self._reader.count

    @property
    def position(self) -> int:
        """Octets of the (compressed) file read so far."""
        return self._source.position

    @property
    def size(self) -> int | None:
        """The size of the file in octets; None if unknown, as for a pipe."""
        return self._source.size

    def notes(self) -> tuple[str, ...]:
        """The problems so far with their counts, one sentence each."""
        return tuple(problem.line() for problem in self.problems())

    def problems(self) -> tuple[Problem, ...]:
        """The problems so far, with codes."""
        return self._notes.problems()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_capture(
    capture: str | Path | BinaryIO, ports: Iterable[int] = PORTS, progress: Callable[[int], None] | None = None
) -> Capture:
    """Open a pcap or pcapng file, gzip-compressed or not; ``"-"`` is standard input.

    ``ports`` are the UDP ports of ISAKMP.

    Raises:
        CaptureError: the file cannot be read.
        NotACapture: it is not a capture.
    """
    if capture == "-":
        return Capture(sys.stdin.buffer, ports, progress)
    if not isinstance(capture, str | Path):
        return Capture(capture, ports, progress)
    try:
        stream = Path(capture).open("rb", buffering=0)  # noqa: SIM115  the Capture closes it
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror}") from error
    try:
        return Capture(stream, ports, progress)
    except CaptureError:
        stream.close()
        raise
