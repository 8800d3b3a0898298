"""What the gateway is doing, as metrics of Prometheus; names and labels are stable.

Everything is read from records and counters that exist anyway, when a scrape asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.metrics.loop_lag import LoopLag
from ikev1.daemon.metrics.traffic import Amount, Place, Traffic
from ikev1.daemon.observe.event_counters import REKEYED

Labels = TypeVar("Labels", bound=tuple[str, ...])

_RETRANSMIT, _PEER_DEAD = f"note-{Code.RETRANSMIT}", f"failed-{Code.PEER_DEAD}"
_UP, _FAILED = "ike-up", "failed-"


class Snapshot(Collector):
    """The metrics of one moment, for the encoders of prometheus_client."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """The metrics."""
        return self._metrics


class GatewayMetrics:
    """Takes snapshots of ``gateway``. With ``users``, the names of remote users are in them."""

    def __init__(self, gateway: Gateway, *, users: bool = False) -> None:
        self._gateway = gateway
        self._users = users
        self._traffic = Traffic(gateway.counters_of)
        self._lag = LoopLag()
        gateway.removing.append(self._traffic.removing)

    def start(self) -> None:
        """Measure the delay of the running event loop from now on."""
        self._lag.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._lag.stop()

    async def snapshot(self) -> Snapshot:
        """All metrics; other work has its turn while they are read."""
        sas = tuple(self._gateway.engine.sas.values())
        totals = await self._traffic.totals(sas, self._gateway.settings)
        return Snapshot(
            [
                *_sas(sas),
                *self._tunnels(),
                *_amounts(totals),
                *_events(self._gateway.counters.by_connection, self._gateway.counters.without_sa),
                *self._process(),
                *(_connected(sas) if self._users else ()),
            ]
        )

    def _tunnels(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "ikev1_tunnel_up",
            "Whether a configured tunnel carries traffic; start is what brings it up.",
            labels=("connection", "tunnel", "start"),
        )
        for connection in self._gateway.settings.connections:
            installed = self._gateway.tunnels_up(connection.name)
            for tunnel in connection.tunnels:
                up.add_metric((connection.name, tunnel.name, str(tunnel.start)), int(tunnel.name in installed))
        yield up

    def _process(self) -> Iterator[Metric]:
        gateway = self._gateway
        plane = GaugeMetricFamily("ikev1_data_plane", "1, with the name of the data plane.", labels=("data_plane",))
        plane.add_metric((gateway.chosen.name,), 1)
        yield plane
        yield GaugeMetricFamily("ikev1_uptime_seconds", "Since the start.", gateway.now() - gateway.started_at)
        yield GaugeMetricFamily("ikev1_half_open", "Phase 1 exchanges of unproved peers.", gateway.engine.half_open)
        yield GaugeMetricFamily(
            "ikev1_event_loop_lag_seconds", "The longest delay of a timer in the last minute.", self._lag.worst
        )
        dropped = CounterMetricFamily(
            "ikev1_dropped_packets", "Packets dropped that belong to no pair of IPsec SAs.", labels=("reason",)
        )
        for reason, count in gateway.drops.moved().items():
            dropped.add_metric((reason,), count)
        yield dropped


def _sas(sas: tuple[IkeSa, ...]) -> Iterator[Metric]:
    isakmp = Counter((sa.connection, str(sa.state)) for sa in sas)
    ipsec = Counter((child.connection, child.name, str(child.state)) for sa in sas for child in sa.children)
    yield _gauges("ikev1_isakmp_sas", "ISAKMP SAs.", ("connection", "state"), isakmp)
    yield _gauges("ikev1_ipsec_sas", "Pairs of IPsec SAs.", ("connection", "tunnel", "state"), ipsec)


def _connected(sas: tuple[IkeSa, ...]) -> Iterator[Metric]:
    users = Counter((sa.connection, sa.user_name) for sa in sas if sa.user is not None and sa.is_current)
    yield _gauges("ikev1_user_sessions", "ISAKMP SAs of remote users.", ("connection", "user"), users)


def _gauges(name: str, text: str, labels: tuple[str, ...], counts: Mapping[Labels, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _amounts(totals: Mapping[Place, Amount]) -> Iterator[Metric]:
    labels = "connection", "tunnel", "direction"
    octets = CounterMetricFamily("ikev1_tunnel_bytes", "Octets of the inner packets.", labels=labels)
    packets = CounterMetricFamily("ikev1_tunnel_packets", "Packets.", labels=labels)
    for place, amount in totals.items():
        octets.add_metric((*place, "in"), amount.bytes_in)
        octets.add_metric((*place, "out"), amount.bytes_out)
        packets.add_metric((*place, "in"), amount.packets_in)
        packets.add_metric((*place, "out"), amount.packets_out)
    yield octets
    yield packets


def _events(by_connection: Mapping[str, Counter[str]], without_sa: Counter[str]) -> Iterator[Metric]:
    handshakes = CounterMetricFamily(
        "ikev1_handshakes",
        "Phase 1 exchanges that were established, and failures by their code; no connection: of a peer without an SA.",
        labels=("connection", "result"),
    )
    others = {
        _RETRANSMIT: CounterMetricFamily("ikev1_retransmissions", "Messages sent again.", labels=("connection",)),
        REKEYED: CounterMetricFamily("ikev1_ipsec_rekeys", "Pairs that replaced another one.", labels=("connection",)),
        _PEER_DEAD: CounterMetricFamily("ikev1_dead_peers", "Peers found dead.", labels=("connection",)),
    }
    for connection, counts in (*by_connection.items(), ("", without_sa)):
        for name, count in counts.items():
            if name == _UP:
                handshakes.add_metric((connection, "established"), count)
            elif name.startswith(_FAILED):
                handshakes.add_metric((connection, name.removeprefix(_FAILED)), count)
            if name in others:
                others[name].add_metric((connection,), count)
    yield handshakes
    yield from others.values()
