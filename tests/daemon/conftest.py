"""Two real gateways on the loopback interface, with high ports and a data plane that only counts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from ikev1.config import BackendOptions, ConfigError, Finding, Rule
from ikev1.core.records.child_sa import ChildSa, IpsecSuite
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, IpsecProposal, Policy, Settings, Start, Tunnel
from ikev1.core.records.spi import drawn
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.vici.server import ViciServer
from ikev1.esp.plane import (
    Counters,
    Drops,
    Listener,
    PlaneError,
    Protected,
    Reader,
    RoutedInterface,
    SendUdp,
    Shunted,
    Trap,
)
from ikev1.esp.reach import EVERYTHING, Reach
from ikev1.store import SqliteStore

AES128_SHA256_ECP256 = Phase1Suite(encryption=7, key_length=128, hash=4, group=19)
ESP_AES128_SHA256 = IpsecSuite(encryption=12, key_length=128, integrity=5)


_NONE: Mapping[int, ChildSa] = {}


class CountingPlane:
    """A data plane that carries nothing, and knows what it was told to carry.

    ``outlived`` are the pairs, by their inbound SPIs, that went on in the kernel when the process before ended.
    """

    def __init__(self, listener: Listener, send_udp: SendUdp, outlived: Mapping[int, ChildSa] = _NONE) -> None:
        self.listener = listener
        self.send_udp = send_udp
        self.inbound: dict[int, ChildSa] = {}
        self.outbound: dict[int, ChildSa] = {}
        self.traps: dict[tuple[str, str], Trap] = {}
        self.shunted: frozenset[Shunted] | None = None  # before it is told
        self.protected: dict[tuple[str, str], Protected] | None = None  # before it is told
        self.kept_protected = False
        self.received: list[bytes] = []
        self.dropped = Drops()
        self.counted: dict[int, Counters] = {}  # other than what is always there
        self.outlived = outlived
        self.refuse = ""  # a reason, if nothing is to be installed
        self.exhausted = False  # whether there are no SPIs to be had
        self.trap_needs_host = False  # as the kernel's
        self.reqid = 0  # what it gives the pairs
        self.closed = False
        self.broken = 0  # how often it was asked and could not
        self.usable = frozenset({"127.0.0.1", "127.0.0.2"})  # addresses of the host
        self.followed = 0  # how often
        self.held: list[str] = []  # virtual addresses
        self.reaches: dict[str, Reach] = {}  # what is routed into the tunnels of each
        self._bell = os.eventfd(0)

    def break_down(self) -> None:
        """Have something to say, and not be able to say it."""
        os.eventfd_write(self._bell, 1)

    def _break_down(self) -> None:
        self.broken += 1
        raise PlaneError("its device is gone")

    separates_clients = False

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        pass

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        if self.exhausted:
            raise PlaneError("no SPI to be had: the kernel is full")
        return drawn(os.urandom, protocol)

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        alive = {child.inbound.spi: child for child in children if child.inbound.spi in self.outlived}
        self.inbound |= alive
        self.outbound |= alive
        return frozenset(alive)

    def install_inbound(self, child: ChildSa) -> int:
        if self.refuse:
            raise PlaneError(self.refuse)
        self.inbound[child.inbound.spi] = child
        return self.reqid

    def install_outbound(self, child: ChildSa) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
        self.outbound[child.inbound.spi] = child

    def remove(self, child: ChildSa) -> None:
        self.inbound.pop(child.inbound.spi, None)
        self.outbound.pop(child.inbound.spi, None)

    def move(self, child: ChildSa) -> None:
        self.outbound[child.inbound.spi] = child

    def counters(self, child: ChildSa) -> Counters:
        if self.refuse:
            raise PlaneError(self.refuse)
        if child.inbound.spi in self.counted:
            return self.counted[child.inbound.spi]
        return Counters(168, 2, 252, 3, 0.0, None) if child.inbound.spi in self.inbound else Counters()

    def drops(self) -> Drops:
        return self.dropped

    def install_trap(self, trap: Trap) -> None:
        if self.trap_needs_host and not trap.remote_host:
            raise PlaneError("the address of the peer is not known")
        self.traps[trap.connection, trap.tunnel] = trap

    def remove_trap(self, connection: str, tunnel: str) -> None:
        self.traps.pop((connection, tunnel), None)

    def follow(self) -> None:
        self.followed += 1

    def addresses(self) -> frozenset[str]:
        return self.usable

    def hold_address(self, address: str, reach: Reach = EVERYTHING) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
        if address not in self.held:
            self.held.append(address)
        self.reaches[address] = reach

    def release_address(self, address: str) -> None:
        self.held.remove(address)

    def receive(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        self.received += map(bytes, packets)

    def readers(self) -> Sequence[Reader]:
        return [(self._bell, self._break_down)]

    def protect(self, traffic: Collection[Protected]) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
        self.protected = {(protected.connection, protected.tunnel): protected for protected in traffic}

    def shunt(self, traffic: Collection[Shunted]) -> None:
        if self.refuse:
            raise PlaneError(self.refuse)
        self.shunted = frozenset(traffic)

    def interfaces(self, wanted: Collection[RoutedInterface]) -> None:
        self.routed = tuple(wanted)

    def close(self, *, keep_protected: bool = False) -> None:
        self.kept_protected = keep_protected
        if not self.closed:
            os.close(self._bell)
        self.closed = True


@dataclass
class Side:
    """One gateway, and what a test wants to see of it."""

    gateway: Gateway
    plane: CountingPlane
    control: Path
    lines: list[Line]
    endpoint: Endpoint
    store: SqliteStore
    again: Callable[..., AbstractAsyncContextManager[Side]]
    """The next gateway in the same place, for when this one is no more; ``outlived`` as for `CountingPlane`."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def die(self) -> None:
        """Take network and files away, as the end of a process does."""
        self.endpoint.close()
        self.store.close()
        self.control.unlink()

    def __post_init__(self) -> None:
        self.gateway.observers.append(lambda _: self._changed.set())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the event after which ``condition`` holds."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]


Scenario = Callable[[Side, Side], Awaitable[None]]
Meet = Callable[..., None]


def free_ports(host: str) -> tuple[int, int]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        first.bind((host, 0))
        second.bind((host, 0))
        return first.getsockname()[1], second.getsockname()[1]


def connection(own: str, peer: str, peer_port: int, networks: Sequence[str], start: Start = Start.NONE) -> Connection:
    local, remote = map(Selector.parse, networks)
    tunnel = Tunnel("net", local, remote, (IpsecProposal(ESP_AES128_SHA256),), start=start)
    return Connection(
        name="branch",
        policies=(Policy(1, AES128_SHA256_ECP256),),
        tunnels=(tunnel,),
        secret=b"between the two of us",
        local_address=own,
        remote_address=peer,
        remote_port=peer_port,
    )


@contextlib.asynccontextmanager
async def _serving(
    settings: Settings,
    host: str,
    ports: tuple[int, int],
    control: Path,
    reloaded: Callable[[], Settings],
    clock: Callable[[], float] | None,
    wall: Callable[[], float],
    outlived: Mapping[int, ChildSa] = _NONE,
    users: BackendOptions = BackendOptions(),  # noqa: B008  it cannot change
) -> AsyncIterator[Side]:
    lines: list[Line] = []
    log = EventLog()
    log.attach(Level.DEBUG, lines.append)
    planes: list[CountingPlane] = []

    def make_plane(listener: Listener, send_udp: SendUdp) -> CountingPlane:
        planes.append(CountingPlane(listener, send_udp, outlived))
        return planes[0]

    endpoint, store = Endpoint(log, *ports, (host,)), SqliteStore(control.with_suffix(".sqlite"))
    chosen = PlaneChoice("counting", "it is a test", make_plane)
    gateway = Gateway(
        settings,
        endpoint,
        chosen,
        log,
        load=reloaded,
        users=lambda: users,
        journal=control.with_suffix(".hooks"),
        store=store,
        clock=clock,
        wall=wall,
    )
    gateway.start()
    vici = ViciServer(gateway, control)
    await vici.start()
    try:
        again = partial(_serving, settings, host, ports, control, reloaded, clock, wall)
        yield Side(gateway, planes[0], control, lines, endpoint, store, again)
    finally:
        await vici.close()
        await gateway.close()


@pytest.fixture
def meet(tmp_path: Path) -> Meet:
    """Run a scenario with two gateways: ``ours`` (127.0.0.1) calls ``theirs`` (127.0.0.2).

    ``change`` alters our connection, ``their_change`` theirs, ``settings`` and ``their_settings`` the settings;
    ``reloaded`` is what our gateway reads when told to; ``their_users`` is how theirs checks users; ``clock`` is that
    of both, and also their wall clock, which is otherwise ``wall``.
    """

    def run(
        scenario: Scenario,
        *,
        change: Callable[[Connection], Connection] = lambda unchanged: unchanged,
        their_change: Callable[[Connection], Connection] = lambda unchanged: unchanged,
        settings: Callable[[Settings], Settings] = lambda unchanged: unchanged,
        their_settings: Callable[[Settings], Settings] = lambda unchanged: unchanged,
        reloaded: Callable[[Settings], Settings] | None = None,
        start: Start = Start.NONE,
        clock: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
        their_users: BackendOptions = BackendOptions(),  # noqa: B008
    ) -> None:
        hosts, ports = ("127.0.0.1", "127.0.0.2"), (free_ports("127.0.0.1"), free_ports("127.0.0.2"))
        networks = ("10.1.0.0/16", "10.2.0.0/16")
        ours = change(connection(*hosts, ports[1][0], networks, start))
        theirs = their_change(connection(hosts[1], hosts[0], ports[0][0], networks[::-1]))
        of_theirs = their_settings(Settings(connections=(theirs,), encapsulation_port=ports[1][1]))
        our_settings = settings(Settings(connections=(ours,), encapsulation_port=ports[0][1]))

        def load() -> Settings:
            if reloaded is None:
                raise ConfigError(
                    (Finding(Path("ikev1.toml"), "connection.branch", Rule.UNREADABLE_FILE, "cannot be read"),)
                )
            return reloaded(our_settings)

        clocks = clock, clock or wall

        async def meeting() -> None:
            async with (
                _serving(
                    of_theirs,
                    hosts[1],
                    ports[1],
                    tmp_path / "theirs.vici",
                    lambda: of_theirs,
                    clock,
                    clock or wall,
                    users=their_users,
                ) as them,
                _serving(our_settings, hosts[0], ports[0], tmp_path / "ours.vici", load, *clocks) as us,
            ):
                await scenario(us, them)

        asyncio.run(meeting())

    return run


@pytest.fixture
def impatient() -> Callable[[Settings], Settings]:
    """Settings that give a silent peer up soon."""
    return lambda settings: replace(
        settings, retransmit_tries=1, retransmit_timeout=0.05, retransmit_base=1.0, retransmit_jitter=0.0
    )


@pytest.fixture
def counting_plane() -> type[CountingPlane]:
    """The class of the data plane that only counts."""
    return CountingPlane
