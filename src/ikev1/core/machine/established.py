"""What follows once an ISAKMP SA is up: waiting tunnels come up, and older SAs of the same peer give way.

*Last speaker.* Who sends the last message of phase 1 (Main Mode's responder, Aggressive Mode's initiator) has not seen
that the peer took it, nor that the peer meant to reach us: a call of the peer to somebody else may have been led here.
Until a message of Quick Mode, R-U-THERE or its acknowledgement came under the new keys, such an SA is not confirmed:
nothing gives way to it, it takes nothing over, and INITIAL-CONTACT waits. An error notify or a Delete confirms nothing,
for a peer that refuses us sends those.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.machine import dpd
from ikev1.core.machine.commands import begin_quick_mode, close_ike
from ikev1.core.machine.ended import adopt, end
from ikev1.core.machine.sa_table import same_peer
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code, IkeConfirmed
from ikev1.core.records.model import IkeSa, IkeState, Role
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import ExchangeType, NotifyType

_BUSY = 0.3  # seconds that a peer may take for a signature, a certificate, or a lock
_PATIENCE = 5.0  # seconds in which a peer begins Quick Mode, or asks once more for a last message that was lost
_MOST = 8  # older ISAKMP SAs with one peer: a renewal leaves one, and a few more where both sides begin it
_FIRST_WORDS = 60.0  # seconds after phase 1 in which INITIAL-CONTACT may come in a message of its own


def after_establishment(ref: SaRef, last: Message) -> None:
    """Begins what waits for this SA, whose ``last`` message of phase 1 was taken, and has older SAs give way to it."""
    table = ref.tx.state.table
    if ref.sa.awaits_user:
        return  # nobody knows yet who this is
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
    """Ends the oldest of the ISAKMP SAs that the peer has where it is, if there are more than enough.

    One that is not confirmed makes room among its like only: it may not be the peer's own.
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
    """The SA with the same peer elsewhere that is to stay, as the connection has it; None if this one may."""
    if ref.sa.initial_contact or _unique(ref) is not Unique.KEEP:
        return None
    others = (other for other in _older(ref) if other.is_up and other.confirmed)
    return next((other for other in others if not _is_renewal(other, ref.sa)), None)


def _hasten(ref: SaRef) -> None:
    """Repeats what was just sent, or will be, sooner than usual: nothing answers message 3 of Aggressive Mode, and a
    peer that is still busy with it drops what comes right behind.
    """
    at = ref.tx.now + _BUSY
    ref.change(exchanges=tuple(replace(exchange, resend_at=at) for exchange in ref.sa.exchanges))


def confirm(ref: SaRef, *, answered: bool = False) -> None:
    """Notes that the peer has shown that it has this SA, and has older ones give way; ``answered`` if it was by the
    answer to a question of ours, which shows where the peer is as well.
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
    """Obeys INITIAL-CONTACT in an informational ``message`` that was checked, if it follows phase 1 (RFC 2407
    §4.6.3.3); later it would be about SAs that both sides have.
    """
    if ref.has_ended or not _says_initial_contact(message) or ref.tx.now - ref.sa.established_at > _FIRST_WORDS:
        return
    ref.change(initial_contact=True)
    if ref.sa.confirmed:
        _end_older(ref)


def _says_initial_contact(message: Message) -> bool:
    return any(payload.type == NotifyType.INITIAL_CONTACT for payload in message.all(Notification))


# --- older SAs give way ---------------------------------------------------------------------------------------------


def _succeed(ref: SaRef) -> None:
    """Has the older SAs with the peer of this SA, which is confirmed, give way to it."""
    if ref.sa.initial_contact:
        _end_older(ref)
        return
    for other in _older(ref):
        _give_way(ref.tx.of(other), ref)
    _make_room(ref)


def _older(ref: SaRef) -> list[IkeSa]:
    """The SAs with the peer of this SA that came up before it, and the one in whose place we began it."""
    table, sa = ref.tx.state.table, ref.sa
    others = table.of_peer(sa)
    replaced = table.of_number(sa.replaces) if sa.replaces else None
    if replaced is not None and replaced not in others and same_peer(replaced, sa):
        others = [replaced, *others]
    return [other for other in others if other.established_at <= sa.established_at]


def _end_older(ref: SaRef) -> None:
    """ "the sending system has rebooted and no longer has access to the original SA's" (RFC 2407 §4.6.3.3).

    Where peers that share an identity may all stay, the one that says so speaks for what is at its address alone.
    """
    all_stay = _unique(ref) is Unique.NEVER
    for other in _older(ref):
        if not all_stay or _is_renewal(other, ref.sa):
            end(ref.tx.of(other), "the peer has no older SAs (INITIAL-CONTACT)", with_children=True)


def _give_way(other: SaRef, ref: SaRef) -> None:
    """What becomes of ``other`` now that the peer has ``ref`` as well, as the connection's ``unique`` says.

    An SA from where the other one is follows it, whatever that says: the peer has renewed it.
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
    elif not here:  # where the peer was, somebody else may be by now
        end(other, "the peer reconnected from another address")
    else:
        other.change(rekey_at=0.0)


def _unique(ref: SaRef) -> Unique:
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    return Unique.REPLACE if connection is None else connection.unique


def _is_renewal(other: IkeSa, sa: IkeSa) -> bool:
    """Whether ``sa`` is where ``other`` is, or was begun in its place."""
    return other.path.remote_host == sa.path.remote_host or sa.replaces == other.unique_id


def _hand_over(other: SaRef, ref: SaRef) -> None:
    """The pairs of ``other`` go over to ``ref``; nothing is left of one that ended before."""
    children = other.sa.children
    if other.sa.is_up and not children:
        return
    other.change(children=())
    adopt(ref, children)
    if other.sa.state is IkeState.DELETED:
        end(other, "its IPsec SAs moved to a newer ISAKMP SA")
