"""When an SA is rekeyed and when it expires."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.exchange import Role
from ikev1.core.records.settings import Connection

SHORTEST = 10  # seconds: the minimum lifetime of an SA
_MARGIN = 0.10  # of the lifetime: how long before the expiry an initiator rekeys
_LONGEST_MARGIN = 540.0  # seconds
_RESPONDER = 0.5  # of the margin: a responder rekeys later, so that the two peers do not collide
_JITTER = 0.25  # of the margin, random, so that SAs established together are not all rekeyed together


def deadlines(
    now: float, lifetime: int, role: Role, connection: Connection, random: Callable[[int], bytes]
) -> tuple[float, float]:
    """When to rekey an SA of ``lifetime`` seconds (0.0: never), and when it expires, by the clock of ``now``.

    A shorter lifetime than `SHORTEST` is raised to it: with a lifetime of one second, we would do nothing but rekey.
    """
    lifetime = max(lifetime, SHORTEST)
    expires_at = now + lifetime
    if not connection.rekey:
        return 0.0, expires_at
    margin = min(lifetime * _MARGIN, _LONGEST_MARGIN)
    if role is Role.RESPONDER:
        margin *= _RESPONDER
    share = int.from_bytes(random(2)) / 65536
    return expires_at - margin * (1 + _JITTER * share), expires_at
