"""What the clock asks for: repeat, give up, replace, end."""

from __future__ import annotations

from ikev1.core.exchanges.registry import script_of
from ikev1.core.exchanges.retransmission import transmit, wait
from ikev1.core.machine import commands, dpd
from ikev1.core.machine.engine_state import State
from ikev1.core.records.actions import Action, Keep, Remove, Report
from ikev1.core.records.events import Code, Failure, Note
from ikev1.core.records.model import ChildSa, ChildState, Exchange, IkeSa, IkeState, Role
from ikev1.core.records.record import replace


def expire(state: State, now: float) -> list[Action]:
    """Does all that is due by ``now``."""
    actions: list[Action] = []
    for sa in state.table.due(now):
        actions += _exchanges(state, sa, now)
        current = state.table.by_cookies.get(sa.cookies)
        if current is not None:
            actions += _children(state, current, now)
        current = state.table.by_cookies.get(sa.cookies)
        if current is not None:
            actions += _probe(state, current, now)
        current = state.table.by_cookies.get(sa.cookies)
        if current is not None:
            actions += _ike(state, current, now)
    return actions


def _is_due(at: float, now: float) -> bool:
    return 0.0 < at <= now


# --- exchanges ------------------------------------------------------------------------------------------------------


def _exchanges(state: State, sa: IkeSa, now: float) -> list[Action]:
    actions: list[Action] = []
    phase1 = sa.phase1
    if phase1 is not None and _is_due(phase1.ends_at, now):
        if sa.state is IkeState.CONNECTING:
            return _give_up_phase1(state, sa, phase1)
        phase1 = None
    elif phase1 is not None and _is_due(phase1.resend_at, now) and phase1.role is Role.RESPONDER:
        phase1 = _complain(sa, phase1, actions)
    elif phase1 is not None and _is_due(phase1.resend_at, now):
        phase1 = _repeat(state, sa, phase1, actions, now)
    left = []
    unanswered = False
    for exchange in sa.exchanges:
        if _is_due(exchange.ends_at, now):
            actions += _give_up_phase2(sa, exchange)
            unanswered = unanswered or _is_unanswered(exchange)
        elif _is_due(exchange.resend_at, now):
            left.append(_repeat(state, sa, exchange, actions, now))
        else:
            left.append(exchange)
    waiting = replace(sa, phase1=phase1, exchanges=tuple(left))
    state.table.put(sa, waiting)
    if unanswered and not sa.confirmed:
        # the peer may never have meant to reach us: it is called anew rather than asked under this ISAKMP SA again
        actions += _not_confirmed(state, waiting)
    return actions


def _is_unanswered(exchange: Exchange) -> bool:
    """Whether the exchange is a Quick Mode of ours to which nothing came."""
    return exchange.quick is not None and exchange.role is Role.INITIATOR and exchange.complaint is None


def _repeat(state: State, sa: IkeSa, exchange: Exchange, actions: list[Action], now: float) -> Exchange:
    settings = state.settings
    label = script_of(exchange).labels[exchange.step - 1]
    actions += transmit(exchange, sa.path)
    text = f"{label} is sent again, no answer to {exchange.tries} so far"
    actions.append(Report(Note(Code.RETRANSMIT, text, sa)))
    tries = exchange.tries + 1
    again = tries <= settings.retransmit_tries
    return replace(exchange, tries=tries, resend_at=now + wait(settings, tries, state.random) if again else 0.0)


def _complain(sa: IkeSa, exchange: Exchange, actions: list[Action]) -> Exchange:
    """Says what was held back in the hope of something better; a responder in phase 1 repeats nothing by the clock."""
    code, text = _reason(sa, exchange)
    actions.append(Report(Failure(code, text, sa.path.remote, sa)))
    return replace(exchange, resend_at=0.0)


def _reason(sa: IkeSa, exchange: Exchange) -> tuple[Code, str]:
    if exchange.complaint is not None:
        code, text = exchange.complaint
        return Code(code), text
    script = script_of(exchange)
    asked = script.labels[exchange.step - 1] if exchange.step else script.name
    return (
        Code.PEER_SILENT,
        f"{sa.path.remote_host}[{sa.path.remote_port}] did not answer {asked} ({exchange.tries} times sent): is it "
        "there, and does a firewall let UDP 500 and 4500 through both ways?",
    )


def _give_up_phase1(state: State, sa: IkeSa, exchange: Exchange) -> list[Action]:
    code, text = _reason(sa, exchange)
    # A responder repeats nothing by the clock: what is still to come then is the complaint
    said_before = exchange.role is Role.RESPONDER and exchange.complaint is not None and not exchange.resend_at
    failures = [] if said_before else [Report(Failure(code, text, sa.path.remote_host, sa))]
    return [*failures, *state.end(sa, text)]


def _give_up_phase2(sa: IkeSa, exchange: Exchange) -> list[Action]:
    if script_of(exchange).is_over(exchange) or exchange.quick is None:
        return []
    code, text = _reason(sa, exchange)
    unfinished = [] if exchange.child is None else [Remove(exchange.child)]
    return [*unfinished, Report(Failure(code, text, sa.path.remote_host, sa, exchange.quick.tunnel))]


# --- lifetimes ------------------------------------------------------------------------------------------------------


def _children(state: State, sa: IkeSa, now: float) -> list[Action]:
    actions: list[Action] = []
    for child in sa.children:
        current = state.table.by_cookies.get(sa.cookies)
        if current is None or child not in current.children:
            continue
        if _is_due(child.expires_at, now):
            actions += commands.close_child(state, current, child, _end_of(child), now)
        elif _is_due(child.rekey_at, now):
            actions += commands.rekey_child(state, current, child, now)
    return actions


def _end_of(child: ChildSa) -> str:
    return "a newer pair took its place" if child.state is ChildState.REKEYED else "its lifetime is over"


def _probe(state: State, sa: IkeSa, now: float) -> list[Action]:
    """A peer that was asked whether it is there, and did not answer: elsewhere it is not, and an ISAKMP SA that it has
    never shown to have is none.
    """
    if sa.probe is None or not _is_due(sa.probe.resend_at, now):
        return []
    if not dpd.exhausted(sa.probe):
        return dpd.repeat(state, sa, now)
    asked_here = sa.probe.path == sa.path
    done = replace(sa, probe=None)
    state.table.put(sa, done)
    if sa.confirmed or not asked_here:
        return [Keep(done)]
    return _not_confirmed(state, done)


def _not_confirmed(state: State, sa: IkeSa) -> list[Action]:
    text = f"{sa.path.remote} did not confirm the ISAKMP SA: it may have refused our last message, or missed it"
    return [Report(Failure(Code.NOT_CONFIRMED, text, sa.path.remote_host, sa)), *state.end(sa, text)]


def _ike(state: State, sa: IkeSa, now: float) -> list[Action]:
    if _is_due(sa.expires_at, now):
        return commands.expire_ike(state, sa, now)
    if _is_due(sa.rekey_at, now):
        return commands.rekey_ike(state, sa, now)
    return []
