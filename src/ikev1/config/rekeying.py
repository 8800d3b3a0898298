"""Lifetimes and times of rekeying, with the names of strongSwan.

Of a connection, ``lifetime`` is the sum of ``rekey_time`` and ``over_time``. Of a tunnel, ``life_time``, which is also
spelled ``lifetime``, is by default a tenth more than ``rekey_time``.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.table import Table
from ikev1.config.values import duration, integer, octets
from ikev1.core.records.settings import Rekeying

_OVER = 10  # the part of a time of rekeying that the SA lives longer by default


class Lives(NamedTuple):
    """How long an SA lives, in seconds (0: not configured), and when it is rekeyed."""

    lifetime: int
    rekeying: Rekeying


def read_connection_lives(table: Table) -> Lives:
    """The lifetime of the ISAKMP SAs of a connection; errors are reported."""
    lifetime = table.take("lifetime", duration, 0)
    rekey_time = table.take("rekey_time", duration, 0)
    over_time = table.take("over_time", duration, 0)
    if lifetime and rekey_time and over_time and lifetime != rekey_time + over_time:
        text = (
            f"{over_time} is not allowed: lifetime ({lifetime}) is the sum of rekey_time ({rekey_time}) and over_time"
        )
        table.findings.error(table.key("over_time"), Rule.INVALID_VALUE, text)
    elif over_time and not lifetime and not rekey_time:
        table.findings.error(table.key("over_time"), Rule.UNUSED_KEY, "has no effect without lifetime or rekey_time")
    elif over_time and lifetime and not rekey_time:
        rekey_time = max(1, lifetime - over_time)
    if rekey_time and not lifetime:
        lifetime = rekey_time + (over_time or max(1, rekey_time // _OVER))
    return _lives(table, lifetime, rekey_time, "lifetime")


def read_tunnel_lives(table: Table) -> Lives:
    """The lifetime of the pairs of IPsec SAs of a tunnel; errors are reported."""
    lifetime = table.take("lifetime", duration, 0)
    named = table.take("life_time", duration, 0)
    if lifetime and named:
        table.findings.error(table.key("life_time"), Rule.INVALID_VALUE, "is another name of lifetime: configure one")
    lifetime = lifetime or named
    rekey_time = table.take("rekey_time", duration, 0)
    if rekey_time and not lifetime:
        lifetime = rekey_time + max(1, rekey_time // _OVER)
    lives = _lives(table, lifetime, rekey_time, "life_time")
    of_traffic = Rekeying(
        lives.rekeying.rekey_time,
        lives.rekeying.rand_time,
        table.take("rekey_bytes", octets, 0),
        table.take("rekey_packets", integer(1, 0xFFFF_FFFF), 0),
    )
    return Lives(lives.lifetime, of_traffic)


def _lives(table: Table, lifetime: int, rekey_time: int, of: str) -> Lives:
    rand_time = table.take("rand_time", _duration_or_0, None)
    if rekey_time and rekey_time >= lifetime:
        text = f"{rekey_time} is not allowed: an SA is rekeyed before it expires ({of} is {lifetime})"
        table.findings.error(table.key("rekey_time"), Rule.INVALID_VALUE, text)
    if rand_time is not None and rekey_time and rand_time >= rekey_time:
        text = f"{rand_time} is not allowed: it is left out of rekey_time ({rekey_time})"
        table.findings.error(table.key("rand_time"), Rule.INVALID_VALUE, text)
    return Lives(lifetime, Rekeying(rekey_time, rand_time))


def _duration_or_0(value: object) -> int:
    return 0 if value in (0, "0", "0s") and not isinstance(value, bool) else duration(value)
