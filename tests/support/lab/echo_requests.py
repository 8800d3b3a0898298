"""Echo requests (RFC 792, RFC 4443 §4.1) as ping(8) sends them, without a process for each."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import time

_SO_MARK = 36  # <asm-generic/socket.h>
_MAY_PASS = (errno.EAGAIN, errno.ENOBUFS)  # the kernel asks for an SA, or has no memory just now
_serial = itertools.count(1)


class NoAnswerError(OSError):
    """An echo request could not be sent, or nobody answered it in time."""


def ask(there: str, here: str = "", *, count: int = 3, size: int = 56, mark: int = 0, patience: float = 10) -> None:
    """Send ``count`` requests with ``size`` octets from the address ``here`` or the one that the route names, each once
    the one before is answered, from the network namespace of this thread. ``mark`` is a netfilter mark; each answer may
    take ``patience`` seconds.

    Raises:
        NoAnswerError: one was not sent, or not answered.
    """
    version_6 = ":" in there
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if version_6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    try:
        with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
            raw.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
            raw.bind((here, 0))
            for _ in range(count):
                _ask_once(raw, there, size, time.monotonic() + patience, version_6=version_6)
    except OSError as error:
        raise NoAnswerError(f"echo requests from {here or 'here'} to {there}: {error}") from error


def _ask_once(raw: socket.socket, there: str, size: int, deadline: float, *, version_6: bool) -> None:
    request, answer = (128, 129) if version_6 else (8, 0)
    told_apart = os.getpid().to_bytes(4)[2:] + (next(_serial) & 0xFFFF).to_bytes(2)
    rest = told_apart + bytes(octet & 0xFF for octet in range(size))
    checksum = b"\0\0" if version_6 else _checksum(bytes((request, 0, 0, 0)) + rest)  # IPv6: by the kernel
    while True:
        raw.settimeout(max(0.0, deadline - time.monotonic()) or 1e-6)
        try:
            raw.sendto(bytes((request, 0)) + checksum + rest, (there, 0))
            break
        except OSError as error:
            if error.errno not in _MAY_PASS or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    while True:
        raw.settimeout(max(0.0, deadline - time.monotonic()) or 1e-6)
        packet, (source, *_) = raw.recvfrom(1 << 16)
        message = packet if version_6 else packet[(packet[0] & 15) * 4 :]
        if source == there and message[:2] == bytes((answer, 0)) and message[4:] == rest:
            return


def _checksum(message: bytes) -> bytes:
    """RFC 1071."""
    padded = message + b"\0" * (len(message) % 2)
    total = sum(int.from_bytes(padded[at : at + 2]) for at in range(0, len(padded), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2)
