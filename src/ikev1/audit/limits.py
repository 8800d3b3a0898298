"""What is too long, and how a time reads."""

from __future__ import annotations

import time

LONGEST_PHASE1 = 86_400  # seconds
LONGEST_PHASE2 = 28_800  # seconds
SOON = 30 * 86_400.0  # seconds before its end in which a certificate should be renewed

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def duration(seconds: int) -> str:
    """``seconds``, and the same in the largest unit of which they are at least two."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds} s ({seconds / size:.3g} {unit})"
    return f"{seconds} s"


def date(moment: float) -> str:
    """A day, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
