"""Which of several SAs for the same purpose is used, and how long the others remain.

An SA that replaces another one is its **heir**. The record of the replaced SA has the number of its heir, whichever
peer initiated it. A replaced SA is not rekeyed. It receives for `Settings.delete_rekeyed_delay` seconds, and is then
deleted.

Normally the heir is the newest SA. If both peers replace an SA at the same time, each of them may consider another of
the two new SAs the newest. Such SAs *collide*: the exchange of each began before the other SA was established. Of two
that collide, the one with the lowest cookie, or for IPsec SAs the lowest SPI, is replaced by the other one. IKEv2
decides by the lowest nonce (RFC 7296 §2.8.1); IKEv1 peers know both cookies and both SPIs, so both compute the same.

Peers may still disagree: messages can be reordered, and other implementations have other rules (libreswan and racoon
use the newest SA; strongSwan uses the newest ISAKMP SA, and keeps both pairs of IPsec SAs). Three things make that
harmless. All SAs receive while they remain. If the peer deletes the SA that is used, the replaced one that the peer
initiated, or that replaces one of the peer's, is used again. And a peer whose choice contradicts the rule waits
`_CONTESTED` seconds longer before it deletes the other SA, so that two peers never delete each other's choice.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa

LEAST_IKE_DELAY = 10.0  # seconds: strongSwan needs time to move the IPsec SAs before a Delete for their ISAKMP SA
_OTHERS = 1.0  # seconds for which the peer that did not initiate the heir leaves the deletion to the one that did
_CONTESTED = 5.0  # seconds
_CONCURRENT = 60.0  # seconds: SAs that were established further apart were not negotiated at the same time


def collide(one: IkeSa, other: IkeSa) -> bool:
    """Return whether two ISAKMP SAs were negotiated at the same time by different initiators."""
    known = one.replaces == other.unique_id or other.replaces == one.unique_id
    apart = one.created_at > other.established_at or other.created_at > one.established_at
    return one.role is not other.role and not known and not apart


def heir_of(candidates: Iterable[IkeSa]) -> IkeSa:
    """Return the one of these ISAKMP SAs, all with the same peer, that replaces the others."""
    first, *rest = sorted(candidates, key=lambda sa: (sa.established_at, sa.unique_id))
    heir = first
    for sa in rest:
        if not collide(heir, sa) or sa.lowest_cookie > heir.lowest_cookie:
            heir = sa
    return heir


def ike_retires_at(now: float, delay: float, sa: IkeSa, heir: IkeSa) -> float:
    """Return when ``sa`` is deleted, which ``heir`` replaces at ``now``; ``delay`` is the configured one in seconds."""
    contested = (
        sa.role is not heir.role
        and sa.lowest_cookie > heir.lowest_cookie
        and heir.established_at - sa.established_at < _CONCURRENT
        and heir.replaces != sa.unique_id
    )
    return now + max(delay, LEAST_IKE_DELAY) + _patience(heir.role is Role.INITIATOR, contested)


def pair_retires_at(now: float, delay: float, child: ChildSa, heir: ChildSa) -> float:
    """Return when ``child`` is deleted, which ``heir`` replaces at ``now``; ``delay`` is the configured one."""
    contested = (
        child.initiator is not heir.initiator
        and child.lowest_spi > heir.lowest_spi
        and heir.created_at - child.created_at < _CONCURRENT
    )
    return now + delay + _patience(heir.initiator, contested)


def _patience(ours: bool, contested: bool) -> float:
    return (0.0 if ours else _OTHERS) + (_CONTESTED if contested else 0.0)


def retired(child: ChildSa, heir: ChildSa, now: float, delay: float) -> ChildSa:
    """Return ``child`` as replaced by ``heir`` at ``now``."""
    return child.inherited(heir, pair_retires_at(now, delay, child, heir))
