"""A responder on loopback, in a thread of its own, for programs that call 198.51.100.7."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import ikev1
from library import events_of

ENDS = ('("192.0.2.1", 500)', '("198.51.100.7", 500)')
"""The caller's address and the responder's, as they stand in a program."""


@contextmanager
def responder(program: str, ike: str) -> Iterator[tuple[str, list[ikev1.events.Event]]]:
    """The program with addresses of loopback, and the events of the responder, which accepts the phase 1 suite ``ike``.

    Within the block the responder answers.
    """
    lan = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp="aes256gcm16")
    endpoint = ikev1.Ike(ikev1.psk("lab", b"secret", lan, ike=ike))
    done, events = threading.Event(), list[ikev1.events.Event]()
    with _bound("127.0.0.2") as sock, _bound("127.0.0.1") as free:
        for end, address in zip(ENDS, (free, sock), strict=True):
            assert program.count(end) == 1
            program = program.replace(end, repr(address.getsockname()))
        free.close()
        thread = threading.Thread(target=_answer, args=(endpoint, sock, events, done))
        thread.start()
        try:
            yield program, events
        finally:
            done.set()
            thread.join()


def _bound(host: str) -> socket.socket:
    """A UDP socket on any free port of an address of this machine."""
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


def _answer(ike: ikev1.Ike, sock: socket.socket, events: list[ikev1.events.Event], done: threading.Event) -> None:
    while not done.is_set() or select.select([sock], [], [], 0)[0]:  # what has come is answered before the end
        if select.select([sock], [], [], 0.02)[0]:
            data, source = sock.recvfrom(65535)
            ike.receive_datagram(data, sock.getsockname(), source, time.time())
        ike.handle_timer(time.time())
        for datagram, address in ike.datagrams_to_send():
            sock.sendto(datagram, address)
        events += events_of(ike)
