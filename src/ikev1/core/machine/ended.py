"""Deletion of an ISAKMP SA: its pairs of IPsec SAs are deleted, moved to another ISAKMP SA, or kept without one."""

from __future__ import annotations

from ikev1.core.exchanges.pair_replacement import finish_held
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef
from ikev1.core.negotiation.lineage import retired
from ikev1.core.peer.path_changes import on_path
from ikev1.core.records.actions import Move, Remove
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, IkeDown
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector


def end(ref: SaRef, reason: str, *, with_children: bool = False) -> None:
    """Delete an ISAKMP SA without notifying the peer, and report it.

    Its pairs move to another ISAKMP SA with the same peer, or remain without one until they expire (RFC 2409 §4: "it is
    possible [...] to delete the ISAKMP SA" while those of phase 2 remain). With ``with_children``, or if the connection
    has ``close_children`` set, the pairs are deleted as well; those of a replaced SA move to its heir nevertheless.
    """
    sa = ref.sa
    bury(ref, reason, with_children=with_children)
    if sa.state is not IkeState.DELETED:
        ref.tx.report(IkeDown(sa, reason))


def bury(ref: SaRef, reason: str, *, with_children: bool = False) -> None:
    """Do the same as `end` for an ISAKMP SA whose deletion has already been reported."""
    if not with_children:
        _complete_held(ref)
    sa, tx = ref.sa, ref.tx
    tx.actions += [Remove(exchange.child) for exchange in sa.exchanges if exchange.child is not None]
    connection = tx.state.lookup.by_name(sa.connection)
    children = sa.complete_children
    heirs = [other for other in tx.state.others(sa) if _can_adopt_from(sa, other)]
    closes = connection is not None and connection.close_children and not (sa.heir and heirs)
    if children and not with_children and not closes:
        if heirs:
            ref.drop()
            adopt(tx.of(heirs[-1]), children)
        else:
            ref.become(_without_keys(sa))
        return
    ref.drop()
    for child in children:
        tx.actions.append(Remove(child))
        tx.report(ChildDown(sa, child, reason))


def _can_adopt_from(sa: IkeSa, other: IkeSa) -> bool:
    """Return whether ``other``, an ISAKMP SA with the same peer, can take over the pairs of ``sa``. Several clients of
    one user are the same peer, but each has virtual addresses of its own, which belong to its pairs.
    """
    held = set(other.assigned_addresses)
    return other.is_current and other.confirmed and held.issuperset(sa.assigned_addresses)


def adopt(heir: SaRef, children: tuple[ChildSa, ...]) -> None:
    """Move pairs of another ISAKMP SA to ``heir``; they follow the path of ``heir`` from then on.

    Delete the pairs whose traffic on that path belongs to another peer.
    """
    if not children:
        return
    sa, tx = heir.sa, heir.tx
    unwelcome = [child for child in children if takes_anothers(tx.state, sa, child, sa.path)]
    children = tuple(child for child in children if child not in unwelcome)
    encapsulates = sa.nat is not None and sa.nat.encapsulate
    adopted = tuple(on_path(child, sa.path) if child.udp_encapsulation is encapsulates else child for child in children)
    heir.change(children=_with_one_sender(heir, (*sa.children, *adopted)))
    tx.actions += [Move(child) for child, before in zip(adopted, children, strict=True) if child.path != before.path]
    for child in unwelcome:
        tx.actions.append(Remove(child))
        tx.report(ChildDown(sa, child, "another peer has this traffic at the new address of the peer"))


def _complete_held(ref: SaRef) -> None:
    """Complete the pairs that do not send yet: the peer uses them, whatever becomes of their ISAKMP SA."""
    for exchange in ref.sa.exchanges:
        if exchange.holds_back:
            context = ref.context(exchange)
            finish_held(context)
            ref.commit(context, context.exchange)


def _with_one_sender(heir: SaRef, children: tuple[ChildSa, ...]) -> tuple[ChildSa, ...]:
    """Return ``children``, the pairs of ``heir``, with only the newest pair for each traffic in use."""
    now, delay = heir.tx.now, heir.tx.state.settings.delete_rekeyed_delay
    newest: dict[tuple[str, Selector, Selector], ChildSa] = {}
    for child in sorted(children, key=lambda child: child.unique_id):
        if child.state is ChildState.INSTALLED:
            newest[child.traffic] = child
    return tuple(
        retired(child, newest[child.traffic], now, delay)
        if child.state is ChildState.INSTALLED and child is not newest[child.traffic]
        else child
        for child in children
    )


def takes_anothers(state: State, sa: IkeSa, child: ChildSa, path: UdpPath) -> bool:
    """Return whether ``child``, a pair of the peer of ``sa``, would carry another peer's traffic if moved to ``path``.

    In transport mode, the selectors of a pair change with its addresses, and peers behind the same NAT share an
    address.
    """
    moved = on_path(child, path)
    rivals = state.rivals(sa, moved.local, moved.remote) if moved.traffic != child.traffic else iter(())
    separates = state.settings.separates_clients and child.shares_address
    return any(rival.marks == child.marks and not (separates and rival.shares_address) for rival in rivals)


def _without_keys(sa: IkeSa) -> IkeSa:
    """Return the record kept of a deleted ISAKMP SA that still has pairs: the identity of the peer, but no keys."""
    left: IkeSa = replace(
        sa,
        state=IkeState.DELETED,
        phase1=None,
        keys=None,
        exchanges=(),
        children=sa.complete_children,
        queued=(),
        probe=None,
        rekey_at=0.0,
        expires_at=0.0,
        heir=0,
        retires_at=0.0,
        spent_message_ids=(),
        heard_message_ids=b"",
    )
    return left
