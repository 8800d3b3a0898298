"""Transactions of nf_tables, which are atomic: no packet is processed by an incomplete change."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections.abc import Sequence
from contextlib import suppress

from ikev1.esp import netlink
from ikev1.esp.netlink import ACKNOWLEDGE, DUMP, ERROR, KERNEL, Buffer, Netlink, NetlinkError, Notifications, attributes
from ikev1.esp.nft.layout import GROUP, SUBSYSTEM, Kind, Message, batch_mark, list_counters

# <linux/netlink.h>, <linux/netfilter/nfnetlink.h>
_BEGIN, _END = 0x10, 0x11
_NETFILTER = 12  # NETLINK_NETFILTER
_SOL_NETLINK, _CAP_ACK = 270, 10
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # <asm-generic/socket.h>
_ROOM = 64 << 20  # octets: a transaction is one message, with up to 100,000 tunnels
_LARGEST_ANSWER = 65_536
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
        self._news = Notifications(_NETFILTER, 1 << (GROUP - 1))
        self._ask = Netlink(_NETFILTER)
        self._tell = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
        try:
            self._tell.bind((0, 0))
            self._port = self._tell.getsockname()[0]
            self._tell.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
            for options in (_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
                for option in reversed(options):  # the last that is allowed counts
                    with suppress(PermissionError):
                        self._tell.setsockopt(socket.SOL_SOCKET, option, _ROOM)
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
        parts: list[Buffer] = []
        numbers = [self._add(parts, _BEGIN, 0, batch_mark())]
        last = len(steps) - 1
        for place, (kind, flags, body) in enumerate(steps):
            confirm = ACKNOWLEDGE if place == last else 0
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
        name, found = table.encode() + b"\0", False
        for octets in self._news.read():
            found = found or octets is None or any(self._concerns(each, name) for each in netlink.messages(octets))
        return found

    def _concerns(self, message: netlink.Message, table: bytes) -> bool:
        if message.kind not in _TAKEN_AWAY or message.port == self._port:
            return False
        # the table's name is attribute 1 of every kind of message
        return attributes(message.body[4:]).get(1, b"") == table

    def _add(self, parts: list[Buffer], kind: int, flags: int, body: bytes) -> int:
        number = next(self._sequence) & 0xFFFF_FFFF
        parts += netlink.framed(kind, flags, number, (body,))
        return number

    def _look_at_answers(self, numbers: Sequence[int]) -> None:
        """Read the answers, which the kernel sends before the call returns: refusals, and the end of the last step."""
        ours, reached = frozenset(numbers), False
        refusal: NetlinkError | None = None
        while True:
            try:
                octets, (sender, _) = self._tell.recvfrom(_LARGEST_ANSWER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            for message in netlink.messages(octets) if sender == KERNEL else ():
                if message.kind == ERROR and message.sequence in ours:
                    refusal = refusal or netlink.refusal_in(message)
                    reached = reached or message.sequence == numbers[-1]
        if refusal is not None or not reached:
            raise refusal or NetlinkError(errno.EIO, os.strerror(errno.EIO))


def _counter_in(_: int, body: memoryview) -> tuple[str, int]:
    found = attributes(body[4:])
    packets = attributes(found[4]).get(2, b"") if 4 in found else b""
    return bytes(found.get(2, b"")).rstrip(b"\0").decode(errors="replace"), int.from_bytes(packets)
