"""Two kernel data planes on one wire, with keys given by hand, in one process: needs root and a kernel with ESP."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecMode, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.crypto.suites import esp_key_sizes
from ikev1.esp.kernel import KernelPlane
from ikev1.esp.plane import Counters, PlaneEvent
from lab.echo_requests import ask
from lab.namespaces import inside, new_namespace
from lab.process import found

AES_GCM = IpsecSuite(encryption=20, key_length=128)
OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("fd77::1", "fd77::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
NETWORKS = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("fd01::/64", "fd02::/64")}

_SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>


class Namespace:
    """A network namespace, held open by nobody but us."""

    def __init__(self) -> None:
        self._descriptor = new_namespace()

    def close(self) -> None:
        os.close(self._descriptor)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in the namespace."""
        with inside(self._descriptor):
            yield

    def run(self, *command: str) -> str:
        with self.entered():
            done = subprocess.run(
                [found(command[0]), *command[1:]], capture_output=True, text=True, timeout=60, check=False
            )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def batch(self, *commands: str) -> None:
        """Many commands of ip(8) by one process."""
        with self.entered():
            subprocess.run([found("ip"), "-batch", "-"], input="\n".join(commands), text=True, check=True)

    def ping(self, there: str, here: str = "", *, count: int = 3, size: int = 56) -> None:
        """Every one of ``count`` echo requests is answered; the route names the source unless it is given."""
        with self.entered():
            ask(there, here, count=count, size=size)

    def troubles(self) -> dict[str, int]:
        """The error counters that are not 0."""
        with self.entered():
            lines = [line.split() for line in Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()]
        return {name: int(count) for name, count in lines if count != "0"}

    def socket(self, address: str, port: int = 0) -> socket.socket:
        """A UDP socket that lives here, bound."""
        with self.entered():
            udp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind((address, port))
        udp.settimeout(60)
        return udp

    def wire(self, other: Namespace, device: str = "eth0") -> None:
        """Put a wire between the two, which is ``eth0`` here and ``device`` there."""
        there = f"/proc/self/fd/{other._descriptor}"
        with self.entered():
            subprocess.run(
                [found("ip"), "link", "add", "eth0", "type", "veth", "peer", "name", device, "netns", there],
                pass_fds=(other._descriptor,),
                check=True,
            )

    def wire_to(self, other: Namespace) -> None:
        """The outer network, between two gateways."""
        self.wire(other)
        for side, namespace in enumerate((self, other)):
            namespace.batch(
                "link set lo up",
                "link set eth0 up",
                f"addr add {OUTER[4][side]}/24 dev eth0",
                f"addr add {OUTER[6][side]}/64 dev eth0 nodad",
                f"addr add {INNER[4][side]} dev lo",
                f"addr add {INNER[6][side]} dev lo nodad",
            )


class Side:
    """One end: its namespace, its data plane, the daemon's socket, and what the plane said."""

    def __init__(self, namespace: Namespace, owner: Path) -> None:
        self.namespace = namespace
        self.owner = owner
        self.events: list[PlaneEvent] = []
        self.open()

    def open(self) -> None:
        """A gateway begins to run."""
        with self.namespace.entered():
            self.plane = KernelPlane(self.events.append, self.owner)

    def close(self) -> None:
        """The gateway ends in good order."""
        self.plane.close()

    def die(self) -> None:
        """The gateway is killed: its sockets close, and what it had in the kernel stays."""
        for holder in (
            self.plane._owner._fd,
            self.plane._events._notifications._socket,
            self.plane._xfrm._netlink._socket,
        ):
            os.close(holder if isinstance(holder, int) else holder.detach())

    def encapsulate(self, address: str, port: int = 4500) -> socket.socket:
        """The daemon's socket on which ESP comes in UDP."""
        udp = self.namespace.socket(address, port)
        self.plane.prepare_socket(udp, encapsulates=True)
        return udp

    def up(self, child: ChildSa) -> None:
        self.plane.install_inbound(child)
        self.plane.install_outbound(child)

    def hear(self, kind: type[PlaneEvent], count: int = 1) -> list[Any]:
        """The events of one kind, once there are so many."""
        (descriptor, read), *_ = self.plane.readers()
        ends = time.monotonic() + 60
        while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"{kind.__name__} did not come: {self.events}"
            read()
        return found

    def show(self, what: str, *options: str) -> str:
        """``ip xfrm state`` or ``policy``, those of single sockets apart."""
        shown = self.namespace.run("ip", *options, "xfrm", what)
        return "".join(entry for entry in _entries(shown) if "\tsocket " not in entry)

    def ping(self, there: str, here: str, count: int = 3, size: int = 56) -> None:
        """Every one of ``count`` echo requests is answered."""
        self.namespace.ping(there, here, count=count, size=size)


def carried(side: Side, child: ChildSa) -> Counters:
    """What a pair of IPsec SAs has carried, apart from the time since."""
    return side.plane.counters(child)._replace(idle_in=None, idle_out=None)


class Stream:
    """Numbered datagrams from one inner address to the other."""

    def __init__(self, source: Side, destination: Side, version: int = 4, *, turned: bool = False) -> None:
        here, there = INNER[version][::-1] if turned else INNER[version]
        self._receiver = destination.namespace.socket(there, 7001)
        self._receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._sender = source.namespace.socket(here)
        self._to = there, 7001
        self.sent = 0

    def send(self, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            with suppress(OSError):  # it is missed when all is counted
                self._sender.sendto(self.sent.to_bytes(8), self._to)

    def finish(self) -> list[int]:
        """The numbers of the datagrams that arrived, in order of their coming."""
        arrived = []
        self._receiver.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                arrived.append(int.from_bytes(self._receiver.recv(100)))
        self._receiver.close()
        self._sender.close()
        return arrived


@contextmanager
def two_sides(folder: Path) -> Iterator[tuple[Side, Side]]:
    """Two gateways, `OUTER` on their ``eth0`` and `INNER` on their ``lo``; they are closed at the end."""
    with ExitStack() as opened:
        spaces = [Namespace(), Namespace()]
        for namespace in spaces:
            opened.callback(namespace.close)
        spaces[0].wire_to(spaces[1])
        sides = [Side(namespace, folder / f"{name}.owner") for name, namespace in zip("ab", spaces, strict=True)]
        for side in sides:
            opened.callback(side.close)
        yield sides[0], sides[1]


def two_ends(
    suite: IpsecSuite = AES_GCM, *, outer: int = 4, inner: int = 4, number: int = 1, **changes: Any
) -> tuple[ChildSa, ChildSa]:
    """The pair as either end has it; another ``number`` has other SPIs and keys. ``changes`` are of both."""
    sizes = esp_key_sizes(suite.encryption or 11, suite.key_length, suite.integrity)
    keys = [IpsecKeys(0x1000 * number + way, *(bytes([2 * number + way]) * size for size in sizes)) for way in (1, 2)]
    (here, there), (local, remote) = OUTER[outer], map(Selector.parse, NETWORKS[inner])
    one = ChildSa(
        unique_id=number,
        name="net",
        connection="peer",
        suite=suite,
        inbound=keys[0],
        outbound=keys[1],
        local=local,
        remote=remote,
        path=UdpPath(here, 4500, there, 4500),
        udp_encapsulation=False,
        initiator=True,
        created_at=time.time(),
    )
    one = replace(one, **changes)
    path = UdpPath(one.path.remote_host, one.path.remote_port, one.path.local_host, one.path.local_port)
    other = replace(
        one, inbound=one.outbound, outbound=one.inbound, local=one.remote, remote=one.local, path=path, initiator=False
    )
    if one.compression:
        turned = replace(
            one.compression, inbound_cpi=one.compression.outbound_cpi, outbound_cpi=one.compression.inbound_cpi
        )
        other = replace(other, compression=turned)
    return one, other


def transport(**changes: Any) -> dict[str, Any]:
    """What makes a pair one of transport mode."""
    return {"mode": IpsecMode.TRANSPORT, **changes}


def _entries(shown: str) -> list[str]:
    entries: list[str] = []
    for line in shown.splitlines(keepends=True):
        if line.startswith("src "):
            entries.append(line)
        else:
            entries[-1] += line
    return entries
