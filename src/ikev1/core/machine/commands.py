"""Operations that this gateway initiates: establishing and rekeying ISAKMP SAs and pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.exchanges.interpreter import begin, new_exchange
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.registry import aggressive_mode, script_of
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine.closing import REMOVED, close_ike
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.phase2_limits import count_own
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.peer.traffic_selectors import allowed_selectors, may_carry
from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecMode
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.exchange import Exchange, KeyShare, QuickMode, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Mode, Tunnel
from ikev1.wire.header import NO_COOKIE


def begin_phase1(
    tx: Transaction, connection: Connection, path: UdpPath, queued: tuple[str, ...], replaces: int = 0
) -> None:
    """Initiate phase 1 for ``connection`` on ``path``; the ``queued`` tunnels are negotiated after it completes.

    Raises:
        Refusal: the first message cannot be built; no state has changed.
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
    """Establish ``tunnel`` (None: only the ISAKMP SA).

    Use an ISAKMP SA that is established or being established, if one exists; otherwise initiate phase 1 on ``path``.

    Raises:
        Refusal: the first message of phase 1 cannot be built.
    """
    wanted = () if tunnel is None else (tunnel,)
    sa = ike_for(tx.state, connection.name)
    if sa is None:
        begin_phase1(tx, connection, path, wanted)
    elif sa.is_call_of_ours or sa.holds_phase2:
        tx.of(sa).change(queued=(*sa.queued, *wanted))
    elif tunnel is not None:
        begin_quick_mode(tx.of(sa), tunnel)


def ike_for(state: State, connection: str) -> IkeSa | None:
    """Return the ISAKMP SA under which to negotiate tunnels of ``connection``, or None if there is none.

    This is the newest one that is established or that this gateway is initiating.
    """
    for sa in reversed(state.table.of_connection(connection)):
        if sa.is_call_of_ours or (sa.is_current and state.believes(sa)):
            return sa
    return None


def is_under_way(sa: IkeSa, tunnel: str) -> bool:
    """Return whether ``tunnel`` is being negotiated under ``sa``, or queued until ``sa`` is established."""
    return tunnel in sa.queued or any(exchange.tunnel == tunnel for exchange in _unfinished(sa))


def is_being_replaced(sa: IkeSa, child: ChildSa) -> bool:
    """Return whether a pair for the traffic of ``child`` is being negotiated under ``sa``, or its tunnel is queued."""
    return child.name in sa.queued or any(exchange.traffic == child.traffic for exchange in _unfinished(sa))


def _unfinished(sa: IkeSa) -> Iterator[Exchange]:
    """Yield the phase 2 exchanges that this gateway initiated under ``sa`` and that are not complete."""
    for exchange in sa.exchanges:
        unfinished = exchange.waiting is not None or not script_of(exchange).is_over(exchange)
        if unfinished and exchange.role is Role.INITIATOR:
            yield exchange


def begin_quick_mode(
    ref: SaRef, tunnel: str, selectors: tuple[Selector, Selector] | None = None, group: int = 0
) -> None:
    """Initiate Quick Mode for ``tunnel`` under this SA, with ``selectors`` or by default the configured ones: one for
    each IP version of virtual addresses; with ``group``, or by default that of the proposals.
    """
    draft = ref.context(new_exchange(QUICK_MODE, 1, Role.INITIATOR, 0.0))
    configured = draft.connection.tunnel(tunnel)
    if configured is None or not ref.sa.is_up:
        return
    if ref.sa.holds_phase2:
        ref.change(queued=tuple(dict.fromkeys((*ref.sa.queued, tunnel))))
        return
    allowed = allowed_selectors(draft, configured)
    if selectors is None and not allowed:
        text = f"tunnel {tunnel!r} has no networks of one IP version: {_without_networks(ref, configured)}"
        _cannot_begin(ref, tunnel, Code.SELECTORS_UNACCEPTABLE, text)
    elif selectors is not None and not may_carry(draft, configured, *selectors):
        now = ", ".join(f"{local} === {remote}" for local, remote in allowed) or "no networks"
        text = f"not rekeying {selectors[0]} === {selectors[1]}: tunnel {tunnel!r} is now for {now}"
        _cannot_begin(ref, tunnel, Code.SELECTORS_UNACCEPTABLE, text)
    else:
        for local, remote in allowed if selectors is None else (selectors,):
            _begin_quick_mode(ref, tunnel, local, remote, group)


def _without_networks(ref: SaRef, tunnel: Tunnel) -> str:
    assigned = [address for config in (ref.sa.assigned, ref.sa.received) if config for address in config.addresses]
    return f"local {tunnel.local}, remote {tunnel.remote}, virtual addresses {', '.join(assigned) or 'none'}"


def begin_with_pfs(ref: SaRef, refused: QuickMode) -> bool:
    """Initiate a Quick Mode again, with the group of phase 1, that a peer has refused without perfect forward secrecy:
    whether it wants that is not known before (libreswan does by default, strongSwan does not).

    Returns:
        Whether a Quick Mode was initiated: if neither proposals nor a group are configured.
    """
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    tunnel = connection.tunnel(refused.tunnel) if connection is not None else None
    if tunnel is None or not tunnel.pfs_if_refused or refused.group or ref.sa.chosen is None or not ref.sa.is_up:
        return False
    text = f"the peer refused tunnel {tunnel.name!r}: requesting it again with perfect forward secrecy"
    ref.note(Code.PFS_REQUESTED, text)
    begin_quick_mode(ref, tunnel.name, (refused.local, refused.remote), ref.sa.chosen.suite.group)
    return True


def _begin_quick_mode(ref: SaRef, tunnel: str, local: Selector, remote: Selector, group: int) -> None:
    sa, state, now = ref.sa, ref.tx.state, ref.tx.now
    numbered, message_id = fresh_message_id(sa)
    exchange = new_exchange(
        QUICK_MODE, message_id, Role.INITIATOR, now + patience(state.settings), phase2_iv(sa, message_id)
    )
    try:
        context = ref.context(exchange)
        context.sa = numbered
        count_own(context)
        begin(QUICK_MODE, context, QuickMode(tunnel, KeyShare(b""), 0, local, remote, group=group))
    except Refusal as refusal:
        _cannot_begin(ref, tunnel, refusal.code, refusal.text)
        return
    ref.commit(context, context.exchange)


def _cannot_begin(ref: SaRef, tunnel: str, code: Code, text: str) -> None:
    ref.tx.report(Failure(code, text, ref.sa.path.remote_host, ref.sa, tunnel))


def rekey_child(ref: SaRef, child: ChildSa) -> None:
    """Negotiate the pair that replaces ``child``, unless that is under way; retry periodically until it is established.

    If the ISAKMP SA of ``child`` has ended, use another one with the same peer, or initiate phase 1 first.
    """
    tx, state = ref.tx, ref.tx.state
    waiting = replace(child, rekey_at=_again_at(tx, child))
    ref.become(ref.sa.with_child(waiting))
    if ref.sa.is_current and state.believes(ref.sa):
        _replace_child(ref, child)
        return
    others = [other for other in state.others(ref.sa) if other.is_current and state.believes(other)]
    others = others or _called_in_place(ref)
    if others:
        confirmed = [other for other in others if other.confirmed] or others
        _replace_child(tx.of(confirmed[-1]), child)
        return
    connection = state.lookup.by_name(ref.sa.connection)
    calling = any(other.is_call_of_ours for other in state.table.of_connection(ref.sa.connection))
    known = state.lookup.called_addresses(connection) if connection is not None else ()
    if connection is not None and known and not calling:
        # the new ISAKMP SA takes over the pair, and the next retry rekeys the pair under it
        _call_again(ref, connection, _path_to(ref.sa, known))


def _called_in_place(ref: SaRef) -> list[IkeSa]:
    """Return the ISAKMP SAs that this gateway has initiated on the path of this one, to a peer that is not known to be
    the same because it is behind a NAT and does not support dead peer detection. A Quick Mode confirms them.
    """
    return [
        other
        for other in ref.tx.state.table.of_claim(ref.sa)
        if other.is_current
        and other.role is Role.INITIATOR
        and other.path == ref.sa.path
        and ref.tx.state.believes(other)
    ]


def _replace_child(ref: SaRef, child: ChildSa) -> None:
    """Initiate the Quick Mode that replaces ``child``, unless one is under way under this SA.

    If the networks of its tunnel were changed, negotiate these; ``child`` is used until it expires. So is one whose
    traffic a newer pair with wider networks carries, because the peer has requested that.
    """
    newer = [other for other in ref.sa.children if other.name == child.name and other.created_at > child.created_at]
    if any(_covers(other, child) for other in newer):
        return
    if wants_other_networks(ref, child):
        made = any(not wants_other_networks(ref, other) for other in newer)
        if not made and not is_under_way(ref.sa, child.name):
            text = (
                f"tunnel {child.name!r} has other networks now than {child.local} === {child.remote}: requesting them"
            )
            ref.note(Code.NETWORKS_CHANGED, text)
            begin_quick_mode(ref, child.name)
        return
    if all(exchange.traffic != child.traffic for exchange in _replacing(ref)):
        begin_quick_mode(ref, child.name, (child.local, child.remote))


def _replacing(ref: SaRef) -> Iterator[Exchange]:
    """Yield the unfinished exchanges that this gateway initiated under this SA, and those under other ISAKMP SAs with
    the peer whose pairs do not send yet.
    """
    yield from _unfinished(ref.sa)
    for other in ref.tx.state.table.of_peer(ref.sa):
        yield from (exchange for exchange in other.exchanges if exchange.holds_back)


def _covers(pair: ChildSa, child: ChildSa) -> bool:
    """Return whether ``pair`` carries the traffic of ``child``, and more."""
    wider = pair.local.contains(child.local) and pair.remote.contains(child.remote) and pair.traffic != child.traffic
    return wider and pair.state is ChildState.INSTALLED


def wants_other_networks(ref: SaRef, child: ChildSa) -> bool:
    """Return whether the tunnel of ``child`` no longer allows its networks or, if we chose them, has others."""
    draft = ref.context(new_exchange(QUICK_MODE, 1, Role.INITIATOR, 0.0))
    tunnel = draft.connection.tunnel(child.name)
    if tunnel is None:
        return False
    allowed = allowed_selectors(draft, tunnel)
    if not may_carry(draft, tunnel, child.local, child.remote, child.locals):
        return True
    fixed = not tunnel.local.dynamic and not tunnel.remote.dynamic and tunnel.mode is IpsecMode.TUNNEL
    ours = child.initiator and not child.networks_of_peer
    return fixed and ours and (child.local, child.remote) not in allowed


def _call_again(
    ref: SaRef, connection: Connection, path: UdpPath, queued: tuple[str, ...] = (), replaces: int = 0
) -> bool:
    """Initiate phase 1 for another SA with the peer of this SA.

    Report a failure if a configuration change has made this impossible.

    Returns:
        Whether phase 1 was initiated.
    """
    try:
        begin_phase1(ref.tx, connection, path, queued, replaces)
    except Refusal as refusal:
        ref.fail(refusal.code, refusal.text)
        return False
    return True


def _path_to(sa: IkeSa, known: tuple[str, ...]) -> UdpPath:
    """Return the path to the peer of ``sa`` at one of its ``known`` addresses: that of ``sa`` may be outdated."""
    return sa.path if sa.path.remote_host in known else sa.path._replace(remote_host=known[0])


def _again_at(tx: Transaction, sa: IkeSa | ChildSa) -> float:
    """Return the time at which to retry a failed rekeying: when the current attempt times out.

    0 if ``sa`` expires before that.
    """
    at = tx.now + patience(tx.state.settings)
    return at if at < sa.expires_at else 0.0


def rekey_ike(ref: SaRef, queued: tuple[str, ...] = ()) -> None:
    """Negotiate the ISAKMP SA that replaces this one and takes over its pairs, then negotiate the ``queued`` tunnels.

    "If the responder has to rekey the Phase 1 SA, then the rekey negotiation MUST be started by using UDP(4500,Y)"
    (RFC 3947 §4): the new SA starts on the path of the old one.
    """
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None:
        ref.change(rekey_at=0.0)
        return
    ref.change(rekey_at=_again_at(ref.tx, ref.sa))
    if _call_again(ref, connection, ref.sa.path, queued, ref.sa.unique_id):
        ref.change(state=IkeState.REKEYING)


def reauthenticate(ref: SaRef, queued: tuple[str, ...] = ()) -> None:
    """Require the peer to authenticate again.

    Called for an ISAKMP SA whose peer was authenticated by credentials that are no longer configured, or that an
    earlier version did not record.

    If its connection was removed, close the ISAKMP SA and its pairs. Otherwise initiate phase 1 with the peer and
    negotiate the ``queued`` tunnels after it; if ``remote_address`` is not a single address or has changed, delete
    the ISAKMP SA instead. Its pairs remain until they expire, and are rekeyed only under an ISAKMP SA authenticated by
    the current configuration.
    """
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None:
        if not ref.sa.draining:
            close_ike(ref, REMOVED)
        return
    called = ref.sa.hosts[1] in ref.tx.state.lookup.called_addresses(connection)
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
