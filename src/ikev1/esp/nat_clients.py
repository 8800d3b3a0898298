"""Peers in transport mode that share an address: clients behind one NAT (RFC 3948 §5.2).

Their packets have the address of the NAT, and often the same port: every Windows client sends L2TP from port 1701. Only
the SA of a packet identifies the peer. So each flow, as the local programs see it, is assigned to one peer:

- The packets of the first peer that uses a port are not changed.
- The source port of packets from the same port of another peer is replaced by a free one, from 49152 on. In packets to
  that port, the original one is restored; they are sent through an SA of that peer.
- If a local program sends first, its packet goes to the only peer at the address whose selectors match; if there are
  several, it is dropped.

The assignment remains when pairs are rekeyed or move, when the ISAKMP SA is renewed, for `_SILENT` seconds of silence,
and for `_FORGOTTEN` after the last pair was removed, so that packets for a peer that has gone do not reach another one.
A protocol without ports is assigned to the first peer that sends it.

The more peers share an address, the fewer flows each of them may begin, so that a few cannot take all ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa
from ikev1.esp.checksum import updated
from ikev1.esp.inner import CHECKSUM_AT, UDP, UDP_LITE, decode, matches, parse
from ikev1.esp.sa_pair import SaPair
from ikev1.esp.shared_peers import SharedPeer, SharedPeers

_FORGOTTEN = 300.0  # seconds
_SILENT = 7440.0  # seconds: 2 hours and 4 minutes (RFC 5382 §5, REQ-5)
_MOST_FLOWS, _LEAST_FLOWS = 4096, 64  # of one peer: if it has its address for itself, and if it shares it with many
_FIRST_PORT, _PORTS = 49_152, 16_384  # RFC 6335 §6: dynamic ports
_MOST_TRIES = 512  # ports that are looked at for a new flow
_SWEEP = 60.0  # seconds between two looks for flows that can be forgotten


class _Client(SharedPeer):
    """A peer: its pairs that send, the newest last, and its flows by the key of the packets that it sends."""

    __slots__ = ("flows", "pairs")

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[SaPair] = []
        self.flows: dict[bytes, _Flow] = {}


class _Flow:
    """A flow of one peer; the keys are those of `ikev1.esp.inner.parse`, of packets of the peer and of ours."""

    __slots__ = ("client", "inbound", "outbound", "port", "shown", "used_at")

    def __init__(self, client: _Client, inbound: bytes, outbound: bytes, now: float) -> None:
        self.client = client
        self.inbound = inbound  # as the peer sends it
        self.outbound = outbound  # as local programs answer it
        self.port = _source_port(inbound)  # the peer's, and what local programs see
        self.shown = outbound[-2:] if self.port else b""
        self.used_at = now


class Answer(NamedTuple):
    """The pair for outbound packets of a flow, and their new destination port, None if it is not changed."""

    pair: SaPair
    port: bytes | None


class NatClients:
    """The flows of all such peers; times are the caller's, in seconds."""

    def __init__(self) -> None:
        self._clients: SharedPeers[_Client] = SharedPeers()
        self._at: dict[bytes, dict[_Client, None]] = {}  # with pairs that send, by packed address
        self._flows: dict[bytes, _Flow] = {}  # by how local programs answer
        self._next_port = 0
        self._swept_at = 0.0

    def __len__(self) -> int:
        return len(self._flows)

    def join(self, child: ChildSa) -> None:
        """Assign ``child`` to its peer, of which it may be the first pair."""
        self._clients.assign(child, _Client)

    def add(self, pair: SaPair) -> None:
        """Use ``pair`` to send to its peer, instead of older ones."""
        client = self._clients.assign(pair.child, _Client)
        client.pairs.append(pair)
        self._at.setdefault(pair.child.remote.first, {})[client] = None

    def remove(self, pair: SaPair) -> None:
        """Stop to use ``pair``; the newest of the other pairs of the peer sends."""
        client = self._clients.of(pair.child)
        if client is None:
            return
        client.pairs = [other for other in client.pairs if other is not pair]
        client.spis.discard(pair.child.inbound.spi)
        self._leave(client, pair.child.remote.first)
        if not client.spis and not client.flows:
            self._clients.forget(client)

    def moving(self, pair: SaPair, child: ChildSa) -> None:
        """``pair`` is about to be replaced by ``child``, at another address or port."""
        client = self._clients.of(pair.child)
        if client is None or pair.child.path == child.path:
            return
        self._clients.forget_names(client)
        host = pair.child.remote.first
        if host != child.remote.first and pair in client.pairs:
            self._leave(client, host, leaving=pair)
            self._at.setdefault(child.remote.first, {})[client] = None

    def inbound(self, pair: SaPair, packets: Sequence[bytes], now: float) -> list[bytes]:
        """``packets``, received with ``pair``, as they are passed to local programs. Packets without a flow, for
        which none can be made, are dropped and counted.
        """
        client, seen = self._clients.of(pair.child), []
        for packet in packets:
            key, upper, _ = parse(packet)
            host = pair.child.remote.first
            flow = (client.flows.get(key) or self._claim(client, key, host, now)) if client is not None else None
            if flow is None:
                pair.selector_drops += 1
                continue
            flow.used_at = now
            seen.append(packet if flow.shown == flow.port else _with_port(packet, key[0], upper, flow.shown))
        return seen

    def outbound(self, key: bytes, now: float) -> Answer | None:
        """The pair for packets of the flow ``key`` of local programs; None if they are dropped."""
        flow = self._flows.get(key) or self._begin(key, now)
        if flow is None:
            return None
        flow.used_at = now
        if not flow.client.pairs:
            return None
        return Answer(flow.client.pairs[-1], None if flow.shown == flow.port else flow.port)

    def knows(self, key: bytes) -> bool:
        """Whether the flow ``key`` of local programs belongs to a peer."""
        return key in self._flows

    def _claim(self, client: _Client, inbound: bytes, host: bytes, now: float) -> _Flow | None:
        self._sweep(now)
        if not self._may_begin(client, host):
            return None
        plain = _reverse(inbound)
        for outbound in (plain, *self._other_ports(plain)):
            if outbound not in self._flows:
                return self._add(client, inbound, outbound, now)
        return None

    def _may_begin(self, client: _Client, host: bytes) -> bool:
        """Whether ``client`` at ``host`` may have one flow more."""
        return len(client.flows) < max(_LEAST_FLOWS, _MOST_FLOWS // max(1, len(self._at.get(host, ()))))

    def _begin(self, outbound: bytes, now: float) -> _Flow | None:
        """A flow that a local program begins."""
        self._sweep(now)
        flow = decode(outbound)
        found: _Client | None = None
        for client in self._at.get(flow.destination, ()):
            child = client.pairs[-1].child
            if matches(flow, child.local, child.remote):
                if found is not None:
                    return None
                found = client
        inbound = _reverse(outbound)
        if found is None or inbound in found.flows or not self._may_begin(found, flow.destination):
            return None
        return self._add(found, inbound, outbound, now)

    def _add(self, client: _Client, inbound: bytes, outbound: bytes, now: float) -> _Flow:
        flow = client.flows[inbound] = self._flows[outbound] = _Flow(client, inbound, outbound, now)
        return flow

    def _other_ports(self, outbound: bytes) -> Iterator[bytes]:
        """The same flow to other ports of the peer; there are none without ports."""
        if not _source_port(outbound):
            return
        for _ in range(_MOST_TRIES):
            self._next_port = (self._next_port + 1) % _PORTS
            yield outbound[:-2] + (_FIRST_PORT + self._next_port).to_bytes(2)

    def _leave(self, client: _Client, host: bytes, leaving: SaPair | None = None) -> None:
        """Note that ``client`` has no pair at ``host`` any more, if that is so."""
        if all(pair is leaving or pair.child.remote.first != host for pair in client.pairs):
            there = self._at.get(host, {})
            there.pop(client, None)
            if not there:
                self._at.pop(host, None)

    def _sweep(self, now: float) -> None:
        """Forget flows that have been silent for too long, and peers without pairs and flows."""
        if now - self._swept_at < _SWEEP:
            return
        self._swept_at = now
        for client in {flow.client for flow in self._flows.values()}:
            limit = _SILENT if client.spis else _FORGOTTEN
            for flow in [flow for flow in client.flows.values() if now - flow.used_at >= limit]:
                del client.flows[flow.inbound], self._flows[flow.outbound]
            if not client.spis and not client.flows:
                self._clients.forget(client)


def redirected(packet: bytes, port: bytes) -> bytes:
    """``packet`` to another destination port."""
    key, upper, _ = parse(packet)
    return _with_port(packet, key[0], upper + 2, port)


def _with_port(packet: bytes, protocol: int, place: int, port: bytes) -> bytes:
    """``packet`` with ``port`` at octet ``place``, which is the source or the destination port of its upper header."""
    _, upper, _ = parse(packet)
    old = packet[place] << 8 | packet[place + 1]
    changed = packet[:place] + port + packet[place + 2 :]
    at = upper + CHECKSUM_AT.get(protocol, 0)
    if at == upper or at + 2 > len(changed):
        return changed
    checksum = changed[at] << 8 | changed[at + 1]
    if protocol == UDP and not checksum:
        return changed  # RFC 768: there is none
    checksum = updated(checksum, old, int.from_bytes(port))
    if not checksum and protocol in (UDP, UDP_LITE):
        checksum = 0xFFFF
    return changed[:at] + checksum.to_bytes(2) + changed[at + 2 :]


def _source_port(flow: bytes) -> bytes:
    """The source port in a flow, empty if it has none."""
    return flow[-4:-2] if len(flow) in (13, 37) else b""


def _reverse(flow: bytes) -> bytes:
    """The flow of the packets that answer it."""
    width = 4 if len(flow) <= 13 else 16
    source, destination, ports = flow[1 : 1 + width], flow[1 + width : 1 + 2 * width], flow[1 + 2 * width :]
    return flow[:1] + destination + source + ports[2:] + ports[:2]
