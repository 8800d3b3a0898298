"""What a process has cost so far, as the kernel counts it (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """``cpu`` in seconds, of the process and the children it waited for; ``memory`` resident, in octets."""

    cpu: float
    memory: int


def cost(pid: int) -> Cost:
    """What the process has used until now."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, after_name[11:15])
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    cpu = (user + system + children_user + children_system) / _TICKS
    return Cost(cpu, resident * os.sysconf("SC_PAGE_SIZE"))
