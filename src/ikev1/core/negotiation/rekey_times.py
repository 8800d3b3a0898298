"""When an SA is replaced and when it ends."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.model import Role
from ikev1.core.records.settings import Connection

SHORTEST = 10  # seconds that an SA lives at least
_MARGIN = 0.10  # of the lifetime: an initiator replaces an SA so long before its end
_LONGEST_MARGIN = 540.0  # seconds
_RESPONDER = 0.5  # of the margin: a responder waits longer, so that the two do not collide
_JITTER = 0.25  # of the margin, drawn at random, so that many SAs made at once are not replaced at once


def deadlines(
    now: float, lifetime: int, role: Role, connection: Connection, random: Callable[[int], bytes]
) -> tuple[float, float]:
    """When to begin to replace an SA of ``lifetime`` seconds (0: never), and when it ends.

    Whatever was agreed, an SA of ours is not replaced sooner than `SHORTEST` allows: a peer that says one second would
    have us do nothing else.
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
