"""The life of one L2TP link: xl2tpd is started, pppd brings the interface up, and both end before IPsec does."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import socket
import struct
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.daemon.l2tp import link_routes
from ikev1.daemon.l2tp.files import pppd_options, xl2tpd_configuration
from ikev1.daemon.l2tp.name_servers import use_name_servers
from ikev1.daemon.l2tp.port import claim, share
from ikev1.daemon.l2tp.processes import end_processes
from ikev1.daemon.l2tp.requirements import Programs
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.usable import is_reachable
from ikev1.errors import LocalError
from ikev1.esp.attached import attached_networks
from ikev1.files.places import PROGRAM_PATH
from ikev1.files.temporary import locked
from ikev1.wire.words import printable

_PATIENCE = 75.0  # seconds for a link; xl2tpd gives up after 31, pppd after 30
_LOOK = 0.2  # seconds between looks at the interface while it comes up
_MESSAGES_LATE = 10  # such looks, until the messages of pppd must be there
_WATCH = 1.0  # seconds between looks afterwards
_GRACE = 5.0  # seconds for a process to end
_LONGEST_LINE = 4096  # octets
# What xl2tpd and pppd write when a link cannot come up, or has ended
_AUTHENTICATION = re.compile(r"\bauthentication failed|failed to authenticate ourselves", re.IGNORECASE)
_STATUS = re.compile(r"pppd exited for call -?\d+ with code (\d+)")
_END = re.compile(
    r"pppd (exited|terminated) for call|Connection( \d+)? closed to |maximum retries exceeded", re.IGNORECASE
)
_NOT_AUTHENTICATED = 19  # the exit status of pppd: "We failed to authenticate ourselves to the peer"
_PPPD = {
    2: "pppd does not accept its options; pppd 2.4.8 or later is required",
    4: "the kernel does not support PPP",
    10: "the gateway and pppd have not agreed about PPP",
    11: "the gateway has refused to authenticate itself",
    15: "the gateway does not answer in the PPP link",
    16: "the gateway has ended the L2TP call",
    19: "the gateway has refused the user or the password of PPP",
}
_CONFIGURED = re.compile(r"local +IP address ")
_NAME_SERVER = re.compile(r"(?:primary|secondary) +DNS address (\d{1,3}(?:\.\d{1,3}){3})")
_MOST_NAME_SERVERS = 2  # IPCP has two (RFC 1877)
_READS = 16  # of messages at once
# <linux/sockios.h>, <linux/if.h>
_GET_FLAGS, _GET_ADDRESS, _GET_PEER = 0x8913, 0x8915, 0x8917
_UP = 0x1
_NAME_FILE = "interface"


class LinkError(LocalError):
    """The link cannot come up, or has ended; the text says why. ``authentication``: because of the user's password."""

    code = "link-failed"

    def __init__(self, reason: str, *, authentication: bool = False) -> None:
        super().__init__(reason)
        self.authentication = authentication


class LinkAddresses(NamedTuple):
    """The name of a PPP interface, its addresses, and the name servers that the gateway has sent."""

    interface: str
    local: str
    peer: str
    name_servers: tuple[str, ...] = ()


class LinkOptions(NamedTuple):
    """What a link requires: programs, user and password of PPP, a private folder, a reserved UDP port, and the networks
    behind the gateway. ``allow_weak`` permits PAP and MS-CHAP version 1. With ``install_dns``, this host uses the name
    servers of the gateway.
    """

    programs: Programs
    user: bytes
    password: bytes
    folder: Path
    port: socket.socket
    networks: Sequence[IPv4Network] = (link_routes.ALL,)
    allow_weak: bool = False
    install_dns: bool = True

    def __repr__(self) -> str:
        return f"LinkOptions({self.user!r}, {self.folder}, ...)"


class L2tpLink:
    """One link, to be started once. The messages of xl2tpd and pppd are written to ``log``."""

    def __init__(self, options: LinkOptions, log: EventLog) -> None:
        self._options = options
        self._log = log
        self._folder = options.folder
        self._interface = ""
        self._messages = -1  # the FIFO to which both programs write
        self._partial = b""
        self._name_servers: tuple[str, ...] | None = None  # None until pppd has configured the interface
        self._refused = False  # the gateway has refused user or password
        self._end = ""  # what xl2tpd or pppd said about the end
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, gateway: str, local: str) -> LinkAddresses:
        """Bring the link up, from the address ``local`` to ``gateway``. After an error, `stop` is required as well.

        Raises:
            LinkError: it cannot come up.
        """
        if ":" in gateway:
            raise LinkError("xl2tpd does not support IPv6")
        try:
            with locked(self._folder.parent):
                self._interface = _free_name(self._folder)
            self._write_files(gateway, local)
            self._run()
            addresses = await self._addresses()
            (self._folder / "options").unlink()
            claim(self._options.port)
        except OSError as error:
            raise LinkError(f"cannot start xl2tpd: {error.strerror or error}") from error
        try:
            if addresses.peer == gateway or _is_near(addresses.peer):
                link_routes.forget_peer(addresses.interface, addresses.peer)
            networks = [*self._options.networks, *map(IPv4Network, addresses.name_servers)]
            with locked(self._folder.parent):  # two links must not choose the same table
                link_routes.add(self._folder, addresses.interface, gateway, networks)
        except OSError as error:
            raise LinkError(f"cannot add routes to the PPP link: {error}") from error
        if addresses.name_servers:
            await asyncio.to_thread(use_name_servers, addresses.interface, addresses.name_servers)
        text = f"PPP link {addresses.interface} is up: address {addresses.local}, peer {addresses.peer}"
        self._log.write(Level.INFO, "NET", text)
        return addresses

    async def ended(self) -> LinkError:
        """Wait until the link ends by itself; the reason."""
        while not self._is_over() and _addresses_of(self._interface) is not None:
            await asyncio.sleep(_WATCH)
        await self.stop()
        return self._reason("the PPP link has ended")

    async def stop(self) -> None:
        """End pppd and xl2tpd, so that they notify the gateway while there is IPsec, and remove rules and files."""
        self._stopping = True
        self._options.port.close()
        if self._process is not None:
            await asyncio.to_thread(self._end_processes, self._process)
            self._process = None
        if self._messages >= 0:
            asyncio.get_running_loop().remove_reader(self._messages)
            self._read()
            os.close(self._messages)
            self._messages = -1
        link_routes.forget(self._folder)
        (self._folder / "options").unlink(missing_ok=True)

    def _write_files(self, gateway: str, local: str) -> None:
        options, messages = self._folder / "options", self._folder / "messages"
        os.mkfifo(messages, 0o600)
        self._messages = os.open(messages, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        asyncio.get_running_loop().add_reader(self._messages, self._read)
        wanted = self._options
        content = pppd_options(
            wanted.user,
            wanted.password,
            self._interface,
            messages,
            allow_weak=wanted.allow_weak,
            install_dns=wanted.install_dns,
        )
        port = wanted.port.getsockname()[1]
        configuration = xl2tpd_configuration(gateway, local, port, options)
        for file, octets in ((options, content), (self._folder / "xl2tpd.conf", configuration.encode())):
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
                opened.write(octets)

    def _run(self) -> None:
        folder, programs = self._folder, self._options.programs
        # if this process is killed, the kernel ends xl2tpd, which would send without IPsec otherwise
        command = [programs.setpriv, "--pdeathsig", "TERM", programs.xl2tpd, "-D"]
        for option, name in (("-c", "xl2tpd.conf"), ("-p", "pid"), ("-C", "control")):
            command += [option, str(folder / name)]
        command += ["-s", "/dev/null"]
        share(self._options.port)
        output = os.open(folder / "messages", os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": PROGRAM_PATH, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C is for this process
            )
        finally:
            os.close(output)

    async def _addresses(self) -> LinkAddresses:
        """Wait for those of the interface."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while (found := _addresses_of(self._interface)) is None:
            if self._is_over():
                await self.stop()
                raise self._reason("xl2tpd has ended")
            if asyncio.get_running_loop().time() > deadline:
                raise LinkError("the gateway has not answered")
            await asyncio.sleep(_LOOK)
        for _ in range(_MESSAGES_LATE):
            if self._name_servers is not None:
                break
            await asyncio.sleep(_LOOK)
        await asyncio.sleep(_LOOK)  # the messages on name servers come with that on the address
        return found._replace(name_servers=self._name_servers or ())

    def _is_over(self) -> bool:
        return bool(self._end) or self._process is None or self._process.poll() is not None

    def _end_processes(self, xl2tpd: subprocess.Popen[bytes]) -> None:
        end_processes(self._folder, _GRACE)
        xl2tpd.kill()  # where it is still setpriv
        xl2tpd.wait()

    def _read(self) -> None:
        """Read messages of the programs."""
        try:
            for _ in range(_READS):
                octets = os.read(self._messages, 4096)
                *lines, self._partial = (self._partial + octets).split(b"\n")
                self._partial = self._partial[:_LONGEST_LINE]
                for line in lines:
                    self._message(line[:_LONGEST_LINE].decode(errors="replace").strip())
        except BlockingIOError:
            return

    def _message(self, line: str) -> None:
        self._log.write(Level.INFO, "NET", printable(line, " "))
        if self._name_servers is None and _CONFIGURED.match(line):
            self._name_servers = ()
        elif self._name_servers is not None and (found := _NAME_SERVER.fullmatch(line)):
            self._add_name_server(found[1])
        self._refused = self._refused or bool(_AUTHENTICATION.search(line))
        if not self._stopping and (_STATUS.search(line) or (not self._end and _END.search(line))):
            self._end = line

    def _add_name_server(self, address: str) -> None:
        """Note a name server, which gets a route to the link, unless no gateway can reach its address."""
        with suppress(ValueError):
            if is_reachable(address):
                self._name_servers = (*(self._name_servers or ()), address)[:_MOST_NAME_SERVERS]

    def _reason(self, otherwise: str) -> LinkError:
        """What the messages say about the end."""
        found = _STATUS.search(self._end)
        status = int(found[1]) if found else 0
        if self._refused or status == _NOT_AUTHENTICATED:
            return LinkError(_PPPD[_NOT_AUTHENTICATED], authentication=True)
        if status:
            return LinkError(_PPPD.get(status, f"pppd has ended with status {status}"))
        return LinkError(f"{otherwise}: {printable(self._end)}" if self._end else otherwise)


def _free_name(folder: Path) -> str:
    """A name for the interface, noted in a file of ``folder``: pppd makes the interface later, and other links of this
    host must not wait for the same one.
    """
    taken = {name for _, name in socket.if_nameindex()}
    for file in folder.parent.glob(f"*/{_NAME_FILE}"):
        with suppress(OSError):  # that link has just ended
            taken.add(file.read_text())
    name = next(name for number in range(len(taken) + 1) if (name := f"ikev1ppp{number}") not in taken)
    (folder / _NAME_FILE).touch(mode=0o600)
    (folder / _NAME_FILE).write_text(name)
    return name


def _is_near(address: str) -> bool:
    """Whether a network to which this host is attached has the address, apart from a PPP link."""
    host = Selector.parse(address)
    return any(network.contains(host) and network.first != network.last for network in attached_networks())


def _addresses_of(interface: str) -> LinkAddresses | None:
    """The addresses of an interface that is up (netdevice(7))."""
    request = struct.pack("16s24x", interface.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            (flags,) = struct.unpack_from("=16xh", fcntl.ioctl(probe, _GET_FLAGS, request))
            local, peer = (fcntl.ioctl(probe, each, request)[20:24] for each in (_GET_ADDRESS, _GET_PEER))
        except OSError:
            return None
    return LinkAddresses(interface, socket.inet_ntoa(local), socket.inet_ntoa(peer)) if flags & _UP else None
