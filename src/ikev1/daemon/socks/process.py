"""The parent's side of the proxy: starts the child, and gives the data plane whose TUN device the child has."""

from __future__ import annotations

import array
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress

import msgspec

from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.events import ConfigReceived, Event
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import NatTraversal, Settings
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.socks.orders import (
    LARGEST,
    Answer,
    HoldAddress,
    HoldRoute,
    Login,
    NameServers,
    Opened,
    Order,
    Problem,
    ReleaseAddress,
    ReleaseRoute,
    decode_answer,
    encode,
)
from ikev1.esp.confined import confined
from ikev1.esp.plane import DataPlane, Listener, PlaneError, SendUdp
from ikev1.esp.surroundings import Surroundings
from ikev1.esp.tun import Tun

_PATIENCE = 15.0  # seconds for the child to start; a busy machine needs one or two
_GRACE = 2.0  # seconds for it to end
_QUEUE = 32  # clients that wait for `accept`
_MOST_SERVERS = 16
_LONGEST_DOMAIN = 255  # octets (RFC 1035 §2.3.4)
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_ALL")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens on the address, for clients of the proxy.

    Raises:
        OSError: the address is not local, or the port is in use or not permitted.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_QUEUE)


def for_proxy(settings: Settings) -> Settings:
    """The settings with ESP in UDP forced (``nat_traversal = "force"``), which requires no raw socket, and without name
    servers for this host: the proxy uses them.
    """
    forced = {"nat_traversal": NatTraversal.FORCE, "install_dns": False}
    changed: Settings = replace(settings, connections=tuple(replace(each, **forced) for each in settings.connections))
    return changed


class SocksProcess:
    """The child, running from `start` to `close`. ``listener`` is handed to it, and closed here.

    ``choice`` is the data plane for the gateway, to be made once, and `observe` an observer of its events.
    ``when_ended`` is called if the child ends before `close`; the tunnels are of no use then.

    Attributes:
        problem: why the proxy ended before `close`; empty if it did not.
    """

    def __init__(
        self,
        listener: socket.socket,
        login: Login,
        log: EventLog,
        when_ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._listener = listener
        self._log = log
        self._login = login
        self._when_ended = when_ended
        self._opened = ExitStack()
        self._tun: Tun | None = None
        self.problem = ""
        self.choice = PlaneChoice("userspace", "its packets are those of the SOCKS proxy", self._make, confined=True)

    def start(self) -> None:
        """Start the child, and receive its TUN device.

        Raises:
            OSError: the child cannot be started.
            PlaneError: user namespaces or TUN devices are not permitted; the text says which, and what to do.
        """
        with ExitStack() as opened:
            opened.callback(self._listener.close)
            control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.callback(control.close)
            self._control = control
            with far, self._listener:
                # a new interpreter: a copy of this process would hold its secrets, and may not enter a namespace
                self._child = subprocess.Popen(
                    [sys.executable, "-P", "-m", "ikev1.daemon.socks.child"]
                    + [str(number) for number in (far.fileno(), self._listener.fileno(), os.getpid())],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the parent, which then closes the socket
                    pass_fds=(far.fileno(), self._listener.fileno()),
                    env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                )
            opened.callback(self._end_child)
            self._tun = self._receive_device()
            opened.callback(self._close_device)
            control.setblocking(False)
            self._send(self._login)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """End the child."""
        self._opened.close()

    def observe(self, event: Event) -> None:
        """Follow the configuration that a gateway gives: its name servers resolve the names that clients ask for."""
        if not isinstance(event, ConfigReceived) or event.sa.received is None:
            return
        config = event.sa.received
        if not config.dns:
            text = "the gateway named no name servers: clients of the SOCKS proxy can use addresses only"
            self._log.write(Level.WARNING, "NET", text)
        # limited, because an order has to fit into a datagram
        domain = config.default_domain if len(config.default_domain.encode()) <= _LONGEST_DOMAIN else ""
        with suppress(PlaneError):  # reported by the reader of the socket
            self._send(NameServers(config.dns[:_MOST_SERVERS], domain))

    # What the data plane has done in the other namespace (`ikev1.esp.confined.OtherSide`)

    def hold_route(self, number: int, mode: IpsecMode, local: Selector, remote: Selector, mtu: int) -> None:
        """Add a route."""
        self._send(HoldRoute(number, mode.value, local, remote, mtu))

    def release_route(self, number: int) -> None:
        """Remove a route."""
        self._send(ReleaseRoute(number))

    def hold(self, address: str) -> None:
        """Add an address."""
        self._send(HoldAddress(address))

    def release(self, address: str) -> None:
        """Remove an address."""
        self._send(ReleaseAddress(address))

    def _make(self, listener: Listener, send_udp: SendUdp) -> DataPlane:
        from ikev1.esp.userspace import UserspacePlane  # not above: it imports NumPy

        def around(*_: object) -> Surroundings:
            assert self._tun is not None, "started, and made once"
            tun, self._tun = self._tun, None
            return confined(tun, self, [(self._control.fileno(), self._read)])

        return UserspacePlane(listener, send_udp, surroundings=around)

    def _send(self, order: Order) -> None:
        try:
            self._control.send(encode(order))
        except OSError as error:
            raise PlaneError(f"the process of the SOCKS proxy does not answer: {error.strerror}") from error

    def _receive_device(self) -> Tun:
        self._control.settimeout(_PATIENCE)
        try:
            octets, ancillary, _, _ = self._control.recvmsg(LARGEST, socket.CMSG_SPACE(array.array("i").itemsize))
        except TimeoutError as error:
            raise PlaneError(f"the process of the SOCKS proxy has not started in {_PATIENCE:.0f} seconds") from error
        answer = _answer(octets)
        if isinstance(answer, Opened):
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    (descriptor,) = array.array("i", data)
                    os.set_inheritable(descriptor, False)
                    return Tun.received(descriptor, answer.device)
        reason = answer.text if isinstance(answer, Problem) else "its process has ended"
        raise PlaneError(f"the SOCKS proxy cannot be started: {reason}")

    def _read(self) -> None:
        """Read one message of the child, in the loop of the gateway."""
        answer = _answer(self._control.recv(LARGEST))
        if answer is None:
            self.problem = "the process of the SOCKS proxy has ended"
            self._when_ended()
            raise PlaneError(self.problem)
        if isinstance(answer, Problem):
            self._log.write(Level.WARNING, "NET", f"SOCKS proxy: {answer.text}", kind="problems of the SOCKS proxy")

    def _close_device(self) -> None:
        if self._tun is not None:  # no data plane was made
            self._tun.close()

    def _end_child(self) -> None:
        """Wait until the child has ended, which follows from closing the control socket; kill it if it has not."""
        self._control.close()
        try:
            self._child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def _answer(octets: bytes) -> Answer | None:
    """The message of the child; None at the end of its socket."""
    try:
        return decode_answer(octets) if octets else None
    except msgspec.MsgspecError:
        return Problem("a message that cannot be read")
