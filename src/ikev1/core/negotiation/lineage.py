"""Which of several SAs for the same purpose is used, and how long the others remain.

An SA that replaces another one is its **heir**. The record of the replaced SA has the number of its heir, whichever
peer initiated it. A replaced SA is not rekeyed. It receives for `Settings.delete_rekeyed_delay` seconds, and is then
deleted.

Normally the heir is the newest SA. If both peers replace an SA at the same time, each of them may consider another of
the two new SAs the newest. Such SAs *collide*: the exchange of each began before the other SA was established. Of two
that collide, the one with the lowest cookie, or for IPsec SAs the lowest SPI, is replaced by the other one. IKEv2
decides by the lowest nonce (RFC 7296 §2.8.1); IKEv1 peers know both cookies and both SPIs, so both compute the same.

Peers may still disagree: messages can be reordered, and other implementations have other rules (libreswan and racoon
use the newest SA; strongSwan keeps both pairs of IPsec SAs). Four things make that harmless. All SAs receive while they
remain. If the peer deletes the SA that is used, the replaced one that the peer initiated, or that replaces one of the
peer's, is used again. A peer whose choice contradicts the rule waits `_CONTESTED` seconds longer before it deletes the
other SA, so that two peers never delete each other's choice. And pairs that the peer may keep under a replaced ISAKMP
SA are rekeyed under its heir before the Delete.

*Where strongSwan keeps pairs.* It deletes pairs with their ISAKMP SA, and never moves them twice for one negotiation:
as initiator, when it sends message 1, from the ISAKMP SA whose lifetime ends; as responder, a moment after its last
message, from an ISAKMP SA that it is not replacing itself, which it then deletes ten seconds later. So if it replaces
an ISAKMP SA at about the same time as we do, or within those ten seconds, its pairs are under either of the two new
ones, and no message says under which. Nor does it move pairs from an ISAKMP SA that it began to replace, whatever
became of that. Such an SA is `contested`. A pair negotiated after message 1 was sent, and lost, `stays` there, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa

LEAST_IKE_DELAY = 10.0  # seconds: strongSwan needs time to move the IPsec SAs before a Delete for their ISAKMP SA
_OTHERS = 1.0  # seconds for which the peer that did not initiate the heir leaves the deletion to the one that did
_CONTESTED = 10.0  # seconds: more than the initiator of a pair waits before it sends with it, and decides
_SECOND = 5.0  # seconds for which the peer that did not initiate the heir leaves rekeying of the pairs to the other one
_CONCURRENT = 60.0  # seconds: SAs that were established further apart were not negotiated at the same time
_MOVES_WITHIN = 11.0  # seconds: strongSwan deletes an ISAKMP SA ten seconds after it moved its pairs to another one
_REPEATS_WITHIN = 45.0  # seconds: strongSwan repeats a message 42 seconds after the last time at the latest
_PART = 4  # of the lifetime of its heir a replaced ISAKMP SA remains at most


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


def contested(sa: IkeSa, heir: IkeSa) -> bool:
    """Return whether the peer may keep its pairs under ``sa``, which ``heir`` replaces here: the peer has replaced it
    before, or they were negotiated by different initiators, at the same time, or ``heir`` so soon that the peer may
    replace the same SA as ``sa`` does.
    """
    if sa.revived:
        return True
    if sa.role is heir.role:
        return False
    if heir.role is Role.INITIATOR or not sa.replaces:
        return sa.established_at > heir.created_at
    return heir.created_at - sa.established_at < _MOVES_WITHIN


def stays(child: ChildSa, heir: IkeSa) -> bool:
    """Return whether the peer may keep ``child``, which moves to ``heir`` here, under the ISAKMP SA that ``heir``
    replaces: the peer initiated ``heir``, and may have sent its first message in vain, before this gateway initiated
    ``child``.
    """
    age = heir.created_at - child.created_at
    return child.initiator and heir.role is Role.RESPONDER and 0.0 < age < _REPEATS_WITHIN


def pairs_renewed_at(now: float, sa: IkeSa, heir: IkeSa) -> float:
    """Return when the pairs that the peer may keep under the contested ``sa`` are rekeyed under ``heir``: after the
    peer has deleted one of them if it does, and first by the initiator of ``heir``.
    """
    at = max(sa.established_at, heir.established_at) + _MOVES_WITHIN
    return max(now, at) + (0.0 if heir.role is Role.INITIATOR else _SECOND)


def ike_retires_at(now: float, delay: float, sa: IkeSa, heir: IkeSa) -> float:
    """Return when ``sa`` is deleted, which ``heir`` replaces at ``now``; ``delay`` is the configured one in seconds."""
    if heir.expires_at:
        delay = min(delay, (heir.expires_at - heir.established_at) / _PART)
    against_rule = (
        sa.role is not heir.role
        and sa.lowest_cookie > heir.lowest_cookie
        and heir.established_at - sa.established_at < _CONCURRENT
        and heir.replaces != sa.unique_id
    )
    retires_at = now + max(delay, LEAST_IKE_DELAY) + _patience(heir.role is Role.INITIATOR, against_rule)
    if contested(sa, heir):
        return max(retires_at, pairs_renewed_at(now, sa, heir) + LEAST_IKE_DELAY)
    return retires_at


def pair_retires_at(now: float, delay: float, child: ChildSa, heir: ChildSa) -> float:
    """Return when ``child`` is deleted, which ``heir`` replaces at ``now``; ``delay`` is the configured one."""
    against_rule = (
        child.initiator is not heir.initiator
        and child.lowest_spi > heir.lowest_spi
        and heir.created_at - child.created_at < _CONCURRENT
    )
    return now + delay + _patience(heir.initiator, against_rule)


def _patience(ours: bool, against_rule: bool) -> float:
    return (0.0 if ours else _OTHERS) + (_CONTESTED if against_rule else 0.0)


def retired(child: ChildSa, heir: ChildSa, now: float, delay: float) -> ChildSa:
    """Return ``child`` as replaced by ``heir`` at ``now``."""
    return child.inherited(heir, pair_retires_at(now, delay, child, heir))
