"""When an SA is rekeyed and when it expires."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.exchange import Role
from ikev1.core.records.settings import Rekeying

SHORTEST = 10  # seconds: the minimum lifetime of an SA
_MARGIN = 0.10  # of the lifetime: how long before the expiry an initiator rekeys
_LONGEST_MARGIN = 540.0  # seconds
_RESPONDER_ROLE = Role.RESPONDER  # looked up once, as in `ikev1.core.records.exchange`
_RESPONDER = 0.5  # of the margin: a responder rekeys later, so that the two peers do not collide
_JITTER = 0.25  # of the margin, random, so that SAs established together are not all rekeyed together
_VOLUME_JITTER = 0.10  # of the octets or packets

Random = Callable[[int], bytes]


def deadlines(now: float, lifetime: int, role: Role, rekeying: Rekeying | None, random: Random) -> tuple[float, float]:
    """Return when to rekey an SA of ``lifetime`` seconds (0.0: never), and when it expires, by the clock of ``now``.

    A shorter lifetime than `SHORTEST` is raised to it: with a lifetime of one second, we would do nothing but rekey.
    A configured time of rekeying counts if the SA lives longer than that.

    Args:
        now: the time at which the SA is established, in seconds.
        lifetime: in seconds, as negotiated.
        role: of this gateway in the exchange. A responder rekeys in the middle between the time for the initiator and
            the expiry.
        rekeying: the configured times; None: the SA is not rekeyed.
        random: returns so many random octets.
    """
    lifetime = max(lifetime, SHORTEST)
    expires_at = now + lifetime
    if rekeying is None:
        return 0.0, expires_at
    configured = 0 < rekeying.rekey_time < lifetime
    margin = lifetime - rekeying.rekey_time if configured else min(lifetime * _MARGIN, _LONGEST_MARGIN)
    jitter = margin * _JITTER
    if rekeying.rand_time is not None:
        jitter = min(rekeying.rand_time, max(0.0, lifetime - margin - 1.0))
    elif configured:
        jitter = min(margin, rekeying.rekey_time * _MARGIN)
    if role is _RESPONDER_ROLE:
        margin, jitter = margin * _RESPONDER, jitter * _RESPONDER
    return expires_at - margin - jitter * _share(random), expires_at


def volumes(rekeying: Rekeying, random: Random) -> tuple[int, int]:
    """Return after how many octets and packets a pair is rekeyed (0: no limit): up to a tenth less than configured."""
    scale = 1 - _VOLUME_JITTER * _share(random) if rekeying.rekey_bytes or rekeying.rekey_packets else 1.0
    return int(rekeying.rekey_bytes * scale), int(rekeying.rekey_packets * scale)


def _share(random: Random) -> float:
    return int.from_bytes(random(2)) / 65536
