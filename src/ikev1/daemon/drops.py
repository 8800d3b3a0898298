"""Packets dropped by the data plane that belong to no pair of IPsec SAs: what moved since the daemon began."""

from __future__ import annotations

from pathlib import Path

from ikev1.esp.plane import DataPlane

__all__ = ["DropCounters"]

KERNEL_COUNTERS = Path("/proc/self/net/xfrm_stat")  # of our network namespace


class DropCounters:
    """Tells the drops of ``plane`` and, if the ``kernel`` carries packets, those that it counts for all of IPsec."""

    def __init__(self, plane: DataPlane, *, kernel: bool, file: Path = KERNEL_COUNTERS) -> None:
        self._plane = plane
        self._file = file if kernel else None
        self._before = self._counted()

    def moved(self) -> dict[str, int]:
        """By how much each count grew; without those that did not."""
        grown = {name: count - self._before.get(name, 0) for name, count in self._counted().items()}
        return {name: count for name, count in grown.items() if count > 0}

    def _counted(self) -> dict[str, int]:
        dropped = {name.replace("_", "-"): count for name, count in self._plane.drops()._asdict().items()}
        return dropped | (_kernel_counters(self._file) if self._file else {})


def _kernel_counters(file: Path) -> dict[str, int]:
    """Name and count of each line; none where the kernel keeps no statistics (CONFIG_XFRM_STATISTICS)."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    return {name: int(count) for name, count in (line.split() for line in lines)}
