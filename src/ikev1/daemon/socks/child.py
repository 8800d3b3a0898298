"""The process of the proxy: ``python -m ikev1.daemon.socks.child CONTROL LISTENER PARENT``, two descriptors and the
process ID of the parent.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import sys
from collections.abc import Sequence

from ikev1.core.records.child_sa import IpsecMode
from ikev1.daemon.host.privileges import PrivilegeError, hide_memory
from ikev1.daemon.socks import namespace
from ikev1.daemon.socks.orders import (
    LARGEST,
    HoldAddress,
    HoldRoute,
    Login,
    NameServers,
    Opened,
    Order,
    Problem,
    ReleaseAddress,
    ReleaseRoute,
    decode_order,
    encode,
)
from ikev1.daemon.socks.resolver import Resolver
from ikev1.daemon.socks.server import SocksServer
from ikev1.errors import describe_bug
from ikev1.esp.device_routes import DeviceRoutes
from ikev1.esp.plane import PlaneError
from ikev1.esp.virtual_addresses import VirtualAddresses

_DEVICE = "ikev1"
_MTU = 1500


class _TunnelSide:
    """The routes and addresses of the namespace, and the name servers behind the tunnel, as the parent orders."""

    def __init__(self, control: socket.socket, device: str) -> None:
        self._control = control
        self._routes = DeviceRoutes(device, _MTU)
        self._addresses = VirtualAddresses(device)
        self._resolver = Resolver()
        self.ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(control, self._read)
        loop.add_reader(self._routes.fileno(), self._follow)

    async def resolve(self, name: str) -> Sequence[str]:
        """The addresses of ``name`` of the IP versions that the tunnel carries."""
        versions = {6 if ":" in address else 4 for address in self._addresses.all()}
        return await self._resolver.resolve(name, versions or {4, 6})

    def _read(self) -> None:
        octets = self._control.recv(LARGEST)
        if not octets:  # the parent has closed the socket, or ended
            asyncio.get_running_loop().remove_reader(self._control)
            self.ended.set()
            return
        try:
            self._obey(decode_order(octets))
        except (PlaneError, OSError) as error:
            _send(self._control, Problem(str(error)))

    def _obey(self, order: Order) -> None:
        if isinstance(order, HoldAddress):
            self._addresses.hold(order.address)
            self._routes.follow()  # they may have a source address now
        elif isinstance(order, ReleaseAddress):
            self._addresses.release(order.address)
        elif isinstance(order, HoldRoute):
            self._routes.hold(order.number, IpsecMode(order.mode), order.local, order.remote, order.mtu)
        elif isinstance(order, ReleaseRoute):
            self._routes.release(order.number)
        elif isinstance(order, NameServers):
            self._resolver.configure(order)

    def _follow(self) -> None:
        try:
            if self._routes.changed():
                self._routes.follow()
        except PlaneError as error:
            _send(self._control, Problem(str(error)))


def main(control_descriptor: int, listener_descriptor: int, parent: int) -> None:
    """Open the namespace, then serve until the parent closes its end of the control socket."""
    namespace.end_with(parent)
    control = socket.socket(fileno=control_descriptor)
    listener = socket.socket(fileno=listener_descriptor)
    try:
        namespace.enter()
        namespace.end_with(parent)
        from ikev1.esp.tun import Tun  # not above: NumPy starts threads, and `enter` needs to be called without

        tun = Tun(_DEVICE)
        namespace.keep_network_administration()
        hide_memory()
    except (PlaneError, PrivilegeError) as error:
        _send(control, Problem(str(error)))
        sys.exit(1)
    _leave_output()
    control.sendmsg([encode(Opened(tun.name))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tun.fd]))])
    tun.close()
    try:
        asyncio.run(_serve(control, listener, tun.name))
    except (PlaneError, OSError) as error:
        _send(control, Problem(str(error)))


async def _serve(control: socket.socket, listener: socket.socket, device: str) -> None:
    login = decode_order(control.recv(LARGEST))
    if not isinstance(login, Login):
        return
    control.setblocking(False)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _report(control, context))
    side = _TunnelSide(control, device)
    serving = asyncio.ensure_future(SocksServer(listener, side.resolve, login).serve())
    await side.ended.wait()
    serving.cancel()


def _leave_output() -> None:
    """Close standard output and error, which are the parent's: a parent in the background closes its own, and whoever
    reads them waits for the end.
    """
    nothing = os.open(os.devnull, os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _report(control: socket.socket, context: dict[str, object]) -> None:
    """Have the parent log an exception that no code expected, without its message."""
    error = context.get("exception")
    where = describe_bug(error) if isinstance(error, Exception) else "no exception"
    _send(control, Problem(f"internal error: {where}"))


def _send(control: socket.socket, message: Problem) -> None:
    try:
        control.send(encode(message))
    except OSError:  # the parent has ended, or does not read
        return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
