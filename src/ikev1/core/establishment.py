"""What follows once an ISAKMP SA is up: older ones of the same peer give way, and waiting tunnels come up."""

from __future__ import annotations

from ikev1.core.actions import Action, Keep
from ikev1.core.informational import delete_ike
from ikev1.core.model import IkeSa, IkeState, Role
from ikev1.core.record import replace
from ikev1.core.state import State
from ikev1.core.wishes import begin_quick_mode
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import ExchangeType, NotifyType

__all__ = ["after_establishment"]

_BUSY = 0.3  # seconds that a peer may take for a signature, a certificate, or a lock


def after_establishment(state: State, sa: IkeSa, last: Message, now: float) -> list[Action]:
    """Sorts out the other ISAKMP SAs with the peer of ``sa``, whose ``last`` message was taken; begins what waits."""
    if sa.awaits_user:
        return []  # nobody knows yet who this is
    actions: list[Action] = []
    for other in state.table.of_peer(sa):
        if other.state is not IkeState.CONNECTING:
            actions += _give_way(state, other, sa.cookies, last, now)
    queued, sa = sa.queued, state.table.by_cookies[sa.cookies]
    if not queued:
        return actions
    state.table.put(sa, replace(sa, queued=()))
    for tunnel in queued:
        actions += begin_quick_mode(state, state.table.by_cookies[sa.cookies], tunnel, now)
    if sa.role is Role.INITIATOR and last.header.exchange == ExchangeType.AGGRESSIVE:
        _hasten(state, state.table.by_cookies[sa.cookies], now)
    return actions


def _hasten(state: State, sa: IkeSa, now: float) -> None:
    """Repeats what was just sent sooner than usual: nothing answers message 3 of Aggressive Mode, and a peer that is
    still busy with it drops what comes right behind.
    """
    hastened = tuple(replace(exchange, resend_at=now + _BUSY) for exchange in sa.exchanges)
    state.table.put(sa, replace(sa, exchanges=hastened))


def _give_way(state: State, other: IkeSa, heir: bytes, last: Message, now: float) -> list[Action]:
    sa = state.table.by_cookies[heir]
    if sa.role is Role.RESPONDER and _initial_contact(last):
        # RFC 2407 §4.6.3.3: "the sending system has rebooted and no longer has access to the original SA's"
        return state.end(other, "the peer began anew (INITIAL-CONTACT)", orphan=True)
    children = other.children
    bare = replace(other, children=())
    state.table.put(other, bare)
    actions = [*state.adopt(sa, children), Keep(bare)]
    if sa.replaces != other.unique_id:
        return actions
    actions += state.say(bare, [delete_ike(bare)], now)
    return [*actions, *state.end(state.table.by_cookies[bare.cookies], "a newer one took its place")]


def _initial_contact(message: Message) -> bool:
    return any(payload.type == NotifyType.INITIAL_CONTACT for payload in message.all(Notification))
