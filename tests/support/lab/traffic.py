"""Traffic through a tunnel, from the network behind one node to the network behind the other."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.network import Node
from lab.process import LabError, Program

__all__ = ["ping", "transfer"]

_TRANSFER = Path(__file__).with_name("transfer.py")


def ping(node: Node, *, count: int = 3, size: int = 56) -> None:
    """Echo requests to the network behind the peer; each must be answered.

    Raises:
        LabError: one was not.
    """
    node.run("ping", "-c", str(count), "-i", "0.2", "-W", "3", "-s", str(size), "-I", node.host, node.remote_host)


def transfer(sender: Node, receiver: Node, directory: Path, *, size: int = 1_000_000) -> None:
    """``size`` octets over TCP, both ends behind the gateways.

    Raises:
        LabError: what came is not what was sent.
    """
    server = Program(receiver.namespace, [sys.executable, _TRANSFER, "serve", receiver.host, "7777"], directory)
    try:
        server.wait_for_log("listening")
        sent = sender.run(sys.executable, _TRANSFER, "send", receiver.host, "7777", sender.host, str(size)).strip()
        server.wait()
        received = server.log().split("\n")[1].strip()
        if sent != received:
            raise LabError(f"sent {sent}, received {received}")
    finally:
        server.stop()
