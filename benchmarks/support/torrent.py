"""First messages at a steady rate, each never seen before: run as a program in the namespace that they come from.

torrent.py REMOTE PORT MODE IKE RATE SECONDS     sends RATE first messages a second of Main or Aggressive Mode
                                                 (``main``, ``aggressive``) from random addresses of 10.200.0.0/16, each
                                                 with a cookie and a vendor ID of its own; prints how many it sent

Nobody waits for answers: what the responder cannot take is lost, as in a real flood.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import sys
import time

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Send
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Connection, Mode, Policy, Settings
from ikev1.crypto.suites import parse_ike_proposal
from ikev1.wire.header import NON_ESP_MARKER, Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import VendorId

_IP_PKTINFO = 8  # linux/in.h
_OWN = 16  # octets of each message's own vendor ID, its last ones
_TICK = 0.001  # seconds


def _template(remote: str, mode: str, ike: str) -> bytes:
    connection = Connection(
        name="flood",
        policies=(Policy(1, Phase1Suite(*parse_ike_proposal(ike))),),
        tunnels=(),
        secret=b"none",
        mode=Mode(mode),
        local_address="10.200.0.1",
        remote_address=remote,
        local_id="flood@lab",
    )
    path = UdpPath("10.200.0.1", 500, remote, 500)
    actions = Engine(Settings((connection,)), os.urandom).initiate("flood", None, path, 0.0)
    octets = next(action.datagram for action in actions if isinstance(action, Send))
    message = parse_message(Header.parse(octets), octets[28:])
    return build_message(message.header, [*message.payloads, VendorId(bytes(_OWN))])


def main(arguments: list[str]) -> None:
    """Send the flood."""
    remote, port, mode, ike, rate, seconds = arguments
    after_cookie = _template(remote, mode, ike)[8:-_OWN]
    marker = NON_ESP_MARKER if port == "4500" else b""
    address = (remote, int(port))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("0.0.0.0", 0))
    sent, begun = 0, time.monotonic()
    while (passed := time.monotonic() - begun) < float(seconds):
        while sent < passed * float(rate):
            source = struct.pack("@i4s4s", 0, bytes([10, 200, *random.randbytes(2)]), bytes(4))
            parts = (marker, random.randbytes(8), after_cookie, random.randbytes(_OWN))
            sender.sendmsg(parts, [(socket.IPPROTO_IP, _IP_PKTINFO, source)], 0, address)
            sent += 1
        time.sleep(_TICK)
    print(sent)


if __name__ == "__main__":
    main(sys.argv[1:])
