"""Processing after an ISAKMP SA is established: queued tunnels are negotiated, older SAs of the peer are replaced.

*Unconfirmed SAs.* The sender of the last message of phase 1 (the responder in Main Mode, the initiator in Aggressive
Mode) does not know whether the peer accepted that message, nor whether the peer intended to negotiate with this
gateway: an attacker may have redirected a negotiation meant for another host. Such an SA is unconfirmed until a Quick
Mode message, R-U-THERE or R-U-THERE-ACK is received under the new keys. An unconfirmed SA does not replace older SAs or
take over their pairs, and its INITIAL-CONTACT is deferred. An error notify or a Delete does not confirm the SA, because
a peer that rejects this gateway sends them too.
"""

from __future__ import annotations

from ikev1.core.machine import dpd, lineage
from ikev1.core.machine.closing import close_ike
from ikev1.core.machine.commands import begin_quick_mode
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code, IkeConfirmed
from ikev1.core.records.exchange import Role
from ikev1.core.records.record import replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType

_INITIAL_CONTACT = NotifyType.INITIAL_CONTACT.value
_BUSY = 0.3  # seconds allowed to the peer for a signature, a certificate check or a lock
_FIRST_WORDS = 60.0  # seconds after phase 1 within which INITIAL-CONTACT is accepted in a separate message


def settle(ref: SaRef) -> bool:
    """Replace older SAs of the peer, which is authenticated; return whether this SA stays."""
    table = ref.tx.state.table
    first = lineage.prevents(ref)
    if first is not None:
        text = f"{ref.sa.path.remote} rejected: {first.path.remote} has the same identity, and unique is 'keep'"
        ref.note(Code.DUPLICATE_PEER, text)
        close_ike(ref, "the peer already has an ISAKMP SA")
        return False
    if ref.sa.confirmed:
        lineage.succeed(ref)
    else:
        lineage.supersede_unconfirmed(ref)
    # An older SA with a peer behind a NAT that has never proved to be there, either
    unproved = [
        other for other in table.of_claim(ref.sa) if other.peer is None and other.confirmed and other.is_current
    ]
    if ref.sa.peer is None and (unproved or table.of_claimed_peer(ref.sa)):
        dpd.ask(ref, ref.sa.path, _BUSY)
        for other in unproved[-1:]:
            dpd.ask(ref.tx.of(other), other.path, _BUSY)
    elif not ref.sa.confirmed and not ref.sa.queued and (ref.sa.role is Role.INITIATOR or table.of_peer(ref.sa)):
        dpd.ask(ref, ref.sa.path, _BUSY)
    return not ref.has_ended


def negotiate_queued(ref: SaRef) -> None:
    """Negotiate the tunnels that waited for this SA."""
    queued = ref.sa.queued
    if ref.has_ended or not queued:
        return
    ref.change(queued=())
    used = lineage.heir_now(ref) or ref
    for tunnel in queued:
        begin_quick_mode(used, tunnel)
    if ref.sa.role is Role.INITIATOR and not ref.sa.confirmed:
        _hasten(ref)


def brings_initial_contact(last: Message) -> bool:
    """Return whether ``last``, the final message of phase 1, has an authenticated INITIAL-CONTACT. It is obeyed once
    the peer is known, after XAUTH.
    """
    return last.header.encrypted and _says_initial_contact(last)


def _hasten(ref: SaRef) -> None:
    """Schedule an early retransmission of the exchanges just started.

    Message 3 of Aggressive Mode is not acknowledged, and a peer that is still processing it drops the messages that
    follow immediately.
    """
    at = ref.tx.now + _BUSY
    ref.change(exchanges=tuple(replace(exchange, resend_at=at) for exchange in ref.sa.exchanges))


def heard_of_user(ref: SaRef) -> None:
    """Mark the SA confirmed: the messages of XAUTH were authentic."""
    if not ref.sa.confirmed:
        ref.change(confirmed=True)
        ref.tx.report(IkeConfirmed(ref.sa))


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
    if ref.sa.heir:
        lineage.stand_again(ref)
    lineage.succeed(ref)


def initial_contact(ref: SaRef, message: Message) -> None:
    """Process INITIAL-CONTACT in an authenticated informational ``message`` (RFC 2407 §4.6.3.3).

    Ignore it later than `_FIRST_WORDS` after phase 1: it would then affect SAs that both sides have.
    """
    if ref.has_ended or not _says_initial_contact(message) or ref.tx.now - ref.sa.established_at > _FIRST_WORDS:
        return
    ref.change(initial_contact=True)
    if ref.sa.confirmed and not ref.sa.awaits_user:
        lineage.end_older(ref)


def _says_initial_contact(message: Message) -> bool:
    return any(payload.type == _INITIAL_CONTACT for payload in message.all(Notification))
