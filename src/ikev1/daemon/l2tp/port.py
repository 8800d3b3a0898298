"""The UDP port of this host for L2TP: the registered one if it is free, another one if not."""

from __future__ import annotations

import errno
import socket

L2TP_PORT = 1701


def reserved(first: int = L2TP_PORT) -> socket.socket:
    """A socket with the port ``first``, or another one if that is in use.

    It keeps the port from others that ask for any free one. xl2tpd can bind the same port in addition, because both set
    SO_REUSEADDR, and receives the packets, because it binds an address (udp(7)).

    Raises:
        OSError: no port can be bound.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        try:
            held.bind(("", first))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            held.bind(("", 0))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after bind(2), which else ignores other users
    except OSError:
        held.close()
        raise
    return held
