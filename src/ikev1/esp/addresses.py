"""The addresses of this network namespace from which packets can be sent (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from ikev1.esp.netlink import DUMP, Buffer, GarbledAnswer, Netlink, Notifications, attributes, unpack
from ikev1.esp.rtnetlink import LINK

# <linux/rtnetlink.h>, <linux/if_addr.h>, <linux/if_link.h>
_NEW_LINK, _GET_LINK, _NEW_ADDRESS, _GET_ADDRESS = 16, 18, 20, 22
ADDRESS = struct.Struct("=4BI")  # family, prefix, flags, scope, interface
_UP, _RUNNING = 0x1, 0x40  # IFF_...
SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
ADDRESS_OF_PEER, LOCAL_ADDRESS = 1, 2  # on a point-to-point device they differ
_OPTIMISTIC, _DUPLICATE, _TENTATIVE = 0x04, 0x08, 0x40  # IFA_F_...
_GROUPS = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR


class Address(NamedTuple):
    """A packed address, the index of its interface, and whether it is valid beyond the link (RFC 4007 §4)."""

    packed: bytes
    interface: int
    universal: bool = True


class Addresses:
    """The addresses of interfaces that are up, without those of host scope.

    Raises:
        OSError: the kernel refused.
        GarbledAnswer: a message of the kernel cannot be parsed.
    """

    def __init__(self) -> None:
        self._changes = Notifications(socket.NETLINK_ROUTE, _GROUPS)
        self._known: tuple[Address, ...] | None = None
        try:
            self._netlink = Netlink(socket.NETLINK_ROUTE)
        except OSError:
            self._changes.close()
            raise

    def close(self) -> None:
        """Close the sockets."""
        self._changes.close()
        self._netlink.close()

    def all(self) -> tuple[Address, ...]:
        """All addresses. They are read again only after the kernel has reported a change of links or addresses, because
        this is called for each pair of IPsec SAs.
        """
        if [True for _ in self._changes.read()] or self._known is None:
            links = self._netlink.ask(_GET_LINK, DUMP, (LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0),), running)
            up = frozenset(links)
            header = ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
            found = self._netlink.ask(_GET_ADDRESS, DUMP, (header,), _address_in)
            self._known = tuple(address for address in found if address is not None and address.interface in up)
        return self._known

    def universal(self, family: int) -> tuple[bytes, ...]:
        """The packed addresses of ``family`` that are valid beyond their link."""
        width = 4 if family == socket.AF_INET else 16
        return tuple(address.packed for address in self.all() if address.universal and len(address.packed) == width)


def running(kind: int, body: Buffer) -> int:
    """The index of the interface in an RTM_NEWLINK message if it is up and has a carrier; else 0.

    Raises:
        GarbledAnswer: the message is too short.
    """
    _, _, index, flags, _ = unpack(LINK, body)
    number: int = index
    return number if kind == _NEW_LINK and flags & _UP and flags & _RUNNING else 0


def usable_address(body: Buffer) -> Address | None:
    """The address in an RTM_NEWADDR message; None if it has host scope, or cannot be used: its uniqueness is not
    confirmed yet, or it is a duplicate (RFC 4862 §5.4).

    Raises:
        GarbledAnswer: there is no address, or the length of an attribute is wrong.
    """
    _, _, flags, scope, interface = unpack(ADDRESS, body)
    if scope not in (SCOPE_UNIVERSE, _SCOPE_LINK) or flags & _DUPLICATE:
        return None
    if flags & _TENTATIVE and not flags & _OPTIMISTIC:
        return None
    found = attributes(memoryview(body)[ADDRESS.size :])
    address = found.get(LOCAL_ADDRESS) or found.get(ADDRESS_OF_PEER)
    if not address:
        raise GarbledAnswer("the kernel reported an address message without an address")
    return Address(bytes(address), interface, scope == SCOPE_UNIVERSE)


def _address_in(kind: int, body: memoryview) -> Address | None:
    return usable_address(body) if kind == _NEW_ADDRESS else None
