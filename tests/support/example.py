"""Makes examples/branch.pcap of docs/explain.md, by `PYTHONPATH=tests/support python tests/support/example.py`.

A branch router behind a NAT calls its gateway. Message 4 is lost, so 3 and 4 are sent again; two echo requests pass
through the tunnel and are answered. Keys, cookies and times are those of the tests, so the file is always the same.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captured import Recorder, esp
from configured import ALICE, BOB, connection, policy, settings, tunnel
from configured import esp as proposal
from ikev1.capture.records.packets import Packet
from ikev1.esp.checksum import internet_checksum
from nat import NatBox
from pcap_writer import pcap
from playbook import Datagram, Network

EXAMPLES = Path(__file__).parents[2] / "examples"
OUTSIDE = "203.0.113.1"
SECRET = b"correct horse battery staple"
_PACE = 0.018  # seconds from one packet to the next


def example() -> tuple[bytes, str]:
    """The capture, taken beside the gateway, and the branch router's private exponent."""
    network = Network()
    names = ("branch.example.org", "gateway.example.org")
    joined: dict[str, Any] = {"proposals": (proposal("aes128-sha256"),), "lifetime": 3600}
    policies = policy("aes128-sha256-modp1024"), policy("3des-sha1-modp1024", 2)
    options: dict[str, Any] = {"secret": SECRET, "policies": policies}
    branch = connection(ALICE, BOB, tunnel(**joined), local_id=names[0], remote_id=names[1], **options)
    gateway = connection(BOB, "%any", tunnel(mirrored=True, **joined), local_id=names[1], remote_id=names[0], **options)
    alice = network.peer("alice", ALICE, settings(branch))
    network.peer("bob", BOB, settings(gateway))
    NatBox(network, alice, OUTSIDE)
    recorder = Recorder(network)
    _lose_once("MM4", network)
    alice.calls()
    network.run(10)
    (exponent,) = recorder.privates["alice"]
    pings = zip(
        esp(alice.carries, alice.carries.outbound, _echo("10.1.0.7", "10.2.0.1", 8), outbound=True),
        esp(alice.carries, alice.carries.inbound, _echo("10.2.0.1", "10.1.0.7", 0), outbound=False),
        strict=True,
    )
    packets: list[Packet] = [*recorder.packets]
    for request, reply in pings:
        port = recorder.packets[-1].source_port
        packets.append(request._replace(source=OUTSIDE, source_port=port, time=network.now))
        packets.append(reply._replace(destination=OUTSIDE, destination_port=port, time=network.now))
    return pcap(
        packet._replace(time=packet.time + _PACE * place) for place, packet in enumerate(packets)
    ), exponent.hex()


def _lose_once(label: str, network: Network) -> None:
    """The first datagram of that name does not arrive."""
    beyond, lost = network.link, list[Datagram]()

    def link(datagram: Datagram) -> list[Datagram]:
        arrived = beyond(datagram)
        if datagram.label == label and not lost:
            lost.append(datagram)
            return []
        return arrived

    network.link = link


def _echo(source: str, destination: str, kind: int) -> Iterator[bytes]:
    for sequence in (1, 2):
        message = struct.pack("!BBHHH", kind, 0, 0, 7, sequence) + bytes(range(56))
        message = message[:2] + struct.pack("!H", internet_checksum(message)) + message[4:]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0)
        yield header + socket.inet_aton(source) + socket.inet_aton(destination) + message


if __name__ == "__main__":
    capture, exponent = example()
    (EXAMPLES / "branch.pcap").write_bytes(capture)
    (EXAMPLES / "branch.exponent").write_text(f"{exponent}\n")
