"""Transactions of nf_tables, which are atomic: no packet is processed by an incomplete change."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

from ikev1.esp.netlink import DUMP, KERNEL, GarbledAnswer, Netlink, NetlinkError, attributes, unpack
from ikev1.esp.nft.layout import GROUP, SUBSYSTEM, Kind, Message, batch_mark, list_counters

# <linux/netlink.h>, <linux/netfilter/nfnetlink.h>
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_CODE = struct.Struct("=i")
_REQUEST, _ACKNOWLEDGE = 0x1, 0x4
_ERROR = 2
_BEGIN, _END = 0x10, 0x11
_NETFILTER = 12  # NETLINK_NETFILTER
_SOL_NETLINK, _ADD_MEMBERSHIP, _CAP_ACK = 270, 1, 10
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # <asm-generic/socket.h>
_ROOM = 64 << 20  # octets: a transaction is one message, with up to 100,000 tunnels
_LARGEST_ANSWER = 65_536
_MOST_NEWS = 256  # reads at once
_TAKEN_AWAY = frozenset(
    SUBSYSTEM << 8 | kind
    for kind in (
        Kind.DELETE_TABLE,
        Kind.DELETE_CHAIN,
        Kind.DELETE_RULE,
        Kind.DELETE_SET,
        Kind.DELETE_ELEMENTS,
        Kind.DELETE_OBJECT,
    )
)


class Nftables:
    """Two sockets: one for transactions, and one on which the kernel reports changes.

    Raises:
        OSError: the kernel has no nf_tables, or refused.
    """

    def __init__(self) -> None:
        self._sequence = itertools.count(1)
        self._ask = Netlink(_NETFILTER)
        self._tell = _open()
        self._news = _open()
        self._port = self._tell.getsockname()[0]
        try:
            self._tell.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            for options in (_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
                for option in reversed(options):  # the last that is allowed counts
                    with suppress(PermissionError):
                        self._tell.setsockopt(socket.SOL_SOCKET, option, _ROOM)
            self._news.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, GROUP)
        except OSError:
            self.close()
            raise

    @property
    def descriptor(self) -> int:
        """The file descriptor, which is readable after a table was changed: then `taken_away` has to be called."""
        return self._news.fileno()

    def close(self) -> None:
        """Close the sockets; the tables stay."""
        for opened in (self._tell, self._news, self._ask):
            opened.close()

    def commit(self, steps: Sequence[Message]) -> None:
        """Perform all of ``steps``, or none.

        Raises:
            NetlinkError: the kernel refused one of them.
        """
        parts: list[bytes] = []
        numbers = [self._add(parts, _BEGIN, 0, batch_mark())]
        last = len(steps) - 1
        for place, (kind, flags, body) in enumerate(steps):
            confirm = _ACKNOWLEDGE if place == last else 0
            numbers.append(self._add(parts, SUBSYSTEM << 8 | kind, flags | confirm, body))
        self._add(parts, _END, 0, batch_mark())
        self._tell.send(b"".join(parts))
        self._look_at_answers(numbers)

    def counters(self, table: str) -> dict[str, int]:
        """The packets that each counter of ``table`` has counted."""
        kind = SUBSYSTEM << 8 | Kind.GET_OBJECT
        return dict(self._ask.ask(kind, DUMP, (list_counters(table),), _counter_in))

    def taken_away(self, table: str) -> bool:
        """Whether another program removed ``table``, or something in it, since the last call.

        It may also return True if notifications were lost.
        """
        found = False
        for _ in range(_MOST_NEWS):
            try:
                octets, (sender, _) = self._news.recvfrom(_LARGEST_ANSWER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found = True
                continue
            if sender == KERNEL:
                found = found or self._concerns(octets, table.encode() + b"\0")
        return found

    def _concerns(self, octets: bytes, table: bytes) -> bool:
        start = 0
        while start < len(octets):
            length, kind, _, _, port = unpack(_HEADER, octets, start)
            if length < _HEADER.size:
                raise GarbledAnswer(f"invalid length {length} in a message of the kernel")
            if kind in _TAKEN_AWAY and port != self._port:
                # the table's name is attribute 1 of every kind of message
                name = attributes(octets[start + _HEADER.size + 4 : start + length]).get(1)
                if name is not None and bytes(name) == table:
                    return True
            start += length + (-length % 4)
        return False

    def _add(self, parts: list[bytes], kind: int, flags: int, body: bytes) -> int:
        number = next(self._sequence) & 0xFFFF_FFFF
        length = _HEADER.size + len(body)
        parts += (_HEADER.pack(length, kind, _REQUEST | flags, number, 0), body, bytes(-length % 4))
        return number

    def _look_at_answers(self, numbers: Sequence[int]) -> None:
        """Read the answers, which the kernel sends before the call returns: refusals, and the end of the last step."""
        ours, reached, refusal = frozenset(numbers), False, 0
        while True:
            try:
                octets, (sender, _) = self._tell.recvfrom(_LARGEST_ANSWER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if sender != KERNEL:
                continue
            _, kind, _, number, _ = unpack(_HEADER, octets)
            if kind == _ERROR and number in ours:
                (code,) = unpack(_CODE, octets, _HEADER.size)
                refusal = refusal or -code
                reached = reached or number == numbers[-1]
        if refusal or not reached:
            code = refusal or errno.EIO
            raise NetlinkError(code, os.strerror(code))


def _open() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    opened.bind((0, 0))
    return opened


def _counter_in(_: int, body: memoryview) -> tuple[str, int]:
    found = attributes(body[4:])
    packets = attributes(found[4]).get(2, b"") if 4 in found else b""
    return bytes(found.get(2, b"")).rstrip(b"\0").decode(errors="replace"), int.from_bytes(packets)
