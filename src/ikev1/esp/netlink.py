"""Netlink (netlink(7)): requests, acknowledgements, dumps, notifications and attributes, each in a few microseconds.

Routing and XFRM use it. Messages of XFRM contain keys: a request is sent from the caller's buffers, which the caller
may wipe afterwards, and answers of the kernel are wiped here after they were read.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from ikev1.errors import LocalError

# <linux/netlink.h>
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
ERROR, _DONE = 2, 3
_REQUEST, ACKNOWLEDGE = 0x1, 0x4
REPLACE, EXCLUSIVE, DUMP, CREATE = 0x100, 0x200, 0x300, 0x400
_CAPPED, _WITH_DETAILS = 0x100, 0x200  # flags of an acknowledgement
_ERROR_CODE = struct.Struct("=i")
_DETAIL_TEXT = 1  # NLMSGERR_ATTR_MSG
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_TYPE = 0x3FFF  # the two bits above are flags
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _GET_STRICT_CHK = 270, 10, 11, 12
KERNEL = 0  # its port: other processes with CAP_NET_ADMIN may send to ours, too
_LARGEST_ANSWER = 65_536
_AT_ONCE = 64  # requests: their acknowledgements fit any receive buffer
_LARGEST_NOTIFICATION = 32_768  # octets of one read
_BATCH = 64  # reads per call
_SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>

Buffer = bytes | bytearray | memoryview
Result = TypeVar("Result")


class GarbledAnswer(LocalError, OSError):
    """An answer of the kernel cannot be parsed."""

    code = "kernel-answer"


class NetlinkError(LocalError, OSError):
    """The kernel refused a request; the text includes its message, if any."""

    code = "kernel-refused"


class Message(NamedTuple):
    """One message; ``body`` is valid until the next one is requested."""

    kind: int
    flags: int
    sequence: int
    body: memoryview
    port: int = KERNEL  # of the request that a notification is about


class Request(NamedTuple):
    """A request that the kernel acknowledges: the type of message, flags, and the parts of the body."""

    kind: int
    flags: int
    body: Sequence[Buffer]


class Netlink:
    """A socket of one netlink family, such as `socket.NETLINK_ROUTE`.

    Raises:
        NetlinkError: the kernel refused.
        GarbledAnswer: it said something that cannot be read.
        OSError: the socket cannot be had or used.
    """

    def __init__(self, family: int) -> None:
        self._sequence = itertools.count(1)
        self._buffer = bytearray(_LARGEST_ANSWER)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        try:
            self._socket.bind((0, 0))
            # an error need not repeat the request, and may say in words what is wrong
            for option in (_CAP_ACK, _EXT_ACK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
        except OSError:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """The port of this socket, which is in notifications about its requests."""
        port: int = self._socket.getsockname()[0]
        return port

    def filter_dumps(self) -> bool:
        """Let the kernel filter dumps by the fields of the request (Linux 4.20). Returns whether it can."""
        try:
            self._socket.setsockopt(_SOL_NETLINK, _GET_STRICT_CHK, 1)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def command(self, *requests: Request) -> None:
        """Perform all of ``requests``, in order. The first refusal is raised after all have been performed."""
        for refusal in self.attempt(*requests):
            if refusal is not None:
                raise refusal

    def attempt(self, *requests: Request) -> list[NetlinkError | None]:
        """Perform all of ``requests``, even if one is refused, with no other request of ours between them.

        Returns the refusal of each, or None.
        """
        refusals: list[NetlinkError | None] = []
        for start in range(0, len(requests), _AT_ONCE):
            refusals += self._attempt(requests[start : start + _AT_ONCE])
        return refusals

    def _attempt(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        sequences = [next(self._sequence) for _ in requests]
        parts: list[Buffer] = []
        for sequence, (kind, flags, body) in zip(sequences, requests, strict=True):
            parts += framed(kind, ACKNOWLEDGE | flags, sequence, body)
        self._socket.sendmsg(parts)
        return [self._answers(sequence, None)[1] for sequence in sequences]

    def ask(
        self, kind: int, flags: int, body: Sequence[Buffer], read: Callable[[int, memoryview], Result]
    ) -> list[Result]:
        """The results of ``read`` for the type and the body of each answer. A body is wiped after ``read`` returned."""
        sequence = next(self._sequence)
        # a dump ends by itself; whatever else is asked is acknowledged behind its answer
        end = 0 if flags & DUMP else ACKNOWLEDGE
        self._socket.sendmsg(framed(kind, end | flags, sequence, body))
        results, refusal = self._answers(sequence, read)
        if refusal:
            raise refusal
        return results

    def _answers(
        self, sequence: int, read: Callable[[int, memoryview], Result] | None
    ) -> tuple[list[Result], NetlinkError | None]:
        """Read up to the acknowledgement of the request ``sequence``, or the end of a dump."""
        results: list[Result] = []
        refusal = unreadable = None
        for message in self._messages(sequence):
            if message.kind == ERROR:
                refusal = refusal_in(message)
            elif message.kind != _DONE and read is not None:
                try:
                    results.append(read(message.kind, message.body))
                except GarbledAnswer as error:
                    unreadable = error  # and go on: before a dump is read to its end there is no other
        if unreadable is not None:
            raise unreadable
        return results, refusal

    def _messages(self, sequence: int) -> Iterator[Message]:
        """The answers to the request ``sequence``, including the acknowledgement or the end of the dump."""
        while True:
            # the kernel answers before it returns from sending, so there is nothing to wait for
            size, (sender, _) = self._socket.recvfrom_into(self._buffer, 0, socket.MSG_DONTWAIT)
            if sender != KERNEL:
                continue
            try:
                for message in messages(memoryview(self._buffer)[:size]):
                    if message.sequence == sequence:  # else the answer to an earlier request was not read to its end
                        yield message
                        if message.kind in (_DONE, ERROR):
                            return
            finally:
                self._buffer[:size] = bytes(size)


class Notifications:
    """A socket of one netlink family that becomes readable when the kernel sends a message to one of ``groups``, the
    sum of their bits. ``room`` octets may wait in it, 0 for the default of the system; more than that need
    CAP_NET_ADMIN.

    Raises:
        OSError: the socket cannot be opened, bound or read.
    """

    def __init__(self, family: int, groups: int, room: int = 0) -> None:
        self._buffer = bytearray(_LARGEST_NOTIFICATION)
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, family)
        try:
            self._socket.bind((0, groups))
            if room:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, room)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> Iterator[memoryview | None]:
        """What has come, a bounded number of reads: the octets of `messages`, or None where notifications were lost.

        The octets, in which may be keys, are wiped when the next ones are asked for.
        """
        for _ in range(_BATCH):
            try:
                size, (sender, _) = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                yield None
                continue
            try:
                if sender == KERNEL:
                    yield memoryview(self._buffer)[:size]
            finally:
                self._buffer[:size] = bytes(size)


def framed(kind: int, flags: int, sequence: int, body: Sequence[Buffer]) -> list[Buffer]:
    """The parts of a request, padded."""
    length = _HEADER.size + sum(map(len, body))
    return [_HEADER.pack(length, kind, _REQUEST | flags, sequence, 0), *body, bytes(-length % 4)]


def messages(octets: Buffer) -> Iterator[Message]:
    """The messages in ``octets``, which were read from a socket.

    Raises:
        GarbledAnswer: the length of a message is wrong.
    """
    view, start, size = memoryview(octets), 0, len(octets)
    while start < size:
        length, kind, flags, sequence, port = unpack(_HEADER, view, start)
        _check(length, _HEADER.size, size - start)
        yield Message(kind, flags, sequence, view[start + _HEADER.size : start + length], port)
        start += length + (-length % 4)


def attribute(kind: int, value: Buffer) -> bytes:
    """An attribute, padded."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def attributes(octets: Buffer) -> dict[int, memoryview]:
    """The values of attributes by their types; of several with one type, the last.

    Raises:
        GarbledAnswer: the length of an attribute is wrong.
    """
    found, view, start, size = {}, memoryview(octets), 0, len(octets)
    while start < size:
        length, kind = unpack(_ATTRIBUTE, view, start)
        _check(length, _ATTRIBUTE.size, size - start)
        found[kind & _TYPE] = view[start + _ATTRIBUTE.size : start + length]
        start += length + (-length % 4)
    return found


def unpack(layout: struct.Struct, octets: Buffer, start: int = 0) -> tuple[Any, ...]:
    """The fields of the structure at offset ``start`` of ``octets``.

    Raises:
        GarbledAnswer: there are too few octets.
    """
    try:
        return layout.unpack_from(octets, start)
    except struct.error:
        there = len(octets) - start
        raise GarbledAnswer(
            f"the kernel's answer ends where {layout.size} octets should be: there are {there}"
        ) from None


def refusal_in(message: Message) -> NetlinkError | None:
    """The refusal in an acknowledgement, which is a message of the kind `ERROR`; None if the request was performed."""
    (error,) = unpack(_ERROR_CODE, message.body)
    if not error:
        return None
    text = os.strerror(-error)
    if message.flags & _WITH_DETAILS and message.flags & _CAPPED:
        details = attributes(message.body[_ERROR_CODE.size + _HEADER.size :])
        if _DETAIL_TEXT in details:
            text += f" ({bytes(details[_DETAIL_TEXT]).rstrip(bytes(1)).decode(errors='replace')})"
    return NetlinkError(-error, text)


def _check(length: int, least: int, most: int) -> None:
    if not least <= length <= most:
        raise GarbledAnswer(f"a length in the kernel's answer is {length}, not between {least} and {most}")
