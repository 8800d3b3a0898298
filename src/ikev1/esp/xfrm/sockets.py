"""Options of the IKE sockets: their packets bypass all policies, and the kernel receives ESP in UDP."""

from __future__ import annotations

import socket

from ikev1.esp.xfrm.policy import Direction, bypass

_XFRM_POLICY = {  # <linux/in.h>, <linux/in6.h>
    socket.AF_INET: (socket.IPPROTO_IP, 17),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 35),
}
_SOL_UDP, _UDP_ENCAP, _UDP_GRO, _ESP_IN_UDP = 17, 100, 104, 2  # <linux/udp.h>


def bypass_policies(udp: socket.socket) -> None:
    """Exempt the socket's packets from all policies, even if a tunnel contains the address of the peer.

    Raises:
        OSError: CAP_NET_ADMIN is missing, or the kernel has no XFRM.
    """
    level, option = _XFRM_POLICY[socket.AddressFamily(udp.family)]
    for direction in (Direction.IN, Direction.OUT):
        udp.setsockopt(level, option, bypass(udp.family, direction))


def take_esp(udp: socket.socket) -> None:
    """Let the kernel process ESP in UDP (RFC 3948 §2.1) that the socket receives; ISAKMP messages stay with the socket.

    Raises:
        OSError: the kernel does not support it.
    """
    # the kernel would process coalesced datagrams as one long ESP packet
    udp.setsockopt(_SOL_UDP, _UDP_GRO, 0)
    udp.setsockopt(_SOL_UDP, _UDP_ENCAP, _ESP_IN_UDP)
