"""Sends each IP packet of a capture again, COUNT times: run as a program in a namespace.

replay CAPTURE COUNT
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

_PCAP_HEADER, _RECORD_HEADER, _ETHERNET_HEADER = 24, 16, 14
_UDP = 17


def frames(capture: bytes) -> list[bytes]:
    """The Ethernet frames of a pcap file, little-endian as tcpdump writes it here."""
    found, position = [], _PCAP_HEADER
    while position < len(capture):
        length = int.from_bytes(capture[position + 8 : position + 12], "little")
        position += _RECORD_HEADER + length
        found.append(_without_udp_checksum(capture[position - length : position]))
    return found


def _without_udp_checksum(frame: bytes) -> bytes:
    """In IPv4 a UDP datagram may go without (RFC 768); what was captured where it was sent may not have its own yet."""
    first, protocol = frame[_ETHERNET_HEADER], frame[_ETHERNET_HEADER + 9]
    if first >> 4 != 4 or protocol != _UDP:
        return frame
    checksum = _ETHERNET_HEADER + 4 * (first & 0xF) + 6
    return frame[:checksum] + bytes(2) + frame[checksum + 2 :]


def main(capture: str, count: str) -> None:
    """Send them on eth0, to where they went before."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        for _ in range(int(count)):
            for frame in frames(Path(capture).read_bytes()):
                wire.send(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
