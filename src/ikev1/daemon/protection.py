"""Which traffic must not pass in the clear while its tunnel is down, and the data plane's rules for it.

| `start`          | without `when_down`                                          | ``drop`` | ``pass`` |
|------------------|--------------------------------------------------------------|----------|----------|
| ``start, trap``  | always                                                       | always   | never    |
| ``none``         | from its first ``up``, or the peer's, to an operator's ``down`` | always | never    |

The traffic of a pair of IPsec SAs is protected while the pair is installed in any case; the data plane sees to that.

A client in transport mode, as for L2TP, has the address that it was assigned where it is, which no configuration knows.
With ``drop``, its port is protected at the address of its last pair, from that pair on, whoever the other end is: the
program that uses the port would also obey packets in the clear from anybody, and send when the pair is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.peer.connection_lookup import can_call, protected_selectors
from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.events import ChildUp, Event
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel, WhenDown
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import DataPlane, PlaneError, Protected

Key = tuple[str, str]  # connection, tunnel


class Protection:
    """Keeps the protected traffic of ``plane`` up to date.

    A tunnel is *in use* from its first ``up`` to an operator's ``down``; this matters only with ``start = "none"``.
    """

    def __init__(self, plane: DataPlane, log: EventLog) -> None:
        self._plane = plane
        self._log = log
        self._tunnels: dict[Key, tuple[Connection, Tunnel]] = {}
        self._in_use: set[Key] = set()
        self._protected: dict[Key, Protected] = {}
        self._ports: dict[Key, tuple[Selector, Selector]] = {}  # of clients, by their last pairs
        self._applied = False

    def adopt(self, settings: Settings, children: Iterable[ChildSa] = ()) -> None:
        """Apply the protection that ``settings`` require; the tunnels of ``children`` are in use."""
        self._tunnels = {(c.name, t.name): (c, t) for c in settings.connections for t in c.tunnels}
        for child in children:
            self._in_use.add((child.connection, child.name))
            self._learn(child)
        self._in_use &= self._tunnels.keys()
        self._ports = {key: port for key, port in self._ports.items() if key in self._tunnels}
        found = ((key, self._of(key)) for key in self._tunnels)
        self._apply({key: protected for key, protected in found if protected is not None})

    def use(self, connection: str, tunnel: str) -> None:
        """Note that the tunnel comes up for the first time, or that it was requested."""
        key = connection, tunnel
        if key in self._tunnels and key not in self._in_use:
            self._in_use.add(key)
            self._update([key])

    def leave(self, connection: str, tunnel: str | None = None) -> None:
        """Note that an operator closes ``tunnel``, or all tunnels of the connection."""
        keys = [key for key in self._in_use if key[0] == connection and tunnel in (None, key[1])]
        self._in_use.difference_update(keys)
        self._update(keys)

    def observe(self, event: Event) -> None:
        """Note that a tunnel came up, possibly by the peer."""
        if isinstance(event, ChildUp):
            self.use(event.child.connection, event.child.name)
            if self._learn(event.child):
                self._update([(event.child.connection, event.child.name)])

    def _learn(self, child: ChildSa) -> bool:
        """Note the port of a client's pair. Returns whether it is another one than before."""
        key = child.connection, child.name
        connection, tunnel = self._tunnels.get(key, (None, None))
        if connection is None or tunnel is None or not (tunnel.local.port and can_call(connection)):
            return False
        if tunnel.mode is not IpsecMode.TRANSPORT or tunnel.when_down is not WhenDown.DROP:
            return False
        width = len(child.local.first)
        port = child.local, replace(child.remote, first=bytes(width), last=b"\xff" * width, port=0)
        before, self._ports[key] = self._ports.get(key), port
        return before != port

    def _update(self, keys: Iterable[Key]) -> None:
        protected = dict(self._protected)
        for key in keys:
            found = self._of(key)
            if found is not None:
                protected[key] = found
            else:
                protected.pop(key, None)
        self._apply(protected)

    def _of(self, key: Key) -> Protected | None:
        connection, tunnel = self._tunnels[key]
        if not _drops(tunnel, in_use=key in self._in_use):
            return None
        selectors = protected_selectors(connection, tunnel) or self._ports.get(key)
        return Protected(*key, *selectors, tunnel.marks, tunnel.mode) if selectors else None

    def _apply(self, protected: dict[Key, Protected]) -> None:
        if self._applied and protected == self._protected:
            return
        try:
            self._plane.protect(tuple(protected.values()))
        except PlaneError as error:
            # the next change applies everything again
            text = f"traffic of tunnels may pass in the clear while they are down: {error}"
            self._log.write(Level.ERROR, "ESP", text)
            self._applied = False
        else:
            self._applied = True
        self._protected = protected


def _drops(tunnel: Tunnel, *, in_use: bool) -> bool:
    if tunnel.when_down is not None:
        return tunnel.when_down is WhenDown.DROP
    return tunnel.start is not Start.NONE or in_use
