"""Where the IP header begins in a frame, by its link type (https://www.tcpdump.org/linktypes.html)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.capture.read.unreadable import Unreadable

NULL, ETHERNET, PPP, PPP_SERIAL, PPP_ETHERNET, RAW, LOOP, COOKED, IPV4, IPV6, COOKED_2 = (
    0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 276,
)  # fmt: skip
RAW_IP = frozenset((RAW, IPV4, IPV6, 12, 14))  # the last two: what BSDs wrote before there was a number for all
LOOPBACK = frozenset((NULL, LOOP))
ETHER_TYPE_AND_IP = {ETHERNET: (12, 14), COOKED: (14, 16), COOKED_2: (0, 20)}
"""Where the EtherType stands, and where IP begins if nothing else is in between."""

IP = frozenset((0x0800, 0x86DD))
VLAN_TAGS = frozenset((0x8100, 0x88A8, 0x9100))  # IEEE 802.1Q, 802.1ad, and what came before 802.1ad
PPPOE_SESSION = 0x8864  # RFC 2516 §4
CARRIERS = VLAN_TAGS | {PPPOE_SESSION}
"""EtherTypes of what may carry IP."""

MOST_TAGS = 4
PPP_IP = frozenset((0x0021, 0x0057))
LOOPBACK_IP = frozenset((2, 10, 24, 28, 30))  # AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS


def find_ip(link_type: int, octets: bytes) -> int | None:
    """Where the IP header begins; None if the frame carries something else. Raises Unreadable."""
    if link_type in RAW_IP:
        return 0
    if link_type in ETHER_TYPE_AND_IP:
        ether_type_at, behind = ETHER_TYPE_AND_IP[link_type]
        return _behind_ether_type(octets, ether_type_at, behind)
    finder = FINDERS.get(link_type)
    if finder is None:
        raise Unreadable(f"link type {link_type} is not understood")
    return finder(octets)


def _number(octets: bytes, position: int, size: int = 2) -> int:
    if position + size > len(octets):
        raise Unreadable("cut short before the IP header")
    return int.from_bytes(octets[position : position + size], "big")


def _behind_ether_type(octets: bytes, position: int, behind: int) -> int | None:
    ether_type = _number(octets, position)
    for _ in range(MOST_TAGS):
        if ether_type not in VLAN_TAGS:
            break
        ether_type = _number(octets, behind + 2)
        behind += 4
    if ether_type == PPPOE_SESSION:
        return _ppp_over_ethernet(octets, behind)
    return behind if ether_type in IP else None


def _ppp_over_ethernet(octets: bytes, position: int = 0) -> int | None:
    """RFC 2516 §4: version and type, code, session, length; then PPP without address and control."""
    return position + 8 if _number(octets, position + 6) in PPP_IP else None


def _ppp(octets: bytes) -> int | None:
    position = 2 if _number(octets, 0) == 0xFF03 else 0  # address and control (RFC 1662 §3.1), often compressed away
    if _number(octets, position, 1) & 1:  # so is the protocol's first octet (RFC 1661 §6.5)
        return position + 1 if octets[position] in PPP_IP else None
    return position + 2 if _number(octets, position) in PPP_IP else None


def _loopback(octets: bytes) -> int | None:
    """Four octets of address family, in the byte order of a host that nobody knows."""
    family = _number(octets, 0, 4)
    return 4 if {family, int.from_bytes(octets[:4], "little")} & LOOPBACK_IP else None


FINDERS: dict[int, Callable[[bytes], int | None]] = {
    NULL: _loopback,
    LOOP: _loopback,
    PPP: _ppp,
    PPP_SERIAL: _ppp,
    PPP_ETHERNET: _ppp_over_ethernet,
}
