"""What we begin or end of our own will: ISAKMP SAs and pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Container

from ikev1.core.actions import Action, Keep, Remove, Report
from ikev1.core.envelope import phase2_iv
from ikev1.core.events import ChildDown, Failure
from ikev1.core.informational import delete_child, delete_ike, fresh_message_id
from ikev1.core.main_mode import MAIN_MODE
from ikev1.core.model import ChildSa, ChildState, IkeSa, IkeState, KeyShare, Path, QuickMode, Role
from ikev1.core.quick_mode import QUICK_MODE
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.retransmit import patience
from ikev1.core.script import begin, new_exchange
from ikev1.core.scripts import aggressive_mode
from ikev1.core.selector import Selector
from ikev1.core.settings import Connection, Mode
from ikev1.core.state import State
from ikev1.core.traffic import tunnel_selectors
from ikev1.wire.header import NO_COOKIE
from ikev1.wire.registry import ProtocolId

__all__ = ["begin_phase1", "begin_quick_mode", "close_child", "close_ike", "rekey_child", "rekey_ike", "take_over"]


def begin_phase1(
    state: State, connection: Connection, path: Path, queued: tuple[str, ...], now: float, replaces: int = 0
) -> list[Action]:
    """Calls the peer of ``connection`` along ``path``; the ``queued`` tunnels come up after that.

    Raises:
        Refusal: the first message cannot be built.
    """
    sa = IkeSa(
        state.next_unique_id(),
        connection.name,
        Role.INITIATOR,
        path,
        state.random(8),
        NO_COOKIE,
        now,
        queued=queued,
        replaces=replaces,
    )
    script = MAIN_MODE
    if connection.mode is Mode.AGGRESSIVE:
        script = aggressive_mode(connection.policies[0].suite.authentication)
    turn = state.turn(sa, new_exchange(script, 0, Role.INITIATOR, now + patience(state.settings)), now)
    begin(script, turn)
    return state.commit(None, turn, turn.exchange)


def begin_quick_mode(
    state: State, sa: IkeSa, tunnel: str, now: float, selectors: tuple[Selector, Selector] | None = None
) -> list[Action]:
    """Negotiates a pair of IPsec SAs for ``tunnel`` under ``sa``; for these selectors, or the configured ones."""
    draft = state.turn(sa, new_exchange(QUICK_MODE, 1, Role.INITIATOR, 0.0), now)
    configured = next((known for known in draft.connection.tunnels if known.name == tunnel), None)
    if configured is None:
        return []
    message_id = fresh_message_id(draft)
    local, remote = selectors or tunnel_selectors(draft, configured)
    exchange = new_exchange(
        QUICK_MODE, message_id, Role.INITIATOR, now + patience(state.settings), phase2_iv(sa, message_id)
    )
    try:
        spi = state.free_spi(sa.path, configured.proposals[0].suite.protocol)
        cpi = state.free_spi(sa.path, ProtocolId.IPCOMP) if configured.compress else 0
        quick = QuickMode(tunnel, KeyShare(b""), spi, local, remote, cpi)
        turn = state.turn(sa, replace(exchange, quick=quick), now)
        turn.sa = replace(sa, spent_message_ids=sa.spent_message_ids | {message_id})
        begin(QUICK_MODE, turn)
    except Refusal as refusal:
        return [Report(Failure(refusal.code, refusal.text, sa.path.remote_host, sa, tunnel))]
    return state.commit(sa, turn, turn.exchange)


def rekey_child(state: State, sa: IkeSa, child: ChildSa, now: float) -> list[Action]:
    """Negotiates the pair that follows ``child``; until it is there, tries again now and then."""
    waiting = replace(child, rekey_at=_again_at(state, child, now))
    children = tuple(waiting if other is child else other for other in sa.children)
    sa_waiting = replace(sa, children=children)
    state.table.put(sa, sa_waiting)
    return begin_quick_mode(state, sa_waiting, child.name, now, (child.local, child.remote))


def _again_at(state: State, sa: IkeSa | ChildSa, now: float) -> float:
    """When to begin again a replacement that did not come: once this attempt is given up; 0 if that is too late."""
    at = now + patience(state.settings)
    return at if at < sa.expires_at else 0.0


def rekey_ike(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Negotiates the ISAKMP SA that follows ``sa`` and takes over its pairs.

    "If the responder has to rekey the Phase 1 SA, then the rekey negotiation MUST be started by using UDP(4500,Y)"
    (RFC 3947 §4): the new one begins where the old one is.
    """
    connection = state.lookup.by_name(sa.connection)
    waiting = replace(sa, rekey_at=_again_at(state, sa, now))
    if connection is None:
        state.table.put(sa, replace(waiting, rekey_at=0.0))
        return []
    state.table.put(sa, replace(waiting, state=IkeState.REKEYING))
    return begin_phase1(state, connection, sa.path, (), now, replaces=sa.unique_id)


def close_child(state: State, sa: IkeSa, child: ChildSa, reason: str, now: float) -> list[Action]:
    """Deletes a pair and tells the peer."""
    bare = replace(sa, children=tuple(other for other in sa.children if other is not child))
    state.table.put(sa, bare)
    told = state.say(bare, [delete_child(child)], now)
    return [*told, Remove(child), Report(ChildDown(state.table.by_cookies[sa.cookies], child, reason))]


def close_ike(state: State, sa: IkeSa, reason: str, now: float) -> list[Action]:
    """Deletes an ISAKMP SA with its pairs and tells the peer."""
    if sa.state is IkeState.CONNECTING:
        return state.end(sa, reason)
    told: list[Action] = []
    # Each in a message of its own: strongSwan obeys only the first Delete payload of a message
    for payload in (*map(delete_child, sa.children), delete_ike(sa)):
        told += state.say(state.table.by_cookies[sa.cookies], [payload], now)
    return [*told, *state.end(state.table.by_cookies[sa.cookies], reason, orphan=True)]


def take_over(state: State, sa: IkeSa, now: float, alive: Container[int]) -> list[Action]:
    """Goes on with an ISAKMP SA of a process that is no more, and with its pairs whose inbound SPIs are ``alive``;
    replaces the others, which nobody can go on with.
    """
    state.unique_ids = max(state.unique_ids, sa.unique_id, *(child.unique_id for child in sa.children), 0)
    survivors = tuple(child for child in sa.children if child.inbound.spi in alive)
    dead = [child for child in sa.children if child.inbound.spi not in alive]
    left = replace(sa, state=IkeState.ESTABLISHED, phase1=None, exchanges=(), children=survivors)
    state.table.put(None, left)
    if 0.0 < sa.expires_at <= now:
        return close_ike(state, left, "its lifetime is over", now)
    actions: list[Action] = [Keep(left)]
    for child in dead:
        actions += state.say(state.table.by_cookies[sa.cookies], [delete_child(child)], now)
    for child in dead:
        if child.state is ChildState.INSTALLED:
            current = state.table.by_cookies[sa.cookies]
            actions += begin_quick_mode(state, current, child.name, now, (child.local, child.remote))
    return actions
