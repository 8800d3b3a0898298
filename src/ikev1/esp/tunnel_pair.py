"""A pair of IPsec SAs in tunnel mode that processes runs of packets together.

A long TCP segment from the TUN device becomes a run of ESP packets, and a run that one system call received becomes a
long segment again, if it was one. The octets, the counters and the verdicts on every packet are those of `SaPair`:
whatever does not have the shape of a run is processed packet by packet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.path import UdpPath
from ikev1.esp.inner import IPV4, IPV6, InnerPacketError, parse
from ikev1.esp.offload import LongSegment, Unit, coalesce
from ikev1.esp.plane import Listener
from ikev1.esp.run_ciphers import FEWEST, MOST, RunCipher, load, run_cipher
from ikev1.esp.sa_pair import LAST_SEQUENCE, Inbound, Packet, SaPair
from ikev1.esp.segments import Run
from ikev1.esp.tcp_runs import Matrix, lay_out, merged, stretches, trailer_of


class TunnelPair(SaPair):
    """As `SaPair`.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """

    __slots__ = ("_opener", "_sealer")

    def __init__(self, child: ChildSa, mtu: int, random: Callable[[int], bytes], listener: Listener) -> None:
        super().__init__(child, mtu, random, listener)
        self._sealer: RunCipher | None = None  # made with the first run in each direction
        self._opener: RunCipher | None = None

    def seal_long(self, segment: LongSegment, now: float) -> Sequence[Packet]:
        """As `SaPair.seal_long`. The packets are valid until the next run of any pair."""
        count = min(segment.whole, MOST)
        length = segment.start + segment.size
        if (
            count < FEWEST
            or segment.tcp % 4  # no IP header ends there
            or self._sequence + count > LAST_SEQUENCE
            or self.bytes_out + count * length >= self._hard_octets
        ):
            return self.seal(segment, now)
        cipher = self._sealer = self._sealer or run_cipher(self.child.suite, self.child.outbound, self._random)
        if cipher is None:
            return self.seal(segment, now)
        outbound = self._sending()
        trailer = outbound.trailers[segment.packet[0] >> 4][length % outbound.alignment]
        rows = cipher.rows(length + len(trailer))
        lay_out(rows.plain[:count], segment, trailer)
        cipher.seal(rows, count, outbound.spi, self._sequence + 1)
        self._sequence += count
        self.bytes_out += count * length
        self._count_out(count, now)
        return [*rows.views[:count], *self.seal(segment.packets(count), now)]

    def open_run(self, run: Run, path: UdpPath, now: float) -> list[Unit]:
        """As `SaPair.open_run`."""
        count = min(len(run.data) // run.size, MOST)
        units = self._open_rows(run, count, path, now) if self.receives and count >= FEWEST else None
        if units is None:
            return coalesce(self.open(run, path, now))
        rest = Run(run.data[count * run.size :], run.size)
        return units + coalesce(self.open(rest, path, now))

    def _open_rows(self, run: Run, count: int, path: UdpPath, now: float) -> list[Unit] | None:
        """Open the first ``count`` packets of ``run``; None if that has to be done one by one: nothing has changed."""
        cipher = self._opener = self._opener or run_cipher(self.child.suite, self.child.inbound, self._random)
        rows = cipher.rows_of(run.size) if cipher is not None else None
        if cipher is None or rows is None:
            return None
        inbound = self._receiving()
        first = load(rows, run.data, count)
        if first is None or first <= inbound.window.highest or not cipher.open(rows, count):
            return None
        inbound.window.accept_run(first, count)
        units = self._units(rows.plain[:count], inbound, now)
        self._heard_on(path, inbound)
        return units

    def _units(self, plain: Matrix, inbound: Inbound, now: float) -> list[Unit]:
        """What is to be written for the payloads of a run that may pass."""
        trailer = trailer_of(plain)
        if trailer is None:
            return coalesce(self._unwrap_all((row.tobytes() for row in plain), inbound, now))
        length = plain.shape[1] - len(trailer)
        units: list[Unit] = []
        others: list[bytes] = []  # payloads since the last stretch
        for begin, end, first in stretches(plain, length, trailer):
            if end - begin == 1:
                others.append(plain[begin].tobytes())
            elif self._may_pass(first, trailer[-1], inbound.flows):
                units += coalesce(self._unwrap_all(others, inbound, now))
                others.clear()
                units.append(merged(plain[begin:end], first))
                self._count_in(end - begin, (end - begin) * length, now)
            else:
                others += (row.tobytes() for row in plain[begin:end])
        return units + coalesce(self._unwrap_all(others, inbound, now))

    def _may_pass(self, packet: bytes, next_header: int, flows: set[bytes]) -> bool:
        """Whether a packet of TCP is whole, and the selectors accept it."""
        try:
            flow, _, length = parse(packet)
        except InnerPacketError:
            return False
        fits = length == len(packet) and next_header == (IPV4 if packet[0] >> 4 == 4 else IPV6)
        return fits and (flow in flows or self._admit(flow, flows))
