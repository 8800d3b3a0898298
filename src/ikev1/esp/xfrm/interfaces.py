"""Interfaces for packets of tunnels: XFRM interfaces, and VTIs for kernels without these (rtnetlink(7)).

They are in the ownership file, so that the next process finds those of one that was killed. One that it wants as well
stays as it is: packets of pairs that the kernel kept pass through it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Collection
from ipaddress import ip_interface, ip_network

from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import InterfaceKind
from ikev1.esp.addresses import ADDRESS, LOCAL_ADDRESS, SCOPE_UNIVERSE
from ikev1.esp.netlink import CREATE, EXCLUSIVE, REPLACE, Netlink, NetlinkError, Request, attribute
from ikev1.esp.networks import family_of, packed
from ikev1.esp.plane import PlaneError, RoutedInterface
from ikev1.esp.routes import Routes
from ikev1.esp.rtnetlink import LINK, Hop
from ikev1.esp.xfrm.ownership_file import InterfaceNote, OwnershipFile

# <linux/if_link.h>, <linux/if_tunnel.h>, <linux/rtnetlink.h>
_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS = 16, 17, 20
_NAME, _MTU, _INFO, _KIND, _DATA = 3, 4, 18, 1, 2
_XFRM_LINK, _XFRM_ID = 1, 2
_VTI_IN_KEY, _VTI_OUT_KEY, _VTI_LOCAL, _VTI_REMOTE = 2, 3, 4, 5
_UP = 1
_NO_DUPLICATE_DETECTION = 0x02
_ANY = Selector(bytes(4), b"\xff" * 4), Selector(bytes(16), b"\xff" * 16)


class TunnelInterfaces:
    """The interfaces of one gateway; ``metric`` is that of its routes."""

    def __init__(self, owner: OwnershipFile, metric: int) -> None:
        self._owner = owner
        self._metric = metric
        self._routes: Routes | None = None
        self._there: dict[str, RoutedInterface] = {}

    def change(self, wanted: Collection[RoutedInterface]) -> None:
        """Have exactly these interfaces; of an earlier process, those that have not changed stay.

        Raises:
            PlaneError: the kernel refused some of them; the others are there.
        """
        by_name = {interface.name: interface for interface in wanted}
        left = {note.name: note for note in self._owner.left if isinstance(note, InterfaceNote)}
        for name in (set(self._there) | set(left)) - set(by_name):
            self._remove(name)
        failed = []
        for name, interface in by_name.items():
            if self._there.get(name) == interface:
                continue
            note = _note(interface)
            kept = left.get(name) == note or (name in self._there and _note(self._there[name]) == note)
            if name in left or name in self._there:
                self._forget(name, delete=not kept)
            self._owner.note(note)
            try:
                self._add(interface, exists=kept)
            except (OSError, PlaneError) as error:
                self._owner.strike(note)
                failed.append(f"cannot make the interface {name}: {_reason(error, interface)}")
        if failed:
            raise PlaneError("; ".join(failed))

    def follow(self) -> None:
        """As `Routes.follow`."""
        if self._routes is not None:
            self._routes.follow()

    def close(self, *, keep: bool) -> None:
        """Remove the interfaces or, with ``keep``, leave them and their routes, so that packets do not pass by them."""
        if not keep:
            self.change(())
        if self._routes is not None:
            self._routes.close(keep=keep)

    def _add(self, interface: RoutedInterface, *, exists: bool) -> None:
        try:
            _command(_NEW_LINK, CREATE | EXCLUSIVE, LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0), description(interface))
        except NetlinkError as error:
            if error.errno != errno.EEXIST or not exists:
                raise
        self._there[interface.name] = interface
        try:
            self._set_up(interface)
        except (OSError, PlaneError):
            self._forget(interface.name, delete=True)  # nobody would remove it later
            raise

    def _set_up(self, interface: RoutedInterface) -> None:
        index = socket.if_nametoindex(interface.name)
        size = attribute(_MTU, struct.pack("=I", interface.mtu))
        _command(_NEW_LINK, 0, LINK.pack(socket.AF_UNSPEC, 0, index, _UP, _UP), size)
        for each in map(ip_interface, interface.addresses):
            address = each.ip.packed
            header = ADDRESS.pack(
                family_of(address), each.network.prefixlen, _NO_DUPLICATE_DETECTION, SCOPE_UNIVERSE, index
            )
            _command(_NEW_ADDRESS, CREATE | REPLACE, header, attribute(LOCAL_ADDRESS, address))
        if interface.routes and self._routes is None:
            self._routes = Routes(self._metric)
        for text in interface.routes:
            network = ip_network(text)
            remote = Selector(network[0].packed, network[-1].packed)
            if self._routes is not None:
                self._routes.hold((interface.name, text), _source(interface, remote), remote, Hop(index), interface.mtu)

    def _remove(self, name: str) -> None:
        self._forget(name, delete=True)
        self._owner.strike(
            *(note for note in self._owner.left if isinstance(note, InterfaceNote) and note.name == name)
        )

    def _forget(self, name: str, *, delete: bool) -> None:
        gone = self._there.pop(name, None)
        if gone is not None:
            for text in gone.routes:
                if self._routes is not None:
                    self._routes.release((name, text))
        if not delete:
            return
        with contextlib.suppress(OSError):  # another program has deleted it
            index = socket.if_nametoindex(name)
            _command(_DELETE_LINK, 0, LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0), b"")
        if gone is not None:
            self._owner.strike(_note(gone))


def _source(interface: RoutedInterface, remote: Selector) -> Selector:
    """The address from which this host sends through the interface; any, if it has none of this IP version."""
    versions = (ip_interface(each).ip for each in interface.addresses)
    own = next((address for address in versions if address.version == remote.version), None)
    return Selector(own.packed, own.packed) if own is not None else _ANY[remote.version == 6]


def description(interface: RoutedInterface) -> bytes:
    """The attributes that make the interface."""
    if interface.kind is InterfaceKind.XFRM:
        loopback = socket.if_nametoindex("lo")  # kernels before 4.20.8 require an interface below
        data = attribute(_XFRM_LINK, struct.pack("=I", loopback)) + attribute(
            _XFRM_ID, struct.pack("=I", interface.number)
        )
    else:
        key = struct.pack("!I", interface.number)
        data = attribute(_VTI_IN_KEY, key) + attribute(_VTI_OUT_KEY, key)
        for kind, host in ((_VTI_LOCAL, interface.local_host), (_VTI_REMOTE, interface.remote_host)):
            if host:
                data += attribute(kind, packed(host))
    info = attribute(_KIND, interface.kind.value.encode()) + attribute(_DATA, data)
    return attribute(_NAME, interface.name.encode() + b"\0") + attribute(_INFO, info)


def _reason(error: OSError | PlaneError, interface: RoutedInterface) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.EOPNOTSUPP and interface.kind is InterfaceKind.XFRM:
        return 'the kernel has no XFRM interfaces (CONFIG_XFRM_INTERFACE); interface_type = "vti" may be possible'
    if error.errno == errno.EEXIST:
        return "another program has an interface of this name, or with this mark and these addresses"
    return str(error)


def _note(interface: RoutedInterface) -> InterfaceNote:
    return InterfaceNote(
        interface.name, interface.kind.value, interface.number, interface.local_host, interface.remote_host
    )


def _command(kind: int, flags: int, header: bytes, details: bytes) -> None:
    netlink = Netlink(socket.NETLINK_ROUTE)
    try:
        netlink.command(Request(kind, flags, (header, details)))
    finally:
        netlink.close()
