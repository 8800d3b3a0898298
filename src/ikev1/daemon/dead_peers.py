"""What is known of the traffic with peers, and what happens to the tunnels of a dead one (``dpd_action``)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.actions import AskTraffic
from ikev1.core.records.answers import PairTraffic, Traffic
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Code, Event, Failure
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Connection, DpdAction, Settings, Start, Tunnel
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.traps import Traps
from ikev1.esp.plane import Counters

_ISAKMP = 500


class DeadPeers:
    """Observes which peers are found dead, and has ``autostart`` do what the connection says."""

    def __init__(self, autostart: Autostart, traps: Traps, settings: Callable[[], Settings]) -> None:
        self._autostart = autostart
        self._traps = traps
        self._settings = settings

    def observe(self, event: Event) -> None:
        """Act on the tunnels of a dead peer. Their end has not been reported yet."""
        if not isinstance(event, Failure) or event.code != Code.PEER_DEAD or event.sa is None:
            return
        connection = self._settings().connection(event.sa.connection)
        if connection is None:
            return
        down = {child.name for child in event.sa.children if child.state is ChildState.INSTALLED}
        for tunnel in connection.tunnels:
            if tunnel.name in down:
                self._act(connection, tunnel)

    def _act(self, connection: Connection, tunnel: Tunnel) -> None:
        match action_for(connection, tunnel):
            case DpdAction.RESTART if tunnel.start is not Start.START:  # that one is revived when it goes down
                self._autostart.call_again(connection.name, tunnel.name)
            case DpdAction.TRAP if (connection.name, tunnel.name) not in self._traps.installed:
                self._autostart.release(connection.name, tunnel.name)
                self._traps.install(connection, tunnel)
            case DpdAction.CLEAR:
                self._autostart.release(connection.name, tunnel.name)


def action_for(connection: Connection, tunnel: Tunnel) -> DpdAction:
    """What happens to ``tunnel`` if its peer is dead: by default what ``start`` says."""
    by_start = {Start.START: DpdAction.RESTART, Start.TRAP: DpdAction.TRAP, Start.NONE: DpdAction.CLEAR}
    return connection.dpd_action or by_start[tunnel.start]


def traffic_of(asked: AskTraffic, counters: Callable[[ChildSa], Counters]) -> Traffic:
    """The answer to a question about the traffic of pairs."""
    pairs: list[PairTraffic] = []
    receives = False
    for number, child in enumerate(asked.children):
        if receives and number >= asked.each:
            break
        counted = counters(child)
        pairs.append(PairTraffic(child.inbound.spi, counted.idle_in, counted.idle_out))
        receives = receives or (counted.idle_in is not None and counted.idle_in < asked.within)
    return Traffic(tuple(pairs))


def isakmp_path(path: UdpPath, port: int) -> UdpPath:
    """The path for ISAKMP to the sender of ESP on ``path``, which has no ports without UDP; ``port`` is our own."""
    return path if path.remote_port else path._replace(local_port=port, remote_port=_ISAKMP)
