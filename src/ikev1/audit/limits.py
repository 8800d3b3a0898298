"""Limits for lifetimes, and durations and dates in words."""

from __future__ import annotations

import time

LONGEST_PHASE1 = 86_400  # seconds
LONGEST_PHASE2 = 28_800  # seconds
SOON = 30 * 86_400.0  # seconds before expiry at which a certificate should be renewed

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def duration(seconds: int) -> str:
    """A duration in seconds, and in the largest unit that gives at least 2."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds} s ({seconds / size:.3g} {unit})"
    return f"{seconds} s"


def date(moment: float) -> str:
    """The date of ``moment`` (seconds since 1970) in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
