"""What systemd wants to know of a service of its type ``notify`` (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Tell ``READY=1``, ``RELOADING=1`` or ``STOPPING=1`` to whoever started us and wants to know; nobody else."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract name (unix(7))
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)  # a supervisor that does not listen is no reason to wait
        sender.sendto(state.encode(), address)
