"""Processing after an ISAKMP SA is established: queued tunnels are negotiated, older SAs of the peer are replaced.

*Unconfirmed SAs.* The sender of the last message of phase 1 (the responder in Main Mode, the initiator in Aggressive
Mode) does not know whether the peer accepted that message, nor whether the peer intended to negotiate with this
gateway: an attacker may have redirected a negotiation meant for another host. Such an SA is unconfirmed until a Quick
Mode message, R-U-THERE or R-U-THERE-ACK is received under the new keys. An unconfirmed SA does not replace older SAs or
take over their pairs, and its INITIAL-CONTACT is deferred. An error notify or a Delete does not confirm the SA, because
a peer that rejects this gateway sends them too.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.machine import dpd
from ikev1.core.machine.commands import begin_quick_mode, close_ike
from ikev1.core.machine.ended import adopt, end
from ikev1.core.machine.sa_table import same_peer
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code, IkeConfirmed
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import ExchangeType, NotifyType

_BUSY = 0.3  # seconds allowed to the peer for a signature, a certificate check or a lock
_PATIENCE = 5.0  # seconds within which a peer starts Quick Mode, or retransmits because the last message was lost
_MOST = 8  # older ISAKMP SAs per peer: a rekeying leaves one, simultaneous rekeying by both sides a few more
_FIRST_WORDS = 60.0  # seconds after phase 1 within which INITIAL-CONTACT is accepted in a separate message


def after_establishment(ref: SaRef, last: Message) -> None:
    """Replace older SAs and negotiate queued tunnels after ``last``, the final message of phase 1, was processed."""
    table = ref.tx.state.table
    if ref.sa.awaits_user:
        return  # the user is not authenticated yet
    if last.header.encrypted and _says_initial_contact(last):
        ref.change(initial_contact=True)
    if not ref.sa.confirmed:
        _make_room(ref)
    first = _who_stays(ref)
    if first is not None:
        text = f"{ref.sa.path.remote} rejected: {first.path.remote} has the same identity, and unique is 'keep'"
        ref.note(Code.DUPLICATE_PEER, text)
        close_ike(ref, "the peer already has an ISAKMP SA")
        return
    if ref.sa.confirmed:
        _succeed(ref)
    if ref.sa.peer is None and table.of_claimed_peer(ref.sa):
        dpd.ask(ref, ref.sa.path, _PATIENCE)
    elif not ref.sa.confirmed and not ref.sa.queued and (ref.sa.role is Role.INITIATOR or table.of_peer(ref.sa)):
        dpd.ask(ref, ref.sa.path, _BUSY if ref.sa.role is Role.INITIATOR else _PATIENCE)
    queued = ref.sa.queued
    if ref.has_ended or not queued:
        return
    ref.change(queued=())
    for tunnel in queued:
        begin_quick_mode(ref, tunnel)
    if ref.sa.role is Role.INITIATOR and last.header.exchange == ExchangeType.AGGRESSIVE:
        _hasten(ref)


def _make_room(ref: SaRef) -> None:
    """Delete the oldest ISAKMP SA with the peer at its current address if there are `_MOST` or more.

    An unconfirmed SA displaces only unconfirmed SAs, because it may not belong to the peer.
    """
    others = [
        other
        for other in ref.tx.state.table.of_claim(ref.sa)
        if other.is_up and other.confirmed is ref.sa.confirmed and _is_renewal(other, ref.sa)
    ]
    if len(others) >= _MOST:
        oldest = ref.tx.of(others[0])
        oldest.say(delete_ike(oldest.sa))
        end(oldest, "too many newer ISAKMP SAs with this peer")


def _who_stays(ref: SaRef) -> IkeSa | None:
    """Return the SA at another address that prevents this one because ``unique`` is ``keep``, or None."""
    if ref.sa.initial_contact or _unique(ref) is not Unique.KEEP:
        return None
    others = (other for other in _older(ref) if other.is_up and other.confirmed)
    return next((other for other in others if not _is_renewal(other, ref.sa)), None)


def _hasten(ref: SaRef) -> None:
    """Schedule an early retransmission of the exchanges just started.

    Message 3 of Aggressive Mode is not acknowledged, and a peer that is still processing it drops the messages that
    follow immediately.
    """
    at = ref.tx.now + _BUSY
    ref.change(exchanges=tuple(replace(exchange, resend_at=at) for exchange in ref.sa.exchanges))


def confirm(ref: SaRef, *, answered: bool = False) -> None:
    """Mark the SA confirmed and replace older SAs.

    ``answered``: the proof was a reply to our R-U-THERE, which proves the peer's address as well.
    """
    sa = ref.sa
    if ref.has_ended or not sa.is_up or sa.awaits_user:
        return
    if not sa.confirmed:
        asks_here = sa.probe is not None and sa.probe.path == sa.path and sa.peer is not None
        ref.change(confirmed=True, probe=None if asks_here else sa.probe)
        ref.tx.report(IkeConfirmed(ref.sa))
    elif not answered:
        return
    _succeed(ref)


def initial_contact(ref: SaRef, message: Message) -> None:
    """Process INITIAL-CONTACT in an authenticated informational ``message`` (RFC 2407 §4.6.3.3).

    Ignore it later than `_FIRST_WORDS` after phase 1: it would then affect SAs that both sides have.
    """
    if ref.has_ended or not _says_initial_contact(message) or ref.tx.now - ref.sa.established_at > _FIRST_WORDS:
        return
    ref.change(initial_contact=True)
    if ref.sa.confirmed:
        _end_older(ref)


def _says_initial_contact(message: Message) -> bool:
    return any(payload.type == NotifyType.INITIAL_CONTACT for payload in message.all(Notification))


# --- replacing older SAs --------------------------------------------------------------------------------------------


def _succeed(ref: SaRef) -> None:
    """Replace the older SAs with the peer of this confirmed SA."""
    if ref.sa.initial_contact:
        _end_older(ref)
        return
    for other in _older(ref):
        _give_way(ref.tx.of(other), ref)
    _make_room(ref)


def _older(ref: SaRef) -> list[IkeSa]:
    """Return the SAs with the same peer established before this SA, and the SA that this gateway replaces by it."""
    table, sa = ref.tx.state.table, ref.sa
    others = table.of_peer(sa)
    replaced = table.of_number(sa.replaces) if sa.replaces else None
    if replaced is not None and replaced not in others and same_peer(replaced, sa):
        others = [replaced, *others]
    return [other for other in others if other.established_at <= sa.established_at]


def _end_older(ref: SaRef) -> None:
    """Delete the older SAs with the peer and their pairs after INITIAL-CONTACT.

    "the sending system has rebooted and no longer has access to the original SA's" (RFC 2407 §4.6.3.3). If
    ``unique`` is ``never``, several peers may share an identity: delete only the SAs at the address of the sender.
    """
    all_stay = _unique(ref) is Unique.NEVER
    for other in _older(ref):
        if not all_stay or _is_renewal(other, ref.sa):
            end(ref.tx.of(other), "the peer has no older SAs (INITIAL-CONTACT)", with_children=True)


def _give_way(other: SaRef, ref: SaRef) -> None:
    """Replace the older SA ``other`` by ``ref``, depending on the ``unique`` setting of the connection.

    If both SAs have the same remote address, ``ref`` replaces ``other`` regardless of ``unique``: the peer has rekeyed.
    """
    here = _is_renewal(other.sa, ref.sa)
    if not here and _unique(ref) is not Unique.REPLACE:
        return
    _hand_over(other, ref)
    if other.has_ended or not other.sa.is_up:
        return
    if ref.sa.replaces == other.sa.unique_id:
        other.say(delete_ike(other.sa))
        end(other, "replaced by a newer ISAKMP SA")
    elif not here:  # another host may have the old address by now
        end(other, "the peer reconnected from another address")
    else:
        other.change(rekey_at=0.0)


def _unique(ref: SaRef) -> Unique:
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    return Unique.REPLACE if connection is None else connection.unique


def _is_renewal(other: IkeSa, sa: IkeSa) -> bool:
    """Return whether ``sa`` has the same remote address as ``other``, or was initiated to replace it."""
    return other.path.remote_host == sa.path.remote_host or sa.replaces == other.unique_id


def _hand_over(other: SaRef, ref: SaRef) -> None:
    """Move the pairs of ``other`` to ``ref``; remove the record of ``other`` if it was already deleted. The pairs of
    unfinished Quick Modes stay with their exchanges.
    """
    children = other.sa.complete_children
    if other.sa.is_up and not children:
        return
    other.change(children=tuple(child for child in other.sa.children if child not in children))
    adopt(ref, children)
    if other.sa.state is IkeState.DELETED:
        end(other, "its IPsec SAs moved to a newer ISAKMP SA")
