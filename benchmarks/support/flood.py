"""A flood of first messages from addresses that nobody owns: run as a program in the namespace that it comes from.

flood.py REMOTE IKE COUNT VARIETIES     sends COUNT first messages of Main Mode, each with a random cookie from a random
                                        address of 10.200.0.0/16, and prints how many were answered

Their SA payloads come in so many varieties: 1 is a flood by one program, thousands are an attacker who knows that
answers may be kept for payloads already seen.

The answers are seen because the namespace takes every address of that network for its own. At most `WINDOW` messages
are unanswered at a time, so that what is counted is what the responder does and not what the kernel drops.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Send
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Connection, Policy, Settings
from ikev1.crypto.suites import parse_ike_proposal

SOURCES = "10.200.0.0/16"
WINDOW = 128
PATIENCE = 2.0  # seconds without an answer
_IP_PKTINFO = 8  # linux/in.h


def _first_message(remote: str, ike: str, variety: int) -> bytes:
    connection = Connection(
        name="flood",
        policies=(Policy(1, Phase1Suite(*parse_ike_proposal(ike)), lifetime=10_000 + variety),),
        tunnels=(),
        secret=b"none",
        local_address="10.200.0.1",
        remote_address=remote,
    )
    path = UdpPath("10.200.0.1", 500, remote, 500)
    actions = Engine(Settings((connection,)), os.urandom).initiate("flood", None, path, 0.0)
    return next(action.datagram for action in actions if isinstance(action, Send))


class _Flood:
    """The socket that sends from everywhere."""

    def __init__(self, remote: str) -> None:
        self._remote = remote
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind(("0.0.0.0", 500))
        self._unanswered = 0
        self.answered = 0

    def send(self, after_cookie: bytes) -> None:
        """One message, once there is room for it."""
        self.wait(WINDOW - 1)
        source = struct.pack("@i4s4s", 0, bytes([10, 200, *random.randbytes(2)]), bytes(4))
        ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, source)]
        self._socket.sendmsg([random.randbytes(8), after_cookie], ancillary, 0, (self._remote, 500))
        self._unanswered += 1

    def wait(self, unanswered: int) -> None:
        """Until no more than so many are unanswered, or until it is clear that they never will be."""
        while self._unanswered > unanswered:
            try:
                self._socket.recv(65535)
            except TimeoutError:
                self._unanswered = 0
            else:
                self._unanswered -= 1
                self.answered += 1


def main(arguments: list[str]) -> None:
    """Send the flood."""
    remote, ike, count, varieties = arguments[0], arguments[1], int(arguments[2]), int(arguments[3])
    messages = [_first_message(remote, ike, variety)[8:] for variety in range(varieties)]
    flood = _Flood(remote)
    for number in range(count):
        flood.send(messages[number % varieties])
    flood.wait(0)
    print(flood.answered)


if __name__ == "__main__":
    main(sys.argv[1:])
