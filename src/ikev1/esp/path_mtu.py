"""The MTU of the path to a host."""

from __future__ import annotations

import contextlib
import socket

from ikev1.esp.networks import socket_address
from ikev1.esp.routes import MARK

_IP_MTU, _IPV6_MTU = 14, 24  # <linux/in.h>, <linux/in6.h>
_MTU_OF_SOCKET = (
    (socket.AF_INET, socket.IPPROTO_IP, _IP_MTU),
    (socket.AF_INET6, socket.IPPROTO_IPV6, _IPV6_MTU),
)
_ANY_PORT = 500  # nothing is sent


def path_mtu(host: str, largest: int) -> int:
    """The MTU of the path to ``host``, at most ``largest``; ``largest`` if there is no route.

    A connected socket has it (ip(7), ipv6(7)), at a hundredth of the cost of netlink: this is called for each pair.
    """
    family, level, option = _MTU_OF_SOCKET[":" in host]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            with contextlib.suppress(PermissionError):  # without privileges, no route of a tunnel is on this host
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            probe.connect(socket_address(host, _ANY_PORT))
            return min(largest, probe.getsockopt(level, option))
        except OSError:
            return largest
