"""Packets dropped by the data plane since the daemon started, other than those of single pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.esp.plane import DataPlane
from ikev1.esp.xfrm import statistics


class DropCounters:
    """Counts the packets that ``plane`` dropped or, with ``kernel``, all IPsec packets that the kernel dropped.

    The names are those of `ikev1.esp.plane.Drops`, with hyphens, or those of /proc/net/xfrm_stat, which ``read`` reads.
    """

    def __init__(self, plane: DataPlane, *, kernel: bool, read: Callable[[], dict[str, int]] = statistics.read) -> None:
        self._plane = plane
        self._read = read if kernel else self._of_the_plane
        self._before = self._read()

    def moved(self) -> dict[str, int]:
        """The counts that have grown since the start, and by how much."""
        grown = {name: count - self._before.get(name, 0) for name, count in self._read().items()}
        return {name: count for name, count in grown.items() if count > 0}

    def _of_the_plane(self) -> dict[str, int]:
        return {name.replace("_", "-"): count for name, count in self._plane.drops()._asdict().items()}
