"""One ESP flow: counters, and the decrypted contents if the keys are known. A flow needs constant memory."""

from __future__ import annotations

from ikev1.capture.decrypt.suites import ipsec_suite_name
from ikev1.capture.keys.key_ring import EspKeys
from ikev1.capture.records.packets import EspPacket
from ikev1.capture.records.report import EspFlow
from ikev1.capture.track.inner_traffic import InnerPackets, TrailerError, is_plausible, without_trailer
from ikev1.esp import ciphers
from ikev1.esp.transforms import (
    HEADER_SIZE,
    IntegrityError,
    MalformedPacket,
    Opener,
    Packet,
    UnsupportedError,
    opener,
)

_WINDOW = 1024  # sequence numbers below the highest in which duplicates are recognised


class Sequence:
    """The received sequence numbers (RFC 4303 §2.2), approximated in constant memory."""

    def __init__(self) -> None:
        self._lowest = self._highest = -1
        self._window = 0  # bit n is the highest less n
        self._distinct = 0

    def add(self, number: int) -> None:
        """Count a packet with this sequence number."""
        if self._highest < 0:
            self._lowest = self._highest = number
            self._window, self._distinct = 1, 1
            return
        ahead = number - self._highest
        if ahead > 0:
            self._window = (self._window << min(ahead, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            self._highest = number
        elif ahead > -_WINDOW:
            if self._window >> -ahead & 1:
                return
            self._window |= 1 << -ahead
        self._lowest = min(self._lowest, number)
        self._distinct += 1

    def missing(self) -> int:
        """The number of missing sequence numbers between the lowest and the highest."""
        return max(0, self._highest - self._lowest + 1 - self._distinct)


def opener_of(keys: EspKeys) -> Opener | None:
    """The function that decrypts packets with ``keys``; None if the suite is unsupported.

    Without an integrity key, packets are decrypted without verification.
    """
    try:
        if keys.icv_size < 0:
            return opener(keys.suite, keys.keys)
        decrypt = ciphers.decryptor(keys.suite.encryption, keys.keys.encryption_key)
        iv = ciphers.IV_SIZES[keys.suite.encryption]
    except (UnsupportedError, KeyError, ValueError):
        return None
    icv, alignment = keys.icv_size, ciphers.ALIGNMENTS[keys.suite.encryption]

    def open_unchecked(packet: Packet) -> bytes:
        size = len(packet) - HEADER_SIZE - iv - icv
        if size < alignment or size % alignment:
            raise MalformedPacket
        return decrypt(packet[HEADER_SIZE : len(packet) - icv])

    return open_unchecked


class TrackedFlow:
    """All packets under one SPI from one address to another."""

    def __init__(self, packet: EspPacket, known: list[EspKeys]) -> None:
        self.spi = packet.payload[:4]
        self.hosts = (packet.source, packet.destination)
        self._ports = (packet.source_port, packet.destination_port)
        self.packets = self.octets = self.opened = self.wrong = self.unopened = 0
        self._first = self._last = packet
        self._sequence = Sequence()
        self._inner = InnerPackets()
        self._known = known  # shared: `EspTracker` adds the keys of this SPI when it learns them
        self._tried = 0  # number of known keys that have an entry in `_openers`
        self._openers: list[tuple[EspKeys, Opener]] = []
        self._keys: EspKeys | None = None
        self._unchecked = False

    def add(self, packet: EspPacket) -> None:
        """Add a packet."""
        self.packets += 1
        self.octets += packet.length
        self._last = packet
        if len(packet.payload) >= HEADER_SIZE:
            self._sequence.add(int.from_bytes(packet.payload[4:HEADER_SIZE]))
        if self._known:
            self._open(packet)

    def _open(self, packet: EspPacket) -> None:
        if len(packet.payload) < packet.length:
            return
        if self._keys is None and self._tried < len(self._known):
            self._openers = [(keys, found) for keys in self._known if (found := opener_of(keys)) is not None]
            self._tried = len(self._known)
        refused = False
        for keys, open_packet in self._openers:
            unchecked = keys.icv_size >= 0
            try:
                inner, following = without_trailer(open_packet(packet.payload))
            except IntegrityError:
                refused = True
                continue
            except (MalformedPacket, TrailerError):
                continue
            if unchecked and not is_plausible(inner, following):
                continue
            self._keys = keys
            self._openers = [(keys, open_packet)]  # the keys that decrypt one packet are the keys of the SPI
            self._unchecked = unchecked
            self.opened += not unchecked
            self._inner.add(inner, following)
            return
        self.wrong += refused
        self.unopened += bool(self._openers) and not refused

    def report(self) -> EspFlow:
        """Build the report of this flow."""
        first, last = self._first, self._last
        keys = self._keys or (self._known[0] if self._known else None)
        return EspFlow(
            spi=self.spi.hex(),
            source=_end(self.hosts[0], self._ports[0]),
            destination=_end(self.hosts[1], self._ports[1]),
            packets=self.packets,
            octets=self.octets,
            first_frame=first.frames[0],
            last_frame=last.frames[-1],
            first_time=first.time,
            last_time=last.time,
            suite="" if keys is None else ipsec_suite_name(keys.suite),
            opened=self.opened,
            wrong=self.wrong,
            unopened=self.unopened,
            missing=self._sequence.missing(),
            inner=self._line(),
        )

    def _line(self) -> str:
        line = self._inner.line()
        if line and self._unchecked:
            return f"{line} (decrypted without verification: no integrity key)"
        return line


def _end(host: str, port: int) -> str:
    return f"{host}[{port}]" if port else host
