"""A gateway of a simulated world: an engine with a clock, a store, a data plane that carries packets, and a process
that can be killed.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, Forget, InstallInbound, InstallOutbound, Keep, Move, Remove, Send
from ikev1.core.records.answers import Answer
from ikev1.core.records.child_sa import ChildSa, IpsecKeys
from ikev1.core.records.events import Code, Event, Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Settings
from ikev1.wire.registry import ProtocolId
from playbook import Datagram, Peer
from simulated.invariants import Violation

if TYPE_CHECKING:
    from simulated.world import World

_WINDOW = 64  # packets
_WAITS = (2.0, 20.0)  # seconds from one call to the next: the first, and the longest
ESP = "ESP"


class _KilledError(BaseException):
    """The process ends here."""


class Clock:
    """The network as a node sees it, with the time that its own clock shows."""

    def __init__(self, world: World, offset: float, rate: float) -> None:
        self._world, self._rate = world, rate
        self._offset = offset + world.now * (1 - rate)  # where the clocks show the same but for ``offset``
        self.reborn = False

    @property
    def now(self) -> float:
        """What the clock shows."""
        return self._world.now * self._rate + self._offset

    def of_world(self, shown: float) -> float:
        """The time of the world at which it shows that; not before now."""
        return max((shown - self._offset) / self._rate, self._world.now)

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the link."""
        self._world.send(datagram)

    def other(self, peer: Peer) -> Peer:
        """Nobody: a node says whom it calls."""
        raise LookupError(f"{peer.name} calls nobody in particular")


class Opened(NamedTuple):
    """A packet that a node decrypted."""

    source: str
    destination: str


class Node(Peer):
    """A gateway.

    Attributes:
        is_down: no process runs.
        keeps_esp: the data plane goes on while no process runs, and its SAs are taken over by the next one.
        received: the packets that came out of its tunnels.
        came_early: how many packets came with a pair with which this node did not receive yet.
        heard_at: by the world's clock, when the last packet or message of each peer came.
    """

    def __init__(self, world: World, name: str, address: str, settings: Settings, clock: Clock) -> None:
        super().__init__(clock, name, address, settings)  # type: ignore[arg-type]
        self.world = world
        self.clock = clock
        self.is_down = False
        self.keeps_esp = False
        self.received: list[Opened] = []
        self.came_early = 0
        self.carriers: dict[tuple[Selector, Selector], list[ChildSa]] = {}  # outbound SAs, the one that sends last
        self.sequences: dict[int, int] = {}  # by inbound SPI: the last that was sent
        self.windows: dict[int, tuple[int, int]] = {}  # by inbound SPI: the highest that came, and a bit for each lower
        self.received_at: dict[int, float] = {}  # by inbound SPI: when the newest packet came, by the node's clock
        self.sent_at: dict[int, float] = {}
        self._writes_left = math.inf
        self._killed_for = 0.0
        self._events_read = 0
        self._deadline: float | None = None  # of the engine, until it does something
        self._waits: dict[
            tuple[str, str], tuple[float, float]
        ] = {}  # by host and tunnel: not before, and the wait then

    # --- the process

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrives."""
        if datagram.label == ESP:
            self._open(datagram)
        elif not self.is_down:
            self.take(datagram)

    def take(self, datagram: Datagram) -> None:
        """A message of IKE arrives."""
        super().receive(datagram)

    def get_timer(self) -> float:
        """When the engine wants to be called, by the world's clock."""
        if self.is_down:
            return math.inf
        if self._deadline is None:
            self._deadline = self.engine.deadline()
        return self.clock.of_world(self._deadline)

    def handle_timer(self) -> None:
        """Do what is due."""
        if not self.is_down and self.get_timer() <= self.world.now:
            now = max(self.clock.now, self.engine.deadline())  # converted there and back it may be a hair before
            self.does(lambda engine: engine.expire(now))

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """Have the engine do something, unless the process is killed in the middle of it."""
        if self.is_down:
            return
        self._deadline = None
        try:
            super().does(lambda engine: self._written(wish(engine)))
        except _KilledError:
            self.world.at(self._killed_for, self.goes_on)
        while self._events_read < len(self.events):  # a model that reacts to one has more of them
            event = self.events[self._events_read]
            self._events_read += 1
            if isinstance(event, Failure) and event.code is Code.INTERNAL_ERROR:
                raise Violation(f"{self.name}: {event.text}")
            self.world.note(self, event)
            if isinstance(event, Failure):
                self.failed(event)
            else:
                self.happened(event)
        if len(self.events) > 400:
            del self.events[:200]
            self._events_read -= 200

    def wishes(self, wish: Callable[[Engine, int, float], list[Action]], number: int) -> None:
        """Call a method of the engine for the SA of this number."""
        self.does(lambda engine: wish(engine, number, self.network.now))

    def happened(self, event: Event) -> None:
        """The engine reports an event. Models react to it."""

    def failed(self, failure: Failure) -> None:
        """The engine reports that something did not work. Models react to it."""

    def is_killed_for(self, seconds: float, *, forgets: bool = False) -> None:
        """The process ends without a word, and another one begins after so long; with ``forgets``, on another disk and
        in another kernel.
        """
        self._dies()
        if forgets:
            self.stored.clear()
            self.inbound.clear()
            self.outbound.clear()
            self.carriers.clear()
        self.world.at(seconds, self.goes_on)

    def is_killed_in_store(self, writes: int, seconds: float) -> None:
        """The process ends before it writes to the store once more than ``writes`` times."""
        self._writes_left, self._killed_for = writes, seconds

    def is_not_killed(self) -> None:
        """What `is_killed_in_store` said does not happen any more."""
        self._writes_left = math.inf

    def _dies(self) -> None:
        self.is_down = True
        self.world.died_at = self.world.now
        self._writes_left = math.inf
        if not self.keeps_esp:
            self.carriers.clear()

    def goes_on(self) -> None:
        """A process begins with what is in the store, and with the SAs that the data plane still has."""
        if not self.is_down:
            return
        self.is_down = False
        known = {child.inbound.spi for sa in self.stored.values() for child in sa.children}
        both = {child.inbound.spi for children in self.carriers.values() for child in children}  # directions
        alive = both & known if self.keeps_esp else set()
        for traffic, children in list(self.carriers.items()):
            self.carriers[traffic] = [child for child in children if child.inbound.spi in alive]
        self.is_killed(*alive)

    # --- what the engine asks for

    def _perform(self, action: Action, following: Action | None) -> Answer | None:
        if isinstance(action, (Keep, Forget)):
            return None  # `_written` did it
        if isinstance(action, Send) and self.withholds(action, following):
            return None
        answer = super()._perform(action, following)
        match action:
            case InstallInbound(_, child):
                self.world.esp_keys.installed(self.name, child)
            case InstallOutbound(_, child) if type(action) not in self.refuses:
                self.carriers.setdefault((child.local, child.remote), []).append(child)
            case Remove(child):
                self._drop(child)
            case Move(child):
                self._relocate(child)
        return answer

    def _answered(self, request: int, answer: Answer) -> list[Action]:
        return self._written(super()._answered(request, answer))

    def _written(self, actions: list[Action]) -> list[Action]:
        """What the engine asks for, once the store has all of it that is for the store, in one write as the daemon
        does it; the process may end before that.
        """
        changes = [action for action in actions if isinstance(action, (Keep, Forget))]
        if changes:
            if self._writes_left <= 0:
                self._dies()
                raise _KilledError
            self._writes_left -= 1
        for change in changes:
            if isinstance(change, Keep):
                self.stored[change.sa.cookies] = change.sa
            else:
                self.stored.pop(change.sa.cookies, None)
        return actions

    def withholds(self, send: Send, following: Action | None) -> bool:
        """Whether this node does not send what its engine wants to send. Models differ."""
        return False

    def _drop(self, child: ChildSa) -> None:
        for children in self.carriers.values():
            children[:] = [other for other in children if other.inbound.spi != child.inbound.spi]

    def _relocate(self, child: ChildSa) -> None:
        moved = self.inbound.get(child.inbound.spi)
        for children in self.carriers.values():
            children[:] = [moved if moved and each.inbound.spi == child.inbound.spi else each for each in children]

    # --- packets

    def carrier(self, destination: Selector) -> ChildSa | None:
        """The pair that carries packets to this network."""
        if self.is_down and not self.keeps_esp:
            return None
        for (_, remote), children in self.carriers.items():
            if children and remote.contains(destination):
                return children[-1]
        return None

    def sends(self, source: str, destination: str) -> bool:
        """Send a packet from one network to another; whether a pair carries it."""
        child = self.carrier(network(destination))
        if child is None:
            return False
        spi = child.inbound.spi
        self.sequences[spi] = sequence = self.sequences.get(spi, 0) + 1
        self.sent_at[spi] = self.network.now
        self.world.esp_keys.sent(self.name, child, sequence)
        inner = f"{source} {destination}".encode()
        octets = child.outbound.spi.to_bytes(4) + sequence.to_bytes(4) + inner
        path, ports = child.path, (child.path.local_port, child.path.remote_port)
        local, remote = ports if child.udp_encapsulation else (0, 0)
        self.world.send(
            Datagram(
                (path.local_host, local),
                (path.remote_host, remote),
                octets + _tag(child.outbound, octets),
                ESP,
                self.name,
            )
        )
        return True

    def _open(self, datagram: Datagram) -> None:
        if self.is_down and not self.keeps_esp:
            return
        octets, tag = datagram.octets[:-16], datagram.octets[-16:]
        spi, sequence = int.from_bytes(octets[:4]), int.from_bytes(octets[4:8])
        child = self.inbound.get(spi)
        if child is None:
            self.knows_no(spi, datagram)
            return
        if not hmac.compare_digest(tag, _tag(child.inbound, octets)):
            return
        if not self.receives_with(child):
            self.came_early += 1
            return
        if not self._is_new(spi, sequence):
            return
        source, destination = octets[8:].decode().split()
        if not child.remote.contains(network(source)) or not child.local.contains(network(destination)):
            raise Violation(f"{self.name} opens a packet from {source} to {destination} of another pair")
        self.received.append(Opened(source, destination))
        self.received_at[spi] = self.network.now
        sends_with = any(each.inbound.spi == spi for children in self.carriers.values() for each in children)
        if not sends_with:
            self.does(lambda engine: engine.peer_sends(spi, self.network.now))
        if child.udp_encapsulation and not self.is_down:
            path = UdpPath(*datagram.destination, *datagram.source)
            self.does(lambda engine: engine.peer_moved(spi, path, self.network.now))

    def receives_with(self, child: ChildSa) -> bool:
        """Whether the data plane has the inbound SA of a pair that the engine has installed. Models differ."""
        return True

    def knows_no(self, spi: int, datagram: Datagram) -> None:
        """A packet came with an SPI that no pair has."""
        local, remote = datagram.destination, datagram.source
        path = UdpPath(local[0], local[1] or 500, remote[0], remote[1] or 500)
        self.does(lambda engine: engine.unknown_spi(spi, ProtocolId.ESP, path, self.network.now))

    def _is_new(self, spi: int, sequence: int) -> bool:
        """Whether the replay window lets a packet pass (RFC 4303 §3.4.3)."""
        highest, bits = self.windows.get(spi, (0, 0))
        if sequence > highest:
            bits, highest = bits << (sequence - highest) | 1, sequence
        elif highest - sequence >= _WINDOW or bits >> (highest - sequence) & 1:
            return False
        else:
            bits |= 1 << (highest - sequence)
        self.windows[spi] = highest, bits & (1 << _WINDOW) - 1
        return True

    # --- calling

    def keeps_up(self, host: str, connection: str, tunnel: str, destination: str) -> None:
        """Call a peer to whose network no pair carries packets, as a daemon does that keeps a tunnel up."""
        now, key = self.world.now, (host, tunnel)
        if self.is_down:
            return
        if self.carrier(network(destination)) is not None:
            self._waits.pop(key, None)
            return
        not_before, wait = self._waits.get(key, (now, _WAITS[0]))
        if now < not_before or self.engine.is_under_way(connection, tunnel):
            return
        self._waits[key] = (now + wait, min(2 * wait, _WAITS[1]))
        self.calls(tunnel, connection=connection, host=host)

    # --- what it has

    def sas_with(self, connection: str) -> list[IkeSa]:
        """The ISAKMP SAs that are up."""
        return [sa for sa in self.engine.of_connection(connection) if sa.is_up]

    def pairs_with(self, connection: str) -> list[ChildSa]:
        """The pairs of a connection, whichever ISAKMP SA they have."""
        return [child for sa in self.engine.of_connection(connection) for child in sa.complete_children]


@lru_cache(maxsize=64)
def network(text: str) -> Selector:
    """A network."""
    return Selector.parse(text)


def _tag(keys: IpsecKeys, octets: bytes) -> bytes:
    """Proves that a packet was sent with these keys."""
    return hmac.digest(keys.encryption_key + keys.integrity_key, octets, hashlib.sha256)[:16]
