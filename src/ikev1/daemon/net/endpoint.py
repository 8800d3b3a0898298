"""The gateway's UDP sockets: ISAKMP on one port; ISAKMP, ESP and keepalives on the other (RFC 3947 §4, RFC 3948).

The engine handles ISAKMP messages without the non-ESP marker, which is removed and added here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from itertools import groupby
from typing import Any, Protocol

from ikev1.core.records.path import UdpPath
from ikev1.daemon.net.recorder import Recorder
from ikev1.daemon.net.udp import UdpSocket
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.segments import Run, runs
from ikev1.wire.header import NON_ESP_MARKER

KEEPALIVE = b"\xff"  # RFC 3948 §2.3
BATCH = 64  # runs of ESP, and other datagrams, that are read from a socket before other work has its turn
STRANGERS_BATCH = 16  # the same for first messages of unknown peers, so that they delay established peers less
TURN = 0.002  # seconds after which other work has its turn, however little was read

_Read = tuple[Any, UdpPath]  # a datagram, or a `Run` of ESP packets
_ANY = ("0.0.0.0", "::")  # noqa: S104  all addresses by default


class Receiver(Protocol):
    """The receiver of packets from the sockets."""

    def receive_isakmp(self, datagrams: Iterable[tuple[bytes, UdpPath]]) -> None:
        """Process ISAKMP messages, without marker, in the order of arrival. Each is read from its socket after the one
        before it was processed.
        """

    def receive_esp(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        """Process ESP packets of one path, in the order of arrival."""


class Endpoint:
    """The gateway's sockets: for every address in ``listen`` (none: all of them) two on each of the two ports, one of
    them for the first messages of strangers, where the kernel can tell these from others.

    ``coalesce`` says that floods of ESP will be read here; where the kernel keeps ESP, none are.
    """

    def __init__(
        self,
        log: EventLog,
        port: int = 500,
        encapsulation_port: int = 4500,
        listen: Sequence[str] = (),
        *,
        coalesce: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self.port = port
        self.encapsulation_port = encapsulation_port
        self._listen = listen
        self._coalesce = coalesce
        self._clock = clock
        self._sockets: list[UdpSocket] = []
        self._by_address: dict[tuple[str, int], UdpSocket] = {}
        self._wildcards: dict[tuple[int, int], UdpSocket] = {}
        self._receiver: Receiver | None = None
        self.recorder: Recorder | None = None  # sees every ISAKMP message; closed with the endpoint

    def bind(self) -> None:
        """Bind the ports, unless they are bound.

        Raises:
            OSError: a port is in use, or an address is not local.
        """
        if self._sockets:
            return
        try:
            for host in self._listen or _ANY:
                self._bind_host(host)
        except OSError:
            self.close()
            raise

    def _bind_host(self, host: str) -> None:
        try:
            sockets = [UdpSocket(host, self.port), UdpSocket(host, self.encapsulation_port, coalesce=self._coalesce)]
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and not self._listen:
                return  # a kernel without IPv6
            raise
        for udp in sockets:
            self._sockets.append(udp)
            if udp.wildcard:
                self._wildcards[udp.version, udp.port] = udp
            else:
                self._by_address[udp.host, udp.port] = udp
            self._part_from_strangers(udp)

    def _part_from_strangers(self, udp: UdpSocket) -> None:
        encapsulates = udp.port == self.encapsulation_port
        coalesce = self._coalesce and encapsulates  # as beside it: the kernel asks either socket when it builds runs
        try:
            other = UdpSocket(udp.host, udp.port, coalesce=coalesce, beside=udp, marker=encapsulates)
        except OSError as error:
            text = f"cannot create a separate queue for first messages to port {udp.port}: {error.strerror}"
            self._log.write(Level.INFO, "NET", text)
        else:
            self._sockets.append(other)

    @property
    def sockets(self) -> Sequence[UdpSocket]:
        """All sockets, once bound."""
        return self._sockets

    def listen(self, receiver: Receiver) -> None:
        """Hand everything that comes from now on to ``receiver``, in the running event loop."""
        self._receiver = receiver
        loop = asyncio.get_running_loop()
        for udp in self._sockets:
            drain: Callable[[UdpSocket], None] = (
                self._drain_encapsulated if udp.port == self.encapsulation_port else self._drain
            )
            loop.add_reader(udp.socket, drain, udp)

    def close(self) -> None:
        """Give the ports back."""
        for udp in self._sockets:
            if self._receiver is not None:
                asyncio.get_running_loop().remove_reader(udp.socket)
            udp.socket.close()
        self._sockets.clear()
        self._by_address.clear()
        self._wildcards.clear()
        self._receiver = None
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None

    def _read(self, udp: UdpSocket) -> Iterator[_Read]:
        """What waits at ``udp``, read as it is asked for, until others have their turn. A run of ESP is one item."""
        until = self._clock() + TURN
        left = STRANGERS_BATCH if udp.of_strangers else BATCH
        try:
            while left > 0:
                read, path = udp.receive()
                if isinstance(read, Run) and read.spi:
                    left -= 1
                    yield read, path
                else:
                    left -= len(read)
                    for datagram in read:
                        yield datagram, path
                if self._clock() >= until:
                    return
        except BlockingIOError:
            return
        except OSError as error:
            self._tell(f"cannot read from port {udp.port}: {error.strerror}")

    def _drain(self, udp: UdpSocket) -> None:
        self._hand_on_isakmp((bytes(datagram), path) for datagram, path in self._read(udp))

    def _drain_encapsulated(self, udp: UdpSocket) -> None:
        """Hand on what has come, in the order of arrival between ISAKMP and ESP: packets that follow QM3 are lost
        before it installs the outbound SA and its routes, and packets before a Delete are lost after it.
        """
        assert self._receiver is not None
        for kind, group in groupby(self._read(udp), key=_kind):
            if kind is _Kind.ISAKMP:
                self._hand_on_isakmp((bytes(datagram[4:]), path) for datagram, path in group)
            elif kind is _Kind.RUN:
                for run, path in group:
                    self._receiver.receive_esp(run, path)
            else:
                esp: dict[UdpPath, list[bytes | memoryview]] = {}
                for packet, path in group:
                    if packet != KEEPALIVE:  # RFC 3948 §2.3: "SHOULD ignore a received NAT-keepalive packet"
                        esp.setdefault(path, []).append(packet)
                for path, packets in esp.items():
                    for run in runs(packets):
                        self._receiver.receive_esp(run, path)

    def _hand_on_isakmp(self, datagrams: Iterable[tuple[bytes, UdpPath]]) -> None:
        assert self._receiver is not None
        self._receiver.receive_isakmp(map(self._recorded, datagrams))

    def _recorded(self, received: tuple[bytes, UdpPath]) -> tuple[bytes, UdpPath]:
        if self.recorder is not None:
            datagram, path = received
            self.recorder.received(path, datagram)
        return received

    def send_isakmp(self, path: UdpPath, datagram: bytes) -> None:
        """Send an ISAKMP message. Errors of the network are logged; the message will be retransmitted."""
        if self.recorder is not None:
            self.recorder.sent(path, datagram)
        marker = NON_ESP_MARKER if path.local_port == self.encapsulation_port else b""
        self._send(path, marker + datagram)

    def send_keepalive(self, path: UdpPath) -> None:
        """Send a NAT-keepalive packet (RFC 3948 §2.3)."""
        self._send(path, KEEPALIVE)

    def send_esp(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        """Send each ESP packet as a datagram of its own; how many of them the network did not take comes back."""
        udp = self._socket_for(path)
        return len(packets) if udp is None else udp.send_run(packets, path)

    def _socket_for(self, path: UdpPath) -> UdpSocket | None:
        return self._by_address.get((path.local_host, path.local_port)) or self._wildcards.get(
            (6 if ":" in path.local_host else 4, path.local_port)
        )

    def _send(self, path: UdpPath, datagram: bytes) -> None:
        udp = self._socket_for(path)
        if udp is None:
            self._tell(f"cannot send on {path}: no socket is bound to the local address")
            return
        try:
            udp.send(datagram, path)
        except OSError as error:
            # EMSGSIZE, ENETUNREACH, EPERM of a firewall, EAGAIN: nothing that a daemon should die of
            self._tell(f"cannot send {len(datagram)} octets on {path}: {os.strerror(error.errno or 0)}")

    def _tell(self, text: str) -> None:
        # peers can cause these errors by sending from unreachable addresses
        self._log.write(Level.WARNING, "NET", text, kind="errors of the network")


class _Kind(Enum):
    ISAKMP = auto()
    ESP = auto()
    RUN = auto()


def _kind(read: _Read) -> _Kind:
    if isinstance(read[0], Run):
        return _Kind.RUN
    return _Kind.ISAKMP if read[0][:4] == NON_ESP_MARKER else _Kind.ESP  # RFC 3948 §2.2
