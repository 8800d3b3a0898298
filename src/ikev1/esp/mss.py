"""Lowers TCP's maximum segment size to what fits the tunnel (RFC 9293 §3.7.1).

Hosts behind the gateways do not know the overhead of ESP, and path MTU discovery often fails at a firewall. A smaller
MSS in the two SYN segments prevents segments that do not fit.
"""

from __future__ import annotations

from ikev1.esp.checksum import updated

_SYN = 0x02
_END, _NO_OPERATION, _MSS = 0, 1, 2
_HEADERS = {4: 40, 6: 60}  # of IP and TCP without options (RFC 9293 §3.7.1)


def clamp_mss(packet: bytes, tcp: int, mtu: int) -> bytes:
    """``packet``, with the MSS option of a SYN lowered to what fits ``mtu`` octets, and the checksum updated.

    ``tcp`` is the offset of the TCP header, whose checksum must be complete. Other packets are returned unchanged.
    """
    if len(packet) < tcp + 20 or not packet[tcp + 13] & _SYN:
        return packet
    offset = _find_mss(packet, tcp + 20, min(tcp + (packet[tcp + 12] >> 4) * 4, len(packet)))
    largest = mtu - _HEADERS[packet[0] >> 4]
    if not offset or packet[offset] << 8 | packet[offset + 1] <= largest:
        return packet
    clamped = bytearray(packet)
    clamped[offset : offset + 2] = largest.to_bytes(2)
    checksum = packet[tcp + 16] << 8 | packet[tcp + 17]
    for word in range((offset - tcp) & ~1, offset - tcp + 2, 2):  # the option may lie across two words
        old, new = (data[tcp + word] << 8 | data[tcp + word + 1] for data in (packet, clamped))
        checksum = updated(checksum, old, new)
    clamped[tcp + 16 : tcp + 18] = checksum.to_bytes(2)
    return bytes(clamped)


def _find_mss(packet: bytes, option: int, end: int) -> int:
    """The offset of the value of the MSS option, 0 if there is none (RFC 9293 §3.1, options)."""
    while option + 1 < end and packet[option] != _END:
        if packet[option] == _NO_OPERATION:
            option += 1
            continue
        length = packet[option + 1]
        if packet[option] == _MSS and length == 4 and option + 4 <= end:
            return option + 2
        if length < 2:
            return 0
        option += length
    return 0
