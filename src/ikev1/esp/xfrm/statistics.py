"""The kernel's counters of dropped IPsec packets: /proc/net/xfrm_stat."""

from __future__ import annotations

from pathlib import Path

_FILE = Path("/proc/net/xfrm_stat")


def read(file: Path = _FILE) -> dict[str, int]:
    """The counters of this network namespace by their names, such as ``XfrmInNoStates``, since it was created.

    Empty if the kernel has no counters (CONFIG_XFRM_STATISTICS).
    """
    try:
        return parse(file.read_text())
    except OSError:
        return {}


def parse(text: str) -> dict[str, int]:
    """The counters in ``text``; lines that are not a name and a number are ignored."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
