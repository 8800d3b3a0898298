"""The UDP port of this host for L2TP: the registered one if it is free, another one if not.

xl2tpd sets SO_REUSEADDR on its sockets. Any user could bind the same address and port in addition, get what the server
sends, and send through the IPsec SA. A socket of ours has the port, too, and permits that while xl2tpd starts only.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

L2TP_PORT = 1701
_LISTS = ("udp", "udp6")  # proc_net(5)
_ADDRESS, _USER = 1, 7  # words of a line


def reserved(first: int = L2TP_PORT) -> socket.socket:
    """A socket with the port ``first``, or another one if that is in use. No other socket can be bound to it.

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
    except OSError:
        held.close()
        raise
    return held


def share(held: socket.socket) -> None:
    """Let other programs bind the port of ``held`` that set SO_REUSEADDR. If they bind an address, they receive the
    packets to it (udp(7)).
    """
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def claim(held: socket.socket, user: int | None = None) -> None:
    """Let no other socket be bound to the port of ``held`` any more, and verify that those with it are all of ``user``,
    by default of the user of this process.

    Raises:
        OSError: another user has bound it, or that cannot be read.
    """
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    port, wanted = held.getsockname()[1], os.geteuid() if user is None else user
    for name in _LISTS:
        file = Path("/proc/self/net", name)
        if name != "udp" and not file.exists():  # no IPv6
            continue
        for line in file.read_text().splitlines()[1:]:
            words = line.split()
            if int(words[_ADDRESS].rpartition(":")[2], 16) == port and int(words[_USER]) != wanted:
                raise OSError(errno.EADDRINUSE, f"user {words[_USER]} of this host has taken UDP port {port}, too")
