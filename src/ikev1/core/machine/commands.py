"""What we begin or end of our own will: ISAKMP SAs and pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Container, Iterable

from ikev1.core.exchanges.informational import delete_child, delete_ike
from ikev1.core.exchanges.interpreter import begin, new_exchange
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.registry import aggressive_mode, script_of
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.peer.connection_lookup import ConnectionLookup, called_address, is_address
from ikev1.core.peer.traffic_selectors import tunnel_selectors
from ikev1.core.records.actions import Remove
from ikev1.core.records.events import ChildDown, Code, Failure
from ikev1.core.records.model import ChildSa, ChildState, IkeSa, IkeState, KeyShare, QuickMode, Role, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Mode
from ikev1.wire.header import NO_COOKIE


def begin_phase1(
    tx: Transaction, connection: Connection, path: UdpPath, queued: tuple[str, ...], replaces: int = 0
) -> None:
    """Calls the peer of ``connection`` along ``path``; the ``queued`` tunnels come up after that.

    Raises:
        Refusal: the first message cannot be built; nothing has changed.
    """
    state, now = tx.state, tx.now
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
    ref = tx.of(sa)
    context = ref.context(new_exchange(script, 0, Role.INITIATOR, now + patience(state.settings)))
    begin(script, context)
    ref.commit(context, context.exchange)


def bring_up(tx: Transaction, connection: Connection, tunnel: str | None, path: UdpPath) -> None:
    """Brings up ``tunnel`` (None: the ISAKMP SA alone), under an ISAKMP SA that is up, or coming up, where there is
    one; else the peer is called along ``path``.

    Raises:
        Refusal: it is to be called, and the first message cannot be built.
    """
    wanted = () if tunnel is None else (tunnel,)
    sa = ike_for(tx.state, connection.name)
    if sa is None:
        begin_phase1(tx, connection, path, wanted)
    elif sa.is_call_of_ours or sa.awaits_user:
        tx.of(sa).change(queued=(*sa.queued, *wanted))
    elif tunnel is not None:
        begin_quick_mode(tx.of(sa), tunnel)


def ike_for(state: State, connection: str) -> IkeSa | None:
    """The ISAKMP SA under which tunnels of ``connection`` are brought up: the newest that is up, or that we are
    establishing; None if there is none.
    """
    for sa in reversed(state.table.of_connection(connection)):
        if sa.is_call_of_ours or (sa.is_up and state.believes(sa)):
            return sa
    return None


def is_under_way(sa: IkeSa, tunnel: str) -> bool:
    """Whether ``tunnel`` is being negotiated under ``sa``, or will be once ``sa`` is established."""
    return tunnel in sa.queued or any(
        exchange.tunnel == tunnel
        and exchange.role is Role.INITIATOR
        and (exchange.waiting is not None or not script_of(exchange).is_over(exchange))
        for exchange in sa.exchanges
    )


def begin_quick_mode(ref: SaRef, tunnel: str, selectors: tuple[Selector, Selector] | None = None) -> None:
    """Negotiates a pair of IPsec SAs for ``tunnel`` under this SA; for these selectors, or the configured ones."""
    sa, state, now = ref.sa, ref.tx.state, ref.tx.now
    draft = ref.context(new_exchange(QUICK_MODE, 1, Role.INITIATOR, 0.0))
    configured = next((known for known in draft.connection.tunnels if known.name == tunnel), None)
    if configured is None or not sa.is_up:
        return
    numbered, message_id = fresh_message_id(sa)
    allowed = tunnel_selectors(draft, configured)
    local, remote = selectors or allowed
    if not (allowed[0].contains(local) and allowed[1].contains(remote)):
        text = f"not rekeying {local} === {remote}: tunnel {tunnel!r} is now for {allowed[0]} === {allowed[1]}"
        ref.tx.report(Failure(Code.SELECTORS_UNACCEPTABLE, text, sa.path.remote_host, sa, tunnel))
        return
    exchange = new_exchange(
        QUICK_MODE, message_id, Role.INITIATOR, now + patience(state.settings), phase2_iv(sa, message_id)
    )
    try:
        context = ref.context(exchange)
        context.sa = numbered
        begin(QUICK_MODE, context, QuickMode(tunnel, KeyShare(b""), 0, local, remote))
    except Refusal as refusal:
        ref.tx.report(Failure(refusal.code, refusal.text, sa.path.remote_host, sa, tunnel))
        return
    ref.commit(context, context.exchange)


def rekey_child(ref: SaRef, child: ChildSa) -> None:
    """Negotiates the pair that follows ``child``; until it is there, tries again now and then.

    Where the ISAKMP SA of ``child`` has ended, another one with the same peer serves, or the peer is called first.
    """
    tx, state = ref.tx, ref.tx.state
    waiting = replace(child, rekey_at=_again_at(tx, child))
    ref.change(children=tuple(waiting if other is child else other for other in ref.sa.children))
    selectors = child.local, child.remote
    if ref.sa.is_up and state.believes(ref.sa):
        begin_quick_mode(ref, child.name, selectors)
        return
    others = [other for other in state.table.of_peer(ref.sa) if other.is_up and state.believes(other)]
    if others:
        confirmed = [other for other in others if other.confirmed] or others
        begin_quick_mode(tx.of(confirmed[-1]), child.name, selectors)
        return
    connection = state.lookup.by_name(ref.sa.connection)
    calling = any(other.is_call_of_ours for other in state.table.of_connection(ref.sa.connection))
    if connection is not None and is_address(connection.remote_address) and not calling:
        # the pair goes over to the new ISAKMP SA, and is renewed under that when its next try is due
        _call_again(ref, connection, _path_to(ref.sa, connection))


def _call_again(
    ref: SaRef, connection: Connection, path: UdpPath, queued: tuple[str, ...] = (), replaces: int = 0
) -> bool:
    """Calls the peer of this SA for another one. Where the configuration has changed so that this cannot be done, that
    is reported.

    Returns:
        Whether it is called.
    """
    try:
        begin_phase1(ref.tx, connection, path, queued, replaces)
    except Refusal as refusal:
        ref.fail(refusal.code, refusal.text)
        return False
    return True


def _path_to(sa: IkeSa, connection: Connection) -> UdpPath:
    """Where to call the peer of ``sa``: where the configuration says, for ``sa`` may be stale."""
    path = sa.path
    return UdpPath(path.local_host, path.local_port, connection.remote_address, path.remote_port)


def _again_at(tx: Transaction, sa: IkeSa | ChildSa) -> float:
    """When to begin again a replacement that did not come: once this attempt is given up; 0 if that is too late."""
    at = tx.now + patience(tx.state.settings)
    return at if at < sa.expires_at else 0.0


def rekey_ike(ref: SaRef, queued: tuple[str, ...] = ()) -> None:
    """Negotiates the ISAKMP SA that follows this one and takes over its pairs; the ``queued`` tunnels come up after
    that.

    "If the responder has to rekey the Phase 1 SA, then the rekey negotiation MUST be started by using UDP(4500,Y)"
    (RFC 3947 §4): the new one begins where the old one is.
    """
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None:
        ref.change(rekey_at=0.0)
        return
    ref.change(rekey_at=_again_at(ref.tx, ref.sa))
    if _call_again(ref, connection, ref.sa.path, queued, ref.sa.unique_id):
        ref.change(state=IkeState.REKEYING)


def reauthenticate(ref: SaRef, queued: tuple[str, ...] = ()) -> None:
    """Ends what an ISAKMP SA may negotiate whose peer was believed by what the configuration no longer holds, or by
    what an earlier version did not note.

    If its connection is gone, it is closed with its pairs. Else the peer is called anew where it can be, and the
    ``queued`` tunnels come up after that; where it cannot, or the address to call is another one by now, the ISAKMP SA
    is deleted. Its pairs live until their end, and are renewed only under an ISAKMP SA that is believed by what is
    configured now.
    """
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None:
        close_ike(ref, "connection removed from the configuration")
        return
    called = called_address(connection) == ref.sa.hosts[1]
    if called and ref.sa.state is IkeState.REKEYING:
        return
    why = f"connection {connection.name!r} now has another secret, trust or remote identity"
    if ref.sa.anchor is None:
        why = "an earlier version saved this ISAKMP SA without recording why the peer was trusted"
    text = f"{why}: the peer must authenticate again"
    ref.note(Code.REAUTHENTICATION, text)
    if called:
        rekey_ike(ref, queued)
        return
    ref.say(delete_ike(ref.sa))
    end(ref, text)


def end_removed(ref: SaRef) -> bool:
    """Ends the pairs that an ISAKMP SA left behind if their connection is gone: nobody else would end them.

    Returns:
        Whether it is gone.
    """
    if ref.tx.state.lookup.by_name(ref.sa.connection) is not None:
        return False
    end(ref, "connection removed from the configuration", with_children=True)
    return True


def close_child(ref: SaRef, child: ChildSa, reason: str) -> None:
    """Deletes a pair and tells the peer."""
    ref.change(children=tuple(other for other in ref.sa.children if other is not child))
    if ref.sa.is_up:
        ref.say(delete_child(child))
    ref.tx.actions.append(Remove(child))
    ref.tx.report(ChildDown(ref.sa, child, reason))
    if ref.sa.state is IkeState.DELETED and not ref.sa.children:
        end(ref, reason)  # nothing is left that its record was kept for


def close_ike(ref: SaRef, reason: str) -> None:
    """Deletes an ISAKMP SA with its pairs and tells the peer."""
    if ref.sa.is_up:
        # Each in a message of its own: strongSwan obeys only the first Delete payload of a message
        for payload in (*map(delete_child, ref.sa.children), delete_ike(ref.sa)):
            ref.say(payload)
    end(ref, reason, with_children=True)


def expire_ike(ref: SaRef) -> None:
    """Ends an ISAKMP SA whose lifetime is over. Its pairs live on, so the peer is not told as long as there are any:
    strongSwan would take them down with the ISAKMP SA.
    """
    if not ref.sa.children:
        ref.say(delete_ike(ref.sa))
    end(ref, "lifetime expired")


def reconsider(ref: SaRef, before: ConnectionLookup) -> None:
    """Has an ISAKMP SA obey new settings; ``before`` finds the connections of those that it began under.

    Closed is one whose connection is gone, and the peer has to authenticate again if what it was believed by has
    changed.
    """
    state, sa = ref.tx.state, ref.sa
    if sa.is_up and not state.believes(sa):
        reauthenticate(ref)
    elif sa.state is IkeState.DELETED:
        end_removed(ref)
    elif sa.state is IkeState.CONNECTING:
        was, is_now = before.by_name(sa.connection), state.lookup.by_name(sa.connection)
        if was is None or is_now is None or before.fingerprint(was) != state.lookup.fingerprint(is_now):
            end(ref, "secret, trust or remote identity of the connection changed")


def count_ids(state: State, sas: Iterable[IkeSa]) -> None:
    """Has numbers of new SAs begin behind those that ``sas`` and their pairs have."""
    for sa in sas:
        state.unique_ids = max(state.unique_ids, sa.unique_id, *(child.unique_id for child in sa.children), 0)


def take_over(tx: Transaction, sa: IkeSa, alive: Container[int]) -> None:
    """Goes on with an ISAKMP SA of a process that is no more, and with its pairs whose inbound SPIs are ``alive``;
    replaces the others, which nobody can go on with.
    """
    survivors = tuple(child for child in sa.children if child.inbound.spi in alive)
    dead = [child for child in sa.children if child.inbound.spi not in alive]
    stays = IkeState.DELETED if sa.state is IkeState.DELETED else IkeState.ESTABLISHED
    left = replace(sa, state=stays, phase1=None, exchanges=(), children=survivors)
    ref = tx.of(left)
    ref.become(left)
    if stays is IkeState.DELETED:
        if not end_removed(ref) and not survivors:
            end(ref, "its IPsec SAs ended with an earlier process")
        return
    if 0.0 < sa.expires_at <= tx.now:
        expire_ike(ref)
        return
    for child in dead:
        ref.say(delete_child(child))
    lost = [child for child in dead if child.state is ChildState.INSTALLED]
    if not tx.state.believes(left):
        reauthenticate(ref, tuple(dict.fromkeys(child.name for child in lost)))
        return
    for child in lost:
        begin_quick_mode(ref, child.name, (child.local, child.remote))
