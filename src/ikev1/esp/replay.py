"""The anti-replay window (RFC 4303 §3.4.3)."""

from __future__ import annotations

LARGEST_WINDOW = 4096  # packets
_SMALLEST_WINDOW = 32  # "A minimum window size of 32 packets MUST be supported"


class ReplayWindow:
    """The sequence numbers that were received, as far back as ``size`` packets; with 0, nothing is checked.

    `fresh` is the preliminary check, before any cryptography; `accept` records a number once its ICV has been
    verified. Sizes outside 32 to 4096 are replaced by the nearest of the two.
    """

    __slots__ = ("_mask", "_seen", "highest", "size")

    def __init__(self, size: int) -> None:
        self.size = min(max(size, _SMALLEST_WINDOW), LARGEST_WINDOW) if size else 0
        self.highest = 0  # the right edge: "the highest, validated Sequence Number value received on this SA"
        self._seen = 0  # bit n: highest - n was received
        self._mask = (1 << self.size) - 1

    def fresh(self, sequence: int) -> bool:
        """Whether a packet with this number may be new. Nothing is changed."""
        if not self.size:
            return True
        age = self.highest - sequence
        # 0 is never sent: "the first packet sent using a given SA will contain a sequence number of 1" (§2.2)
        return age < 0 or (age < self.size and sequence > 0 and not self._seen >> age & 1)

    def accept(self, sequence: int) -> None:
        """Record a number that was `fresh` and whose packet is authentic."""
        age = self.highest - sequence
        if age < 0:
            self._seen = ((self._seen << -age if -age < self.size else 0) | 1) & self._mask
            self.highest = sequence
        elif age < self.size:
            self._seen |= 1 << age

    def accept_run(self, first: int, count: int) -> None:
        """Record ``count`` numbers from ``first`` on, all of them above `highest`, whose packets are authentic."""
        last = first + count - 1
        age = last - self.highest
        self._seen = ((self._seen << age if age < self.size else 0) | (1 << count) - 1) & self._mask
        self.highest = last
