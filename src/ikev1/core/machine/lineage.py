"""Which of the ISAKMP SAs with a peer is used: each confirmed SA has an heir, or is the heir of the others.

`ikev1.core.negotiation.lineage` has the rule. The pairs of IPsec SAs go over to the heir at once. The replaced SA
remains for a while, because strongSwan deletes pairs that it has not moved yet with their ISAKMP SA. An SA with the
peer at another address has no heir: it is closed with its pairs, because it may be with another client of the user.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.machine import dpd, liveness
from ikev1.core.machine.closing import close_ike
from ikev1.core.machine.ended import adopt, end
from ikev1.core.machine.sa_table import same_peer
from ikev1.core.machine.transaction import SaRef
from ikev1.core.negotiation.lineage import (
    LEAST_IKE_DELAY,
    collide,
    contested,
    heir_of,
    ike_retires_at,
    pairs_renewed_at,
    stays,
)
from ikev1.core.peer.vendor_ids import is_vpnc
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from ikev1.wire.message import Message
from ikev1.wire.payloads import Delete

_DECIDES_WITHIN = 10.0  # seconds: a peer with dead peer detection has confirmed a new SA by then, or never does
_HEARD_WITHIN = 5.0  # seconds: a message of the peer is so recent that it probably receives a Delete
_ANSWERS_WITHIN = 0.5  # seconds until R-U-THERE is answered, normally
_LOOKS_AGAIN = 4.0  # seconds: an answer that came meanwhile is recent
_DELETES_AGAIN = 4.0  # seconds from a Delete to its repetition
_MOST = 7  # replaced ISAKMP SAs with a peer: one rekeying leaves one, rekeyings by both peers at once a few more


def succeed(ref: SaRef) -> None:
    """Decide which of this confirmed SA and the others with its peer is used, and have the others replaced by it."""
    if not ref.sa.replaces and ref.tx.state.table.is_alone(ref.sa):
        return
    if ref.sa.initial_contact:
        end_older(ref)
    if not ref.sa.is_current:
        return
    others = [other for other in _others(ref) if is_renewal(other, ref.sa) or unique(ref) is Unique.REPLACE]
    gone = [other for other in others if not is_renewal(other, ref.sa) and _is_older(other, ref.sa)]
    rivals = [other for other in others if other.is_current and other.confirmed and other not in gone]
    heir = ref.tx.of(heir_of((ref.sa, *rivals)))
    if heir is not ref and heir.sa.peer != ref.sa.peer:
        heir = ref  # the peer moved
    for sa in gone:
        close_ike(ref.tx.of(sa), "the peer, or another one with its identity, connected from another address")
    for sa in (*others, *(() if heir is ref else (ref.sa,))):
        if sa.cookies != heir.cookies and sa not in gone and _yields(sa, heir.sa):
            _give_way(ref.tx.of(sa), heir)
    _retire_earlier(heir)
    make_room(heir)


def _retire_earlier(heir: SaRef) -> None:
    """Delete the SAs that were replaced before the last one, if their own heirs have been up for long enough."""
    for other in heir.tx.state.others(heir.sa):
        if other.heir and other.heir != heir.sa.unique_id and _is_due(heir, other):
            retire(heir.tx.of(other))


def _is_due(ref: SaRef, other: IkeSa) -> bool:
    """Return whether a Delete for the replaced SA ``other`` cannot come too soon for the peer."""
    heir = ref.tx.state.table.of_number(other.heir)
    if heir is None:
        return True
    return heir.established_at + LEAST_IKE_DELAY <= ref.tx.now and not contested(other, heir)


def _others(ref: SaRef) -> list[IkeSa]:
    """Return the other SAs with the peer, and the SA that this gateway replaces by this one."""
    table, sa = ref.tx.state.table, ref.sa
    others = table.of_peer(sa)
    replaced = table.of_number(sa.replaces) if sa.replaces else None
    if replaced is not None and replaced not in others and same_peer(replaced, sa):
        others = [replaced, *others]
    return others


def _is_older(other: IkeSa, sa: IkeSa) -> bool:
    return other.established_at <= sa.established_at


def _yields(sa: IkeSa, heir: IkeSa) -> bool:
    """Return whether ``heir`` replaces ``sa`` or takes over its pairs.

    An SA that the peer has not confirmed yet and that collides with ``heir`` is decided about when it is confirmed.
    """
    return sa.confirmed or not sa.is_current or (_is_older(sa, heir) and not collide(sa, heir))


def _give_way(other: SaRef, heir: SaRef) -> None:
    """Replace ``other`` by ``heir``."""
    was_current, collided = other.sa.is_current, collide(other.sa, heir.sa)
    moved = _hand_over(other, heir)
    if other.has_ended or not was_current:
        return
    now, delay = other.tx.now, other.tx.state.settings.delete_rekeyed_delay
    retires_at = ike_retires_at(now, delay, other.sa, heir.sa)
    other.become(other.sa.inherited(heir.sa.unique_id, retires_at))
    _renew(other, heir, _kept_by_peer(heir.sa, moved, all_of_them=contested(other.sa, heir.sa)))
    if collided:
        text = (
            f"both peers negotiated an ISAKMP SA at the same time: #{heir.sa.unique_id} stays, because the lowest "
            f"cookie is one of #{other.sa.unique_id}, which is deleted in {retires_at - now:.0f} s"
        )
        heir.note(Code.COLLISION, text)


def _kept_by_peer(heir: IkeSa, moved: tuple[ChildSa, ...], *, all_of_them: bool) -> set[int]:
    """Return the numbers of the pairs that the peer may keep under an SA that ``heir`` replaces: of those ``moved`` to
    ``heir``, or with ``all_of_them`` of all that were not negotiated under it.
    """
    if not all_of_them:
        return {child.unique_id for child in moved if stays(child, heir)}
    older = (child for child in heir.children if child.created_at < heir.established_at)
    return {child.unique_id for child in (*moved, *older)}


def _renew(other: SaRef, heir: SaRef, numbers: set[int]) -> None:
    """Have the pairs with these numbers rekeyed under ``heir``, before the replaced ``other`` is deleted."""
    connection = heir.tx.state.lookup.by_name(heir.sa.connection)
    if not numbers or connection is None or not connection.rekey:
        return
    at = pairs_renewed_at(heir.tx.now, other.sa, heir.sa)
    text = (
        f"the peer may keep IPsec SAs under #{other.sa.unique_id}, which #{heir.sa.unique_id} replaces: they are "
        f"rekeyed under #{heir.sa.unique_id} in {at - heir.tx.now:.0f} s"
    )
    heir.note(Code.COLLISION, text)
    heir.change(
        children=tuple(
            replace(child, rekey_at=min(child.rekey_at or at, at))
            if child.state is ChildState.INSTALLED and child.unique_id in numbers
            else child
            for child in heir.sa.children
        )
    )
    if not other.has_ended and 0.0 < other.sa.retires_at < at + LEAST_IKE_DELAY:
        other.change(retires_at=at + LEAST_IKE_DELAY)


def _hand_over(other: SaRef, heir: SaRef) -> tuple[ChildSa, ...]:
    """Move the pairs of ``other`` to ``heir``; remove the record of ``other`` if it was already deleted. The pairs of
    unfinished Quick Modes stay with their exchanges.

    Returns:
        The pairs that were moved.
    """
    children = other.sa.complete_children
    if other.sa.is_up and not children:
        return ()
    other.change(children=tuple(child for child in other.sa.children if child not in children))
    adopt(heir, children)
    if other.sa.state is IkeState.DELETED:
        end(other, "its IPsec SAs moved to a newer ISAKMP SA")
    return children


def pass_on(ref: SaRef) -> None:
    """Move the pairs that were negotiated under a replaced SA to its heir. A peer that negotiates one there after the
    heir came up keeps its pairs there.
    """
    if ref.has_ended or not ref.sa.heir:
        return
    heir = heir_now(ref)
    if heir is None:
        return
    moved = _hand_over(ref, heir)
    late = any(not child.initiator and child.created_at > heir.sa.established_at for child in moved)
    if moved:
        _renew(ref, heir, _kept_by_peer(heir.sa, moved, all_of_them=late or contested(ref.sa, heir.sa)))


def heir_now(ref: SaRef) -> SaRef | None:
    """Return the SA that is used in place of this replaced one; None if it has ended."""
    last = _last_heir(ref, ref.sa)
    return ref.tx.of(last) if last is not None and last.is_current else None


def _last_heir(ref: SaRef, sa: IkeSa) -> IkeSa | None:
    """Return the heir of the heir [...] of ``sa`` that has none itself; None if one of them has ended."""
    seen = {sa.unique_id}
    while sa.heir and sa.heir not in seen:
        seen.add(sa.heir)
        heir = ref.tx.state.table.of_number(sa.heir)
        if heir is None:
            return None
        sa = heir
    return sa


def may_have_heir(ref: SaRef) -> bool:
    """Return whether the peer has just established an ISAKMP SA that replaces this one once the peer confirms it."""
    now = ref.tx.now
    return any(
        other.is_current and not other.confirmed and now - other.established_at < _DECIDES_WITHIN
        for other in ref.tx.state.table.of_claim(ref.sa)
        if not _is_older(other, ref.sa) and is_renewal(other, ref.sa)
    )


def has_silent_heir(ref: SaRef) -> bool:
    """Return whether either peer has established a newer ISAKMP SA to replace this one that has not done so, because
    the peer does not support dead peer detection: it is not confirmed or, behind a NAT, its location is not proved.
    """
    return any(
        other.is_current and not (other.confirmed and other.peer) and not dpd.answers(other)
        for other in ref.tx.state.table.of_claim(ref.sa)
        if not _is_older(other, ref.sa) and is_renewal(other, ref.sa)
    )


def make_room(ref: SaRef) -> None:
    """Delete the oldest replaced SAs of the peer before their time if there are more than `_MOST`: the peer has moved
    its pairs `_MOST` times since.

    An unconfirmed SA ends only unconfirmed ones, because it may not belong to the peer.
    """
    confirmed, all_stay = ref.sa.confirmed, unique(ref) is Unique.NEVER
    replaced = [
        other
        for other in ref.tx.state.table.of_claim(ref.sa)
        if other.heir and other.confirmed is confirmed and (not all_stay or is_renewal(other, ref.sa))
    ]
    for other in replaced[:-_MOST]:
        retire(ref.tx.of(other))


def supersede_unconfirmed(ref: SaRef) -> None:
    """Have older SAs that the peer has not confirmed either replaced by this unconfirmed one.

    A peer that does not support dead peer detection may leave its SAs unconfirmed for long.
    """
    others = ref.tx.state.table.of_claim(ref.sa)
    for other in others:
        waits = other.is_current and not other.confirmed and other.role is ref.sa.role
        if waits and _is_older(other, ref.sa) and is_renewal(other, ref.sa):
            _give_way(ref.tx.of(other), ref)
    if others:
        make_room(ref)


def retire(ref: SaRef) -> None:
    """Delete a replaced SA, and send a Delete for it; its heir keeps the pairs."""
    _say_delete(ref)
    end(ref, "replaced by a newer ISAKMP SA")


def _say_delete(ref: SaRef) -> None:
    """Send a Delete for a replaced SA; its heir knows where a peer behind a NAT is now."""
    pass_on(ref)
    heir = heir_now(ref)
    if heir is not None:
        ref.change(path=heir.sa.path)
    ref.say(delete_ike(ref.sa))


def retire_while_heard(ref: SaRef) -> None:
    """Delete a replaced SA once its peer is known to receive messages, because nothing acknowledges a Delete: a peer
    that misses it may keep the SA until it expires, and replace it once more. If the peer has not sent a message
    lately, ask it under the heir, and wait: packets may pass while its IKE daemon is restarted. The Delete is sent
    twice, because a link may lose a message at any time.
    """
    now, heir = ref.tx.now, heir_now(ref)
    if heir is None or ref.sa.delete_sent:
        retire(ref)
        return
    if not dpd.answers(heir.sa) or now - liveness.last_heard(heir.sa) < _HEARD_WITHIN:
        _say_delete(ref)
        if not ref.has_ended:
            ref.change(delete_sent=True, retires_at=now + _DELETES_AGAIN)
        return
    asked_before = heir.sa.probe is not None
    dpd.ask(heir, heir.sa.path)
    ref.change(retires_at=now + (_LOOKS_AGAIN if asked_before else _ANSWERS_WITHIN))


def _revive(ref: SaRef, why: str) -> None:
    """Use a replaced SA again."""
    sa, now = ref.sa, ref.tx.now
    rekey_at = now + (sa.expires_at - now) / 2 if sa.expires_at > now else 0.0
    ref.change(state=IkeState.ESTABLISHED, heir=0, retires_at=0.0, delete_sent=False, rekey_at=rekey_at, revived=True)
    ref.note(Code.COLLISION, f"ISAKMP SA #{sa.unique_id} is used again: {why}")
    dpd.ask(ref, ref.sa.path)


def stand_again(ref: SaRef) -> None:
    """Use this replaced SA, which the peer has confirmed, again if the peer has not confirmed its heir."""
    heir = ref.tx.state.table.of_number(ref.sa.heir)
    if heir is None:
        _revive(ref, f"#{ref.sa.heir}, which replaced it, has ended")
    elif not heir.confirmed:
        _revive(ref, f"the peer has confirmed it, but not yet #{ref.sa.heir}, which replaced it")


def not_confirmed(ref: SaRef) -> None:
    """Before the end of this SA, which the peer has not confirmed: note that the peer began to replace the others."""
    if ref.sa.role is Role.INITIATOR:
        return
    for other in ref.tx.state.table.of_claim(ref.sa):
        if other.is_current and other.confirmed and _is_older(other, ref.sa) and is_renewal(other, ref.sa):
            ref.tx.of(other).change(revived=True)


def heir_deleted(ref: SaRef) -> None:
    """Before the end of this SA, which the peer deletes: use one again that the peer may have preferred to it. Peers
    delete replaced SAs anyway, so the end of a replaced SA means nothing.
    """
    if ref.sa.heir:
        return
    others = [
        other
        for other in ref.tx.state.table.of_peer(ref.sa)
        if other.heir and not other.delete_sent and other.role is not ref.sa.role
    ]
    preferred = [other for other in others if _last_heir(ref, other) == ref.sa]
    if preferred:
        why = f"the peer deleted #{ref.sa.unique_id}, which replaced it"
        _revive(ref.tx.of(max(preferred, key=lambda other: other.established_at)), why)


def meant_by_vpnc(ref: SaRef, message: Message) -> SaRef | None:
    """Return the SA that ``message``, received under this one, deletes if the peer is vpnc and has just replaced that
    SA by this one: its Delete after a renewal has the cookies of the SA that it continues to use.
    """
    if not is_vpnc(ref.sa.vendors) or not any(ref.sa.cookies in payload.spis for payload in message.all(Delete)):
        return None
    replaced = (other for other in ref.tx.state.table.of_peer(ref.sa) if other.heir == ref.sa.unique_id)
    return next(map(ref.tx.of, replaced), None)


def end_older(ref: SaRef) -> None:
    """Delete the older SAs with the peer and their pairs after INITIAL-CONTACT.

    "the sending system has rebooted and no longer has access to the original SA's" (RFC 2407 §4.6.3.3). At another
    address there may be another system, such as a second client of a user: it is sent Deletes. If ``unique`` is
    ``never``, delete only the SAs at the address of the sender.
    """
    all_stay, reason = unique(ref) is Unique.NEVER, "the peer has no older SAs (INITIAL-CONTACT)"
    for other in _others(ref):
        if not _is_older(other, ref.sa):
            continue
        if is_renewal(other, ref.sa):
            end(ref.tx.of(other), reason, with_children=True)
        elif not all_stay:
            close_ike(ref.tx.of(other), reason)


def prevents(ref: SaRef) -> IkeSa | None:
    """Return the SA at another address that prevents this one because ``unique`` is ``keep``, or None."""
    if ref.sa.initial_contact or unique(ref) is not Unique.KEEP:
        return None
    others = (other for other in _others(ref) if other.is_current and other.confirmed and _is_older(other, ref.sa))
    return next((other for other in others if not is_renewal(other, ref.sa)), None)


def unique(ref: SaRef) -> Unique:
    """Return the setting ``unique`` of the connection."""
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    return Unique.REPLACE if connection is None else connection.unique


def is_renewal(other: IkeSa, sa: IkeSa) -> bool:
    """Return whether ``sa`` has the same remote address as ``other``, or was initiated to replace it."""
    return other.path.remote_host == sa.path.remote_host or sa.replaces == other.unique_id
