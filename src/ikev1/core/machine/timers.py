"""Timers of ISAKMP SAs: retransmission, timeout, rekeying and expiry.

The records define which timers there are (`IkeSa.timed_parts`); this module defines what each of them does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ikev1.core.exchanges.registry import script_of
from ikev1.core.exchanges.retransmission import transmit, unasked_wait, wait
from ikev1.core.machine import (
    closing,
    commands,
    dpd,
    lineage,
    liveness,
    mode_config,
    named_networks,
    remote_access,
    retirement,
    switch,
    take_over,
)
from ikev1.core.machine.boundary import abandon_exchange, abandon_sa, contain
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.refuse import refuse_answer
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, Remove
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown, Code, Failure
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness, Probe
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.timer import TimerKind
from ikev1.wire.registry import NotifyType

_CHECK_AGAIN = 60.0  # seconds after an internal error until the next check whether the peer is alive
_LOOKS_AGAIN = 5.0  # seconds until an ISAKMP SA is rekeyed that the peer may have rekeyed just now

Part = Exchange | ChildSa | Probe | Liveness | IkeSa


_AT_A_TIME = 32  # ISAKMP SAs whose timers fire before messages of peers have their turn


def expire(state: State, now: float) -> list[Action]:
    """Fire the timers due by ``now``, each in its own transaction; of many SAs those of the first ones."""
    actions: list[Action] = []
    for sa in state.table.due(now, _AT_A_TIME):
        for part in sa.timed_parts:
            for at, kind in part.timers():
                if 0.0 < at <= now:
                    actions += _fire(state, sa, part, kind, now)
    return actions


def _fire(state: State, sa: IkeSa, part: Part, kind: TimerKind, now: float) -> list[Action]:
    """Fire one timer, if its record is still part of the SA: a timer that fired before may have removed it. A record
    that replaced it and is also due is processed separately.
    """
    timer = _TIMERS[kind]

    def has_part() -> bool:
        current = state.table.by_cookies.get(sa.cookies)
        return current is not None and any(each is part for each in current.timed_parts)

    def abandon(tx: Transaction, fault: Refusal) -> None:
        tx.report(Failure(fault.code, fault.text, sa.path.remote, sa, _tunnel_of(part)))
        timer.abandon(tx.of(sa), part)

    if not has_part():
        return []
    actions = contain(state, now, lambda tx: timer.fire(tx.of(sa), part), abandon, sa.path)
    if has_part():  # otherwise the timer would remain due forever
        actions += contain(state, now, lambda tx: abandon_sa(tx.of(sa), "closing it failed"), abandon, sa.path)
    return actions


def _tunnel_of(part: Part) -> str:
    """Return the name of the tunnel that ``part`` is about, empty if none."""
    if isinstance(part, ChildSa):
        return part.name
    return part.tunnel if isinstance(part, Exchange) else ""


# --- exchanges ------------------------------------------------------------------------------------------------------


def _give_up(ref: SaRef, exchange: Exchange) -> None:
    """Abandon an exchange that timed out, or delete one whose last message needs no further retransmission."""
    if exchange is ref.sa.phase1:
        if ref.sa.state is IkeState.CONNECTING:
            give_up_phase1(ref, exchange)
        else:
            ref.change(phase1=None)
        return
    asked_if_alive = liveness.asks(ref.sa, exchange)
    _give_up_phase2(ref, exchange)
    if asked_if_alive:
        liveness.dead_to_quick_mode(ref)
        return
    if not _is_unanswered(exchange):
        return
    if ref.sa.confirmed:
        liveness.unanswered_quick_mode(ref)
        return
    # the peer may not have this ISAKMP SA: negotiate a new one instead of another exchange under this one
    for other in ref.sa.exchanges:
        if 0.0 < other.ends_at <= ref.tx.now:
            _give_up_phase2(ref, other)
    _not_confirmed(ref)


def _is_unanswered(exchange: Exchange) -> bool:
    """Return whether the exchange is a Quick Mode of this gateway without any response."""
    ours = exchange.quick is not None and exchange.role is Role.INITIATOR
    return ours and exchange.complaint is None and exchange.waiting is None


def give_up_phase1(ref: SaRef, exchange: Exchange) -> None:
    """End an ISAKMP SA that was not established, and report why."""
    code, text = reason_of(ref.sa, exchange)
    # A responder has no retransmission timer in phase 1: its `resend_at` is the time to report the complaint
    said_before = exchange.role is Role.RESPONDER and exchange.complaint is not None and not exchange.resend_at
    if not said_before:
        ref.tx.report(Failure(code, text, ref.sa.path.remote_host, ref.sa))
    end(ref, text)


def _give_up_phase2(ref: SaRef, exchange: Exchange) -> None:
    if exchange.transaction is not None:
        remote_access.given_up(ref, exchange)
        return
    if exchange.waiting is not None:
        code = Code.NO_SPI if exchange.child is None else Code.INSTALL_FAILED
        text = f"tunnel {exchange.tunnel!r} is given up: the data plane did not answer in time"
        refuse_answer(ref, exchange, Refusal(code, text, notify=NotifyType.NO_PROPOSAL_CHOSEN))
        return
    ref.become(ref.sa.without_exchange(exchange))
    if exchange.quick is not None and not script_of(exchange).is_over(exchange):
        code, text = reason_of(ref.sa, exchange)
        if code is Code.REFUSED_BY_PEER and (
            named_networks.request(ref, exchange.quick) or commands.begin_with_pfs(ref, exchange.quick)
        ):
            return
        if exchange.child is not None:
            ref.tx.actions.append(Remove(exchange.child))
        ref.tx.report(Failure(code, text, ref.sa.path.remote_host, ref.sa, exchange.quick.tunnel))


def reason_of(sa: IkeSa, exchange: Exchange) -> tuple[Code, str]:
    """Return the code and the text of why ``exchange`` is not finished."""
    if exchange.complaint is not None:
        code, text = exchange.complaint
        return Code(code), text
    script = script_of(exchange)
    asked = script.labels[exchange.step - 1] if exchange.step else script.name
    return (
        Code.PEER_SILENT,
        f"{sa.path.remote_host}[{sa.path.remote_port}] did not respond to {asked} (sent {exchange.tries} times): check "
        "that it is running, and that no firewall drops UDP 500 or 4500",
    )


def _retransmit(ref: SaRef, exchange: Exchange) -> None:
    if exchange is not ref.sa.phase1:
        again = _repeated_unasked(ref, exchange) if exchange.holds_back else _repeated(ref, exchange)
        ref.become(ref.sa.with_exchange(again))
    elif exchange.role is Role.INITIATOR:
        ref.change(phase1=_repeated(ref, exchange))
    else:
        # A responder in phase 1 does not retransmit: it reports the complaint that it held back for a valid message
        ref.fail(*reason_of(ref.sa, exchange))
        ref.change(phase1=replace(exchange, resend_at=0.0))


def _repeated(ref: SaRef, exchange: Exchange) -> Exchange:
    """Retransmit the last message of ``exchange``, and return the changed exchange."""
    state, tries = ref.tx.state, exchange.tries + 1
    label = script_of(exchange).labels[exchange.step - 1]
    ref.tx.actions += transmit(exchange, ref.sa.path)
    sent = f"{exchange.tries} transmission{'s'[: exchange.tries > 1]}"
    ref.note(Code.RETRANSMIT, f"resending {label}: no response to {sent}")
    again = tries <= state.settings.retransmit_tries
    resend_at = ref.tx.now + wait(state.settings, tries, state.random) if again else 0.0
    return replace(exchange, tries=tries, resend_at=resend_at)


def _repeated_unasked(ref: SaRef, exchange: Exchange) -> Exchange:
    """Repeat the last message of ``exchange``, which nobody answers, and return the changed exchange."""
    tries = exchange.tries + 1
    delay = unasked_wait(tries)
    ref.tx.actions += transmit(exchange, ref.sa.path)
    return replace(exchange, tries=tries, resend_at=ref.tx.now + delay if delay else 0.0)


def _abandon_exchange(ref: SaRef, exchange: Exchange) -> None:
    if exchange is not ref.sa.phase1:
        abandon_exchange(ref, exchange)
    elif ref.sa.state is IkeState.CONNECTING:
        abandon_sa(ref, "internal error")
    else:
        ref.change(phase1=None)


# --- pairs of IPsec SAs ---------------------------------------------------------------------------------------------


def _expire_child(ref: SaRef, child: ChildSa) -> None:
    closing.close_child(ref, child, "lifetime expired")


def _abandon_child(ref: SaRef, child: ChildSa) -> None:
    ref.become(ref.sa.without_child(child))
    ref.tx.actions.append(Remove(child))
    ref.tx.report(ChildDown(ref.sa, child, "lifetime expired"))


def _keep_child(ref: SaRef, child: ChildSa) -> None:
    ref.become(ref.sa.with_child(replace(child, rekey_at=0.0)))


# --- the peer and the ISAKMP SA -------------------------------------------------------------------------------------


def _ask_again(ref: SaRef, probe: Probe) -> None:
    """Repeat an unanswered probe; after the last one, end an ISAKMP SA that the peer has not confirmed. A probe of a
    new path that fails has no other effect: the peer is not at that path.
    """
    if not dpd.exhausted(ref.sa, probe):
        dpd.repeat(ref)
        return
    ref.change(probe=None)
    if not ref.sa.confirmed and probe.path == ref.sa.path:
        _not_confirmed(ref)


def _not_confirmed(ref: SaRef) -> None:
    text = f"{ref.sa.path.remote} did not confirm the ISAKMP SA: it may have rejected or missed our last message"
    ref.tx.report(Failure(Code.NOT_CONFIRMED, text, ref.sa.path.remote_host, ref.sa))
    lineage.not_confirmed(ref)
    end(ref, text)


def _abandon_ike(ref: SaRef, sa: IkeSa) -> None:
    abandon_sa(ref, "lifetime expired")


def _check_later(ref: SaRef, _: Liveness) -> None:
    ref.change(liveness=Liveness(check_at=ref.tx.now + _CHECK_AGAIN))


def _rekey_ike(ref: SaRef, sa: IkeSa) -> None:
    """Rekey an ISAKMP SA, unless the peer seems to have done that a moment ago: then look again soon. If either peer
    has, and only a Quick Mode can confirm it, look again after half of the time that is left.
    """
    if lineage.may_have_heir(ref):
        ref.change(rekey_at=ref.tx.now + _LOOKS_AGAIN)
    elif lineage.has_silent_heir(ref):
        left = ref.sa.expires_at - ref.tx.now
        ref.change(rekey_at=ref.tx.now + left / 2 if left > _LOOKS_AGAIN else 0.0)
    else:
        commands.rekey_ike(ref)


class Timer(NamedTuple):
    """The handler of a timer, and the fallback after an internal error in the handler. The fallback is so simple that
    it cannot fail, too, and ensures that the timer does not fire again.
    """

    fire: Callable[[SaRef, Any], None]
    abandon: Callable[[SaRef, Any], None]


_TIMERS: dict[TimerKind, Timer] = {
    TimerKind.RETRANSMIT: Timer(_retransmit, _abandon_exchange),
    TimerKind.GIVE_UP: Timer(_give_up, _abandon_exchange),
    TimerKind.PROCEED: Timer(switch.switch, _abandon_exchange),
    TimerKind.EXPIRE_CHILD: Timer(_expire_child, _abandon_child),
    TimerKind.RETIRE_CHILD: Timer(retirement.retire_children, _abandon_child),
    TimerKind.REKEY_CHILD: Timer(commands.rekey_child, _keep_child),
    TimerKind.PROBE: Timer(_ask_again, lambda ref, probe: ref.change(probe=None)),
    TimerKind.GIVE_UP_PEER: Timer(liveness.unanswered, lambda ref, probe: ref.change(probe=None)),
    TimerKind.CHECK_PEER: Timer(lambda ref, live: liveness.check(ref), _check_later),
    TimerKind.EXPIRE_IKE: Timer(lambda ref, sa: remote_access.expire(ref), _abandon_ike),
    TimerKind.CONFIG: Timer(lambda ref, sa: mode_config.given_up(ref), _abandon_ike),
    TimerKind.RETIRE_IKE: Timer(lambda ref, sa: lineage.retire_while_heard(ref), _abandon_ike),
    TimerKind.END_SESSION: Timer(lambda ref, sa: remote_access.end_session(ref), _abandon_ike),
    TimerKind.RESUME: Timer(lambda ref, sa: take_over.resume(ref), lambda ref, sa: ref.change(lost=(), resumes_at=0.0)),
    TimerKind.REKEY_IKE: Timer(_rekey_ike, lambda ref, sa: ref.change(rekey_at=0.0)),
}
