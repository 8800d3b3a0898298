"""Packets dropped by the data plane that belong to no pair of IPsec SAs: what moved since the daemon began."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.esp.plane import DataPlane
from ikev1.esp.xfrm import statistics


class DropCounters:
    """Tells what ``plane`` dropped or, where the ``kernel`` carries the packets, what that dropped of all IPsec.

    The names are those of `ikev1.esp.plane.Drops`, with hyphens, or those of /proc/net/xfrm_stat, which ``read`` reads.
    """

    def __init__(self, plane: DataPlane, *, kernel: bool, read: Callable[[], dict[str, int]] = statistics.read) -> None:
        self._plane = plane
        self._read = read if kernel else self._of_the_plane
        self._before = self._read()

    def moved(self) -> dict[str, int]:
        """By how much each count grew; without those that did not."""
        grown = {name: count - self._before.get(name, 0) for name, count in self._read().items()}
        return {name: count for name, count in grown.items() if count > 0}

    def _of_the_plane(self) -> dict[str, int]:
        return {name.replace("_", "-"): count for name, count in self._plane.drops()._asdict().items()}
