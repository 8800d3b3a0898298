"""The offset of the IP header in a frame, by link type (https://www.tcpdump.org/linktypes.html)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.read.problems import Unreadable

NULL, ETHERNET, PPP, PPP_SERIAL, PPP_ETHERNET, RAW, LOOP, COOKED, IPV4, IPV6, COOKED_2 = (
    0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276,
)  # fmt: skip
RAW_IP = frozenset((RAW, IPV4, IPV6, 12, 14))  # the last two: used by BSDs before RAW was assigned
LOOPBACK = frozenset((NULL, LOOP))
ETHER_TYPE_AND_IP = {ETHERNET: (12, 14), COOKED: (14, 16), COOKED_2: (0, 20)}
"""The offsets of the EtherType, and of IP in an untagged frame."""

IP = frozenset((0x0800, 0x86DD))
VLAN_TAGS = frozenset((0x8100, 0x88A8, 0x9100))  # IEEE 802.1Q, 802.1ad, and its predecessor
PPPOE_SESSION = 0x8864  # RFC 2516 §4
CARRIERS = VLAN_TAGS | {PPPOE_SESSION}
"""EtherTypes of headers that may precede IP."""

MOST_TAGS = 4
PPP_IP = frozenset((0x0021, 0x0057))
LOOPBACK_IP = frozenset((2, 10, 24, 28, 30))  # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS


def find_ip(link_type: int, octets: bytes) -> int | None:
    """The offset of the IP header; None if the frame carries another protocol. Raises Unreadable."""
    if link_type in RAW_IP:
        return 0
    if link_type in ETHER_TYPE_AND_IP:
        ether_type_at, after = ETHER_TYPE_AND_IP[link_type]
        return _after_ether_type(octets, ether_type_at, after)
    finder = FINDERS.get(link_type)
    if finder is None:
        raise Unreadable("unsupported", f"link type {link_type} is not supported")
    return finder(octets)


def _number(octets: bytes, position: int, size: int = 2) -> int:
    if position + size > len(octets):
        raise Unreadable("truncated", "truncated before the IP header")
    return int.from_bytes(octets[position : position + size], "big")


def _after_ether_type(octets: bytes, position: int, after: int) -> int | None:
    ether_type = _number(octets, position)
    for _ in range(MOST_TAGS):
        if ether_type not in VLAN_TAGS:
            break
        ether_type = _number(octets, after + 2)
        after += 4
    if ether_type == PPPOE_SESSION:
        return _ppp_over_ethernet(octets, after)
    return after if ether_type in IP else None


def _ppp_over_ethernet(octets: bytes, position: int = 0) -> int | None:
    """RFC 2516 §4: version and type, code, session, length; then PPP without address and control."""
    return position + 8 if _number(octets, position + 6) in PPP_IP else None


def _ppp(octets: bytes) -> int | None:
    position = 2 if _number(octets, 0) == 0xFF03 else 0  # address and control (RFC 1662 §3.1), often omitted
    if _number(octets, position, 1) & 1:  # the first octet of the protocol may be omitted, too (RFC 1661 §6.5)
        return position + 1 if octets[position] in PPP_IP else None
    return position + 2 if _number(octets, position) in PPP_IP else None


def _loopback(octets: bytes) -> int | None:
    """Four octets of address family, in the unknown byte order of the capturing host."""
    family = _number(octets, 0, 4)
    return 4 if {family, int.from_bytes(octets[:4], "little")} & LOOPBACK_IP else None


FINDERS: dict[int, Callable[[bytes], int | None]] = {
    NULL: _loopback,
    LOOP: _loopback,
    PPP: _ppp,
    PPP_SERIAL: _ppp,
    PPP_ETHERNET: _ppp_over_ethernet,
}
