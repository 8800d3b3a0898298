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
    """Let the socket's packets pass as they are, whatever tunnel holds its peers.

    Raises:
        OSError: no right to do so (CAP_NET_ADMIN), or a kernel without XFRM.
    """
    level, option = _XFRM_POLICY[socket.AddressFamily(udp.family)]
    for direction in (Direction.IN, Direction.OUT):
        udp.setsockopt(level, option, bypass(udp.family, direction))


def take_esp(udp: socket.socket) -> None:
    """Let the kernel take ESP out of the datagrams that come (RFC 3948 §2.1), and leave ISAKMP behind its marker.

    Raises:
        OSError: the kernel does not know how.
    """
    # datagrams that are coalesced for us would be one long ESP packet for the kernel
    udp.setsockopt(_SOL_UDP, _UDP_GRO, 0)
    udp.setsockopt(_SOL_UDP, _UDP_ENCAP, _ESP_IN_UDP)
