"""What we begin or end of our own will: ISAKMP SAs and pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Container

from ikev1.core.exchanges.informational import delete_child, delete_ike
from ikev1.core.exchanges.interpreter import begin, new_exchange
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.registry import aggressive_mode, script_of
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine.engine_state import State
from ikev1.core.peer.connection_lookup import called_address, is_address
from ikev1.core.peer.traffic_selectors import tunnel_selectors
from ikev1.core.records.actions import Action, Keep, Remove, Report
from ikev1.core.records.events import ChildDown, Code, Failure, Note
from ikev1.core.records.model import ChildSa, ChildState, IkeSa, IkeState, KeyShare, QuickMode, Role, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Mode
from ikev1.wire.header import NO_COOKIE
from ikev1.wire.registry import ProtocolId


def begin_phase1(
    state: State, connection: Connection, path: UdpPath, queued: tuple[str, ...], now: float, replaces: int = 0
) -> list[Action]:
    """Calls the peer of ``connection`` along ``path``; the ``queued`` tunnels come up after that.

    A first message that cannot be built, as when our identity is too long for the peer's key, is reported.
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
    context = state.context(sa, new_exchange(script, 0, Role.INITIATOR, now + patience(state.settings)), now)
    try:
        begin(script, context)
    except Refusal as refusal:
        failure = Failure(refusal.code, refusal.text, path.remote_host)
        return [Report(failure._replace(tunnel=tunnel)) for tunnel in queued or ("",)]
    return state.commit(None, context, context.exchange)


def is_under_way(sa: IkeSa, tunnel: str) -> bool:
    """Whether ``tunnel`` is being negotiated under ``sa``, or will be once ``sa`` is established."""
    return tunnel in sa.queued or any(
        exchange.quick is not None
        and exchange.quick.tunnel == tunnel
        and exchange.role is Role.INITIATOR
        and exchange.step < len(script_of(exchange).rows)
        for exchange in sa.exchanges
    )


def begin_quick_mode(
    state: State, sa: IkeSa, tunnel: str, now: float, selectors: tuple[Selector, Selector] | None = None
) -> list[Action]:
    """Negotiates a pair of IPsec SAs for ``tunnel`` under ``sa``; for these selectors, or the configured ones."""
    draft = state.context(sa, new_exchange(QUICK_MODE, 1, Role.INITIATOR, 0.0), now)
    configured = next((known for known in draft.connection.tunnels if known.name == tunnel), None)
    if configured is None or not sa.is_up:
        return []
    numbered, message_id = fresh_message_id(sa)
    allowed = tunnel_selectors(draft, configured)
    local, remote = selectors or allowed
    if not (allowed[0].contains(local) and allowed[1].contains(remote)):
        text = f"{local} === {remote} is not renewed: tunnel {tunnel!r} is for {allowed[0]} === {allowed[1]} by now"
        return [Report(Failure(Code.SELECTORS_UNACCEPTABLE, text, sa.path.remote_host, sa, tunnel))]
    exchange = new_exchange(
        QUICK_MODE, message_id, Role.INITIATOR, now + patience(state.settings), phase2_iv(sa, message_id)
    )
    try:
        spi = state.free_spi(sa.path, configured.proposals[0].suite.protocol)
        cpi = state.free_spi(sa.path, ProtocolId.IPCOMP) if configured.compress else 0
        context = state.context(sa, exchange, now)
        context.sa = numbered
        begin(QUICK_MODE, context, QuickMode(tunnel, KeyShare(b""), spi, local, remote, cpi))
    except Refusal as refusal:
        return [Report(Failure(refusal.code, refusal.text, sa.path.remote_host, sa, tunnel))]
    return state.commit(sa, context, context.exchange)


def rekey_child(state: State, sa: IkeSa, child: ChildSa, now: float) -> list[Action]:
    """Negotiates the pair that follows ``child``; until it is there, tries again now and then.

    Where the ISAKMP SA of ``child`` has ended, another one with the same peer serves, or the peer is called first.
    """
    waiting = replace(child, rekey_at=_again_at(state, child, now))
    children = tuple(waiting if other is child else other for other in sa.children)
    sa_waiting = replace(sa, children=children)
    state.table.put(sa, sa_waiting)
    selectors = child.local, child.remote
    if sa.is_up and state.believes(sa):
        return begin_quick_mode(state, sa_waiting, child.name, now, selectors)
    others = [other for other in state.table.of_peer(sa) if other.is_up and state.believes(other)]
    if others:
        confirmed = [other for other in others if other.confirmed] or others
        return begin_quick_mode(state, confirmed[-1], child.name, now, selectors)
    connection = state.lookup.by_name(sa.connection)
    calling = any(other.is_call_of_ours for other in state.table.of_connection(sa.connection))
    if connection is None or not is_address(connection.remote_address) or calling:
        return []
    # the pair goes over to the new ISAKMP SA, and is renewed under that when its next try is due
    return begin_phase1(state, connection, _path_to(sa, connection), (), now)


def _path_to(sa: IkeSa, connection: Connection) -> UdpPath:
    """Where to call the peer of ``sa``: where the configuration says, for ``sa`` may be stale."""
    path = sa.path
    return UdpPath(path.local_host, path.local_port, connection.remote_address, path.remote_port)


def _again_at(state: State, sa: IkeSa | ChildSa, now: float) -> float:
    """When to begin again a replacement that did not come: once this attempt is given up; 0 if that is too late."""
    at = now + patience(state.settings)
    return at if at < sa.expires_at else 0.0


def rekey_ike(state: State, sa: IkeSa, now: float, queued: tuple[str, ...] = ()) -> list[Action]:
    """Negotiates the ISAKMP SA that follows ``sa`` and takes over its pairs; the ``queued`` tunnels come up after that.

    "If the responder has to rekey the Phase 1 SA, then the rekey negotiation MUST be started by using UDP(4500,Y)"
    (RFC 3947 §4): the new one begins where the old one is.
    """
    connection = state.lookup.by_name(sa.connection)
    waiting = replace(sa, rekey_at=_again_at(state, sa, now))
    if connection is None:
        state.table.put(sa, replace(waiting, rekey_at=0.0))
        return []
    state.table.put(sa, replace(waiting, state=IkeState.REKEYING))
    return begin_phase1(state, connection, sa.path, queued, now, replaces=sa.unique_id)


def reauthenticate(state: State, sa: IkeSa, now: float, queued: tuple[str, ...] = ()) -> list[Action]:
    """Ends what an ISAKMP SA may negotiate whose peer was believed by what the configuration no longer holds, or by
    what an earlier version did not note.

    If its connection is gone, it is closed with its pairs. Else the peer is called anew where it can be, and the
    ``queued`` tunnels come up after that; where it cannot, or the address to call is another one by now, the ISAKMP SA
    is deleted. Its pairs live until their end, and are renewed only under an ISAKMP SA that is believed by what is
    configured now.
    """
    connection = state.lookup.by_name(sa.connection)
    if connection is None:
        return close_ike(state, sa, "its connection was removed from the configuration", now)
    why = f"connection {connection.name!r} changed whom it believes"
    if sa.anchor is None:
        why = "an earlier version kept this ISAKMP SA, and did not note by what the peer was believed"
    text = f"{why}: the peer has to authenticate again"
    actions: list[Action] = [Report(Note(Code.REAUTHENTICATION, text, sa))]
    if called_address(connection) == sa.hosts[1]:
        if sa.state is IkeState.REKEYING:
            return []
        return [*actions, *rekey_ike(state, sa, now, queued)]
    actions += state.say(sa, [delete_ike(sa)], now)
    return [*actions, *state.end(state.table.by_cookies[sa.cookies], text)]


def end_removed(state: State, sa: IkeSa) -> list[Action]:
    """Ends the pairs that an ISAKMP SA left behind if their connection is gone: nobody else would end them."""
    if state.lookup.by_name(sa.connection) is not None:
        return []
    return state.end(sa, "its connection was removed from the configuration", with_children=True)


def close_child(state: State, sa: IkeSa, child: ChildSa, reason: str, now: float) -> list[Action]:
    """Deletes a pair and tells the peer."""
    bare = replace(sa, children=tuple(other for other in sa.children if other is not child))
    state.table.put(sa, bare)
    told = state.say(bare, [delete_child(child)], now) if sa.is_up else [Keep(bare)]
    ends: list[Action] = [Remove(child), Report(ChildDown(state.table.by_cookies[sa.cookies], child, reason))]
    if bare.state is IkeState.DELETED and not bare.children:
        ends += state.end(bare, reason)  # nothing is left that its record was kept for
    return [*told, *ends]


def close_ike(state: State, sa: IkeSa, reason: str, now: float) -> list[Action]:
    """Deletes an ISAKMP SA with its pairs and tells the peer."""
    if not sa.is_up:
        return state.end(sa, reason, with_children=True)
    told: list[Action] = []
    # Each in a message of its own: strongSwan obeys only the first Delete payload of a message
    for payload in (*map(delete_child, sa.children), delete_ike(sa)):
        told += state.say(state.table.by_cookies[sa.cookies], [payload], now)
    return [*told, *state.end(state.table.by_cookies[sa.cookies], reason, with_children=True)]


def expire_ike(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Ends an ISAKMP SA whose lifetime is over. Its pairs live on, so the peer is not told as long as there are any:
    strongSwan would take them down with the ISAKMP SA.
    """
    told = [] if sa.children else state.say(sa, [delete_ike(sa)], now)
    return [*told, *state.end(state.table.by_cookies[sa.cookies], "its lifetime is over")]


def take_over(state: State, sa: IkeSa, now: float, alive: Container[int]) -> list[Action]:
    """Goes on with an ISAKMP SA of a process that is no more, and with its pairs whose inbound SPIs are ``alive``;
    replaces the others, which nobody can go on with.
    """
    state.unique_ids = max(state.unique_ids, sa.unique_id, *(child.unique_id for child in sa.children), 0)
    survivors = tuple(child for child in sa.children if child.inbound.spi in alive)
    dead = [child for child in sa.children if child.inbound.spi not in alive]
    stays = IkeState.DELETED if sa.state is IkeState.DELETED else IkeState.ESTABLISHED
    left = replace(sa, state=stays, phase1=None, exchanges=(), children=survivors)
    state.table.put(None, left)
    if stays is IkeState.DELETED:
        ended = end_removed(state, left)
        if ended or survivors:
            return ended or [Keep(left)]
        return state.end(left, "its pairs ended with an earlier process")
    if 0.0 < sa.expires_at <= now:
        return expire_ike(state, left, now)
    actions: list[Action] = [Keep(left)]
    for child in dead:
        actions += state.say(state.table.by_cookies[sa.cookies], [delete_child(child)], now)
    lost = [child for child in dead if child.state is ChildState.INSTALLED]
    if not state.believes(left):
        wanted = tuple(dict.fromkeys(child.name for child in lost))
        return [*actions, *reauthenticate(state, state.table.by_cookies[sa.cookies], now, wanted)]
    for child in lost:
        current = state.table.by_cookies[sa.cookies]
        actions += begin_quick_mode(state, current, child.name, now, (child.local, child.remote))
    return actions
