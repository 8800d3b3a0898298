"""Notifications of the kernel about links, addresses, routes and rules of this network namespace (rtnetlink(7)).

A notification only means *that* something changed, because notifications can be lost: the reader compares its own state
with that of the kernel.
"""

from __future__ import annotations

import socket

from ikev1.esp.netlink import Buffer, GarbledAnswer, Message, Notifications, messages, unpack
from ikev1.esp.rtnetlink import ROUTE, table_of

# <linux/rtnetlink.h>
_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS, _DELETE_ADDRESS = 16, 17, 20, 21
_NEW_ROUTE, _DELETE_ROUTE, _NEW_RULE, _DELETE_RULE = 24, 25, 32, 33
_CLONED = 0x200  # RTM_F_CLONED: an entry of a cache
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, and RTNLGRP_IPV6_RULE
_GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18
_IMMEDIATE = frozenset({_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS, _DELETE_ADDRESS, _DELETE_RULE})


class NetworkNews:
    """A socket that becomes readable when the network of this host changes.

    ``table`` is the routing table of this program, and ``port`` the netlink port from which it changes that table and
    others; its own changes are ignored.

    Raises:
        OSError: the socket cannot be opened, bound or read.
    """

    def __init__(self, table: int, port: int) -> None:
        self._table = table
        self._port = port
        self._notifications = Notifications(socket.NETLINK_ROUTE, _GROUPS)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._notifications.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._notifications.close()

    def read(self) -> bool:
        """Read a bounded number of notifications; whether any of them may concern this program.

        Notifications that were lost, or that cannot be parsed, may.
        """
        changed = False
        for octets in self._notifications.read():
            changed = changed or octets is None or concerns(octets, self._table, self._port)
        return changed


def concerns(octets: Buffer, table: int, port: int) -> bool:
    """Whether one of the notifications in ``octets`` may concern the program that changes the routing table ``table``
    from the netlink port ``port``.
    """
    try:
        return any(_matters(message, table, port) for message in messages(octets))
    except GarbledAnswer:
        return True


def _matters(message: Message, table: int, port: int) -> bool:
    if message.kind in (_NEW_ROUTE, _DELETE_ROUTE):
        *_, flags = unpack(ROUTE, message.body)
        if flags & _CLONED:
            return False
        if table_of(message.body) != table:
            return message.port != port
        return message.kind == _DELETE_ROUTE and message.port != port
    return message.kind in _IMMEDIATE
