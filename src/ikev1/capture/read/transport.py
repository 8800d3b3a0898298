"""Distinguishing ISAKMP from ESP in UDP, as in RFC 3948 §2."""

from __future__ import annotations

import struct
from collections.abc import Set

from ikev1.capture.read.network import ESP, UDP, IpPacket
from ikev1.capture.read.problems import Unreadable
from ikev1.capture.records.packets import Datagram, EspPacket, Packet
from ikev1.wire.header import HEADER_SIZE, NON_ESP_MARKER

ISAKMP_PORT, NAT_TRAVERSAL_PORT = 500, 4500
UDP_HEADER = struct.Struct("!HHH2x")
ESP_HEADER = 8  # SPI and sequence number (RFC 4303 §2)
KEEPALIVE = b"\xff"  # RFC 3948 §2.3
VERSION_AT, LENGTH_AT = 17, 24  # in an ISAKMP header (RFC 2408 §3.1)


def packet_of(ip: IpPacket, ports: Set[int], frames: tuple[int, ...], time: float) -> Packet | None:
    """The ISAKMP datagram or ESP packet in ``ip``; None if it is neither. Raises Unreadable."""
    if ip.protocol == ESP:
        return _esp(ip, 0, 0, ip.payload, ip.length, frames, time)
    if ip.protocol != UDP:
        return None
    if len(ip.payload) < UDP_HEADER.size:
        raise Unreadable("truncated", "truncated in the UDP header")
    source_port, destination_port, length = UDP_HEADER.unpack_from(ip.payload)
    if source_port not in ports and destination_port not in ports:
        return None
    length = length or ip.length  # 0 with segmentation offload
    if length < UDP_HEADER.size:
        raise Unreadable("malformed", "the length in the UDP header is less than 8")
    payload = ip.payload[UDP_HEADER.size : length]
    length -= UDP_HEADER.size
    used = {source_port, destination_port}
    marked = payload[:4] == NON_ESP_MARKER and used != {ISAKMP_PORT}
    if not marked and payload != KEEPALIVE and _is_esp(payload, length, used):
        return _esp(ip, source_port, destination_port, payload, length, frames, time)
    if not payload:
        raise (
            Unreadable("truncated", "truncated after the UDP header")
            if length
            else Unreadable("malformed", "an empty UDP datagram")
        )
    missing = length - len(payload)
    if marked:
        payload = payload[len(NON_ESP_MARKER) :]
    return Datagram(frames, time, ip.source, source_port, ip.destination, destination_port, marked, payload, missing)


def _is_esp(payload: bytes, length: int, used: set[int]) -> bool:
    """Whether a UDP payload without non-ESP marker is ESP.

    On port 4500 every payload without the marker is ESP (RFC 3948 §2.2), on port 500 none is. On other ports, a payload
    with a plausible ISAKMP header and the length stated there is ISAKMP.
    """
    if NAT_TRAVERSAL_PORT in used:
        return True
    if ISAKMP_PORT in used or length < HEADER_SIZE or len(payload) < HEADER_SIZE:
        return ISAKMP_PORT not in used and length >= ESP_HEADER
    says = int.from_bytes(payload[LENGTH_AT:HEADER_SIZE], "big")
    return not (payload[VERSION_AT] >> 4 in (1, 2) and says == length)


def _esp(
    ip: IpPacket,
    source_port: int,
    destination_port: int,
    payload: bytes,
    length: int,
    frames: tuple[int, ...],
    time: float,
) -> EspPacket:
    if len(payload) < ESP_HEADER:
        raise (
            Unreadable("truncated", "truncated in the ESP header")
            if length >= ESP_HEADER
            else Unreadable("malformed", "too short for ESP")
        )
    return EspPacket(frames, time, ip.source, source_port, ip.destination, destination_port, payload, length)
