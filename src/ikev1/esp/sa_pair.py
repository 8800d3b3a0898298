"""One pair of IPsec SAs in userspace: encrypts, decrypts and counts packets. No sockets, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.esp.inner import IPV4, IPV6, TCP, InnerPacketError, decode, matches, parse
from ikev1.esp.mss import clamp_mss
from ikev1.esp.offload import LongSegment, Unit, coalesce
from ikev1.esp.plane import Counters, Expired, Listener, PeerMoved, PeerSends, RekeyNeeded
from ikev1.esp.replay import ReplayWindow
from ikev1.esp.segments import Run
from ikev1.esp.transforms import HEADER_SIZE, PADDING, IntegrityError, MalformedPacket, check, opener, sealer, sizes

LAST_SEQUENCE = 2**32 - 1  # RFC 4303 §2.2: a new SA "prior to the transmission of the 2^32nd packet"
_SOFT_SEQUENCE = 15 << 28  # packets; at 15/16 of the numbers another pair should take over
_SOFT_PART = 0.875  # of the kilobytes
_NO_NEXT_HEADER = 59
_VERSION_6 = b"\x60"
_COUNTED = tuple(name for name in Counters._fields if not name.startswith("idle_"))
_MOST_FLOWS = 1024  # remembered as matching, before they are looked at again

Packet = bytes | memoryview


@cache
def _trailers(alignment: int) -> dict[int, tuple[bytes, ...]]:
    """Padding, pad length and next header (RFC 4303 §2.4-2.6): by the IP version of the payload, and by its length
    modulo ``alignment``.
    """
    pads = [-(remainder + 2) % alignment for remainder in range(alignment)]
    return {
        version: tuple(PADDING[:pad] + bytes((pad, next_header)) for pad in pads)
        for version, next_header in ((4, IPV4), (6, IPV6))
    }


# Contexts of ciphers and HMACs take several kilobytes, and most pairs of a gateway with thousands are idle: they are
# made with the first packet in each direction.


class Outbound:
    """The state of the outbound SA."""

    __slots__ = ("alignment", "seal", "spi", "trailers")

    def __init__(self, child: ChildSa, random: Callable[[int], bytes]) -> None:
        self.seal = sealer(child.suite, child.outbound, random)
        self.spi = child.outbound.spi.to_bytes(4)
        self.alignment = sizes(child.suite).alignment
        self.trailers = _trailers(self.alignment)


class Inbound:
    """The state of the inbound SA."""

    __slots__ = ("flows", "open", "peer", "window")

    def __init__(self, child: ChildSa) -> None:
        self.open = opener(child.suite, child.inbound)
        self.window = ReplayWindow(child.replay_window)
        self.flows: set[bytes] = set()  # known to match
        self.peer = _peer(child)


class SaPair:
    """Encrypts and decrypts for one `ChildSa`; the owner sets ``receives`` and ``sends`` to enable the directions.

    ``mtu`` is the maximum size of an inner packet in octets, to which TCP's MSS is clamped (`ikev1.esp.mss`).
    ``listener`` receives events about limits and moved peers. Not thread-safe.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """

    __slots__ = (
        *_COUNTED,
        "_hard_octets",
        "_inbound",
        "_last_in",
        "_last_out",
        "_listener",
        "_outbound",
        "_random",
        "_reported",
        "_sequence",
        "_soft_octets",
        "_soft_packets",
        "child",
        "mtu",
        "receives",
        "sends",
    )

    def __init__(self, child: ChildSa, mtu: int, random: Callable[[int], bytes], listener: Listener) -> None:
        check(child.suite, child.outbound)
        check(child.suite, child.inbound)
        self.child = child
        self.mtu = mtu
        self._random = random
        self._listener = listener
        self._outbound: Outbound | None = None
        self._inbound: Inbound | None = None
        self.receives = False
        self.sends = False
        self._sequence = 0  # the last one used
        self._soft_octets, self._hard_octets = _limits(child.lifetime_kilobytes, child.rekey_bytes)
        self._soft_packets = child.rekey_packets or math.inf
        self._reported: tuple[type, ...] = ()
        self.bytes_in = self.packets_in = self.bytes_out = self.packets_out = 0
        self._last_in: float | None = None
        self._last_out: float | None = None
        self.replays = self.integrity_failures = self.malformed = self.selector_drops = self.dummies = 0
        self.refused_out = self.unsent = 0

    def move(self, child: ChildSa, mtu: int) -> None:
        """Change the path to that of ``child``, and the MTU; nothing else."""
        self.child = replace(child, inbound=self.child.inbound, outbound=self.child.outbound)
        self.mtu = mtu
        if self._inbound is not None:
            self._inbound.peer = _peer(child)

    def forget_flows(self) -> None:
        """Forget which flows match, because the selectors have changed."""
        if self._inbound is not None:
            self._inbound.flows.clear()

    def seal(self, packets: Iterable[bytes], now: float) -> list[bytes]:
        """The ESP packets for IP packets that match the selectors, in order (RFC 4303 §3.3).

        Packets are refused, and counted, once the sequence numbers or kilobytes are used up.
        """
        outbound, framed = self._sending(), self._framed
        seal, spi = outbound.seal, outbound.spi
        sealed = []
        for packet in packets:
            if self._sequence == LAST_SEQUENCE or self.bytes_out >= self._hard_octets:
                self._refuse()
                continue
            self._sequence = sequence = self._sequence + 1
            sealed.append(seal(spi + sequence.to_bytes(4), framed(packet, outbound)))
            self.bytes_out += len(packet)
        if sealed:
            self._count_out(len(sealed), now)
        return sealed

    def seal_long(self, segment: LongSegment, now: float) -> Sequence[Packet]:
        """As `seal`, for the packets of ``segment``."""
        return self.seal(segment, now)

    def _sending(self) -> Outbound:
        if self._outbound is None:
            self._outbound = Outbound(self.child, self._random)
        return self._outbound

    def _count_out(self, count: int, now: float) -> None:
        self.packets_out += count
        self._last_out = now
        if self._sequence >= _SOFT_SEQUENCE:
            self._report_once(RekeyNeeded(self.child, f"sequence number {self._sequence} of {LAST_SEQUENCE}"))
        if self.bytes_out >= self._soft_octets:
            self._report_once(RekeyNeeded(self.child, f"{self.bytes_out} octets sent"))
        if self.packets_out >= self._soft_packets:
            self._report_once(RekeyNeeded(self.child, f"{self.packets_out} packets sent"))

    def _framed(self, packet: bytes, outbound: Outbound) -> bytes:
        """The plaintext for ``packet``: in tunnel mode the whole packet, and a trailer."""
        return packet + outbound.trailers[packet[0] >> 4][len(packet) % outbound.alignment]

    def open(self, packets: Iterable[Packet], path: UdpPath, now: float) -> list[bytes]:
        """The IP packets inside ``packets``, which have our SPI and came on ``path``, in order (RFC 4303 §3.4).

        Replayed, forged and malformed packets, and those outside the negotiated networks, are dropped and counted.
        """
        if not self.receives:
            return []
        inbound = self._receiving()
        window, open_packet, payloads = inbound.window, inbound.open, []
        highest = window.highest
        for packet in packets:
            sequence = int.from_bytes(packet[4:HEADER_SIZE])
            if not window.fresh(sequence):  # "SHOULD be the first ESP check applied to a packet" (§3.4.3)
                self.replays += 1
                continue
            try:
                payload = open_packet(packet)
            except IntegrityError:
                self.integrity_failures += 1
                continue
            except MalformedPacket:
                self.malformed += 1
                continue
            window.accept(sequence)  # "updated only if the integrity verification succeeds" (§3.4.3)
            payloads.append(payload)
        opened = self._unwrap_all(payloads, inbound, now)
        if window.highest > highest:
            self._heard_on(path, inbound)
        return opened

    def _unwrap_all(self, payloads: Iterable[bytes], inbound: Inbound, now: float) -> list[bytes]:
        """The inner packets in decrypted ``payloads`` that may pass."""
        opened = []
        for payload in payloads:
            packet = self._unwrap(payload, inbound.flows, now)
            if packet is not None:
                opened.append(packet)
        if opened:
            self._count_in(len(opened), sum(map(len, opened)), now)
        return opened

    def open_run(self, run: Run, path: UdpPath, now: float) -> list[Unit]:
        """As `open`, for a run of packets: what is to be written to the TUN device."""
        return coalesce(self.open(run, path, now))

    def _receiving(self) -> Inbound:
        if self._inbound is None:
            self._inbound = Inbound(self.child)
        return self._inbound

    def _count_in(self, count: int, octets: int, now: float) -> None:
        self.packets_in += count
        self.bytes_in += octets
        self._last_in = now
        if self.bytes_in >= self._soft_octets:
            self._report_once(RekeyNeeded(self.child, f"{self.bytes_in} octets received"))
        if self.packets_in >= self._soft_packets:
            self._report_once(RekeyNeeded(self.child, f"{self.packets_in} packets received"))
        if not self.sends:
            self._report_once(PeerSends(self.child))

    def _heard_on(self, path: UdpPath, inbound: Inbound) -> None:
        """An authentic packet, newer than all before it, came on ``path``."""
        if path[2:] != inbound.peer:
            inbound.peer = path[2:]
            self._report_move(path)

    def _unwrap(self, payload: bytes, flows: set[bytes], now: float) -> bytes | None:
        """The inner packet without ESP's trailer and TFC padding, if it may pass."""
        pad_length, next_header = payload[-2], payload[-1]
        end = len(payload) - 2 - pad_length
        # "the receiver SHOULD inspect the Padding field" (§2.4)
        if end < 0 or payload[end:-2] != PADDING[:pad_length]:
            self.malformed += 1
            return None
        if next_header == _NO_NEXT_HEADER:  # "discarded without prejudice" (§2.6)
            self.dummies += 1
            self._last_in = now
            return None
        try:
            packet = self._unframed(payload[:end], next_header)
            flow, upper, length = parse(packet)
        except InnerPacketError:
            self.malformed += 1
            return None
        if flow not in flows and not self._admit(flow, flows):
            self.selector_drops += 1
            return None
        if length != len(packet):
            packet = packet[:length]  # TFC padding goes (§2.7)
        return self._admitted(packet, flow, upper)

    def _unframed(self, packet: bytes, next_header: int) -> bytes:
        """The IP packet that was encrypted.

        Raises:
            InnerPacketError: ``next_header`` does not fit it.
        """
        if next_header != (IPV4 if packet[:1] < _VERSION_6 else IPV6):
            raise InnerPacketError(f"next header {next_header} in tunnel mode")
        return packet

    def _admitted(self, packet: bytes, flow: bytes, upper: int) -> bytes | None:
        """The packet for delivery; ``upper`` is the offset of the header after the IP header, 0 if there is none."""
        return clamp_mss(packet, upper, self.mtu) if flow[0] == TCP and upper else packet

    def count_unsent(self, count: int) -> None:
        """Count ``count`` sealed packets that could not be sent."""
        self.unsent += count

    def counters(self, now: float) -> Counters:
        """The counters of the pair at the time ``now``, by the clock of `seal` and `open`."""
        idle_in, idle_out = (None if last is None else now - last for last in (self._last_in, self._last_out))
        counted: dict[str, int] = {name: getattr(self, name) for name in _COUNTED}
        return Counters(idle_in=idle_in, idle_out=idle_out, **counted)

    def _admit(self, flow: bytes, flows: set[bytes]) -> bool:
        """Whether the selectors accept ``flow`` (RFC 4301 §5.2 step 4). An accepted flow is added to ``flows``."""
        decoded, child = decode(flow), self.child
        if not any(matches(decoded, child.remote, local) for local in child.locals):
            return False
        if len(flows) >= _MOST_FLOWS:
            flows.clear()
        flows.add(flow)
        return True

    def _refuse(self) -> None:
        self.refused_out += 1
        exhausted = "sequence numbers are" if self._sequence == LAST_SEQUENCE else "byte limit is"
        self._report_once(Expired(self.child, f"its {exhausted} exhausted"))

    def _report_move(self, path: UdpPath) -> None:
        if bool(path.remote_port) == self.child.udp_encapsulation and path[2:] != _peer(self.child):
            self._listener(PeerMoved(self.child, path))

    def _report_once(self, event: RekeyNeeded | Expired | PeerSends) -> None:
        if type(event) not in self._reported:
            self._reported += (type(event),)
            self._listener(event)


def _peer(child: ChildSa) -> tuple[str, int]:
    """The address and port from which the peer sends ESP; port 0 for ESP without UDP."""
    return child.path.remote_host, child.path.remote_port if child.udp_encapsulation else 0


def _limits(kilobytes: int, rekey_bytes: int) -> tuple[float, float]:
    """The soft and the hard limit in octets (RFC 4301 §4.4.2.1); kilobytes are 1024 octets (RFC 2407 §4.5)."""
    configured = rekey_bytes or math.inf
    if not kilobytes:
        return configured, math.inf
    return min(configured, kilobytes * 1024 * _SOFT_PART), kilobytes * 1024.0
