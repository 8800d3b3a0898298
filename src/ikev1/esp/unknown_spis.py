"""ESP packets with an SPI that no pair has, and when to notify their sender."""

from __future__ import annotations

from ikev1.core.records.path import UdpPath

_UNDER_WAY = 1.0  # seconds for which packets of a pair that was just removed may still arrive
_AGAIN = 5.0  # seconds between two notifications
_FORGOTTEN = 60.0  # seconds without a packet
_MOST = 64  # senders: a flood must neither use memory nor evict real ones


class UnknownSpis:
    """Senders of packets with unknown SPIs, by SPI and address. A single packet is ignored."""

    def __init__(self) -> None:
        self._seen: dict[
            tuple[int, str], tuple[float, float, float]
        ] = {}  # times of the first packet, the newest packet and the last notification

    def persists(self, spi: int, path: UdpPath, now: float) -> bool:
        """Record a packet with an unknown SPI. Returns whether its sender has to be notified now."""
        key = spi, path.remote_host
        first, newest, told = self._seen.get(key, (now, now, 0.0))
        if key not in self._seen and not self._has_room(now):
            return False
        if now - newest > _FORGOTTEN:
            first, told = now, 0.0
        due = now - first >= _UNDER_WAY and (not told or now - told >= _AGAIN)
        self._seen[key] = first, now, now if due else told
        return due

    def _has_room(self, now: float) -> bool:
        if len(self._seen) >= _MOST:
            self._seen = {key: times for key, times in self._seen.items() if now - times[1] <= _FORGOTTEN}
        return len(self._seen) < _MOST
