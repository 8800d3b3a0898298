"""The virtual addresses of this host as a client, on an interface of it (rtnetlink(7))."""

from __future__ import annotations

import contextlib
import errno
import socket
from ipaddress import ip_address

from ikev1.esp.addresses import ADDRESS, ADDRESS_OF_PEER, LOCAL_ADDRESS, SCOPE_UNIVERSE
from ikev1.esp.netlink import CREATE, EXCLUSIVE, Netlink, Request, attribute
from ikev1.esp.networks import family_of
from ikev1.esp.plane import PlaneError

# <linux/rtnetlink.h>, <linux/if_addr.h>
_NEW_ADDRESS, _DELETE_ADDRESS = 20, 21
_NO_DUPLICATE_DETECTION = 0x02  # IFA_F_NODAD: no other host is on the link


class VirtualAddresses:
    """Addresses on the interface ``device``. One that the interface had before is not held, and stays."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._held: set[str] = set()

    def __contains__(self, address: str) -> bool:
        return address in self._held

    def hold(self, address: str) -> None:
        """Add an address with a full-length prefix; one that is held already is no error.

        Raises:
            PlaneError: the kernel refused.
        """
        if address in self._held:
            return
        try:
            self._change(_NEW_ADDRESS, CREATE | EXCLUSIVE, address)
        except OSError as error:
            if error.errno == errno.EEXIST:
                return  # configured by the operator or another program
            raise PlaneError(f"{self._device} does not get the address {address}: {error}") from error
        self._held.add(address)

    def release(self, address: str) -> None:
        """Remove an address that is held."""
        if address in self._held:
            self._held.discard(address)
            self.remove(address)

    def remove(self, address: str) -> None:
        """Remove an address, also one of an earlier process; one that does not exist is no error."""
        with contextlib.suppress(OSError):
            self._change(_DELETE_ADDRESS, 0, address)

    def all(self) -> tuple[str, ...]:
        """The addresses that are held."""
        return tuple(self._held)

    def _change(self, kind: int, flags: int, address: str) -> None:
        packed = ip_address(address).packed
        index = socket.if_nametoindex(self._device)
        header = ADDRESS.pack(family_of(packed), 8 * len(packed), _NO_DUPLICATE_DETECTION, SCOPE_UNIVERSE, index)
        details = attribute(LOCAL_ADDRESS, packed) + attribute(ADDRESS_OF_PEER, packed)
        netlink = Netlink(socket.NETLINK_ROUTE)
        try:
            netlink.command(Request(kind, flags, (header, details)))
        finally:
            netlink.close()
