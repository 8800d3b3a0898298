"""An iterator over the IKE and ESP packets of a live interface."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Self

from ikev1.capture.read.capture import PORTS, FrameParser
from ikev1.capture.read.frame import Frame
from ikev1.capture.read.kernel_filter import attach_filter
from ikev1.capture.read.link import RAW
from ikev1.capture.read.problems import CaptureError, Notes
from ikev1.capture.records.packets import Packet

ANY = "any"
"""The name for all interfaces."""

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_TIMESTAMPNS = 35
TIME = struct.Struct("@ll")
LONGEST = 40 + 0xFFFF  # octets of the longest IPv6 packet
RECEIVE_BUFFER = 8 << 20
ARPHRD_LOOPBACK = 772


class Live:
    """An open interface. Iterate over it for its packets, for ``seconds`` or without limit.

    It has the attributes of `Capture`; ``position`` is always 0 and ``size`` None. As a context manager it closes the
    socket.
    """

    position = 0
    size = None

    def __init__(self, receiver: socket.socket, ports: Iterable[int], seconds: float | None) -> None:
        self.frames = 0
        self._socket = receiver
        self._seconds = seconds
        self._notes = Notes()
        self._parser = FrameParser(ports, self._notes)
        self._lost = 0

    def __iter__(self) -> Iterator[Packet]:
        deadline = None if self._seconds is None else time.monotonic() + self._seconds
        while deadline is None or time.monotonic() < deadline:
            self._socket.settimeout(None if deadline is None else max(deadline - time.monotonic(), 0.001))
            try:
                octets, ancillary, _, address = self._socket.recvmsg(LONGEST, socket.CMSG_SPACE(TIME.size))
            except TimeoutError:
                break
            except OSError as error:
                self._notes.remark("capture-ended", f"the live capture ended: {error.strerror}")
                break
            _, _, kind, hardware, _ = address
            if kind == socket.PACKET_OUTGOING and hardware == ARPHRD_LOOPBACK:
                continue  # it is also delivered as incoming
            self.frames += 1
            packet = self._parser.packet(Frame(self.frames, _time(ancillary), RAW, octets, len(octets)))
            if packet is not None:
                yield packet
        self._parser.close()

    def notes(self) -> tuple[str, ...]:
        """The problems so far with their counts, one sentence each."""
        if self._socket.fileno() >= 0:
            statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)  # reading resets the counters
            self._lost += struct.unpack("@II", statistics)[1]
        lost = (
            (f"{self._lost} packets were dropped by the kernel: they arrived faster than they were read",)
            if self._lost
            else ()
        )
        return (*lost, *(problem.line() for problem in self._notes.problems()))

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _time(ancillary: list[tuple[int, int, bytes]]) -> float:
    """The kernel's receive timestamp, in seconds since the epoch."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = TIME.unpack(data)
            return float(seconds + nanoseconds * 1e-9)
    return time.time()


def listen(interface: str, ports: Iterable[int] = PORTS, seconds: float | None = None) -> Live:
    """Listen on ``interface``, or on all with `ANY`. ``ports`` are the UDP ports of ISAKMP.

    Raises CaptureError: the interface does not exist, or the process lacks the privilege.
    """
    wanted = frozenset(ports)
    try:
        receiver = _open(interface, wanted)
    except OSError as error:
        raise _error(interface, error) from error
    return Live(receiver, wanted, seconds)


def _open(interface: str, ports: frozenset[int]) -> socket.socket:
    # A socket without a protocol receives nothing until it is bound, so every packet passes the filter. A socket for
    # all interfaces is not bound: it may receive unfiltered packets before the filter is attached.
    protocol = socket.htons(ETH_P_ALL) if interface == ANY else 0
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)
    try:
        attach_filter(receiver, ports)
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if interface != ANY:
            receiver.bind((interface, ETH_P_ALL))
    except OSError:
        receiver.close()
        raise
    return receiver


def _error(interface: str, error: OSError) -> CaptureError:
    if error.errno in (errno.EPERM, errno.EACCES):
        text = "no permission to open a packet socket: run as root or with CAP_NET_RAW"
        return CaptureError(text, "no-permission")
    if error.errno == errno.ENODEV:
        available = ", ".join([name for _, name in socket.if_nameindex()])
        text = f"no such interface: {interface!r} (available: {available}, or {ANY!r} for all)"
        return CaptureError(text, "no-interface")
    return CaptureError(f"cannot listen on {interface!r}: {error.strerror}")
