"""What follows when an ISAKMP SA ends: its pairs of IPsec SAs end with it, go over to another one, or outlive it."""

from __future__ import annotations

from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer.path_changes import on_path
from ikev1.core.records.actions import Move, Remove
from ikev1.core.records.events import ChildDown, IkeDown
from ikev1.core.records.model import ChildSa, ChildState, IkeSa, IkeState, UdpPath
from ikev1.core.records.record import replace


def end(ref: SaRef, reason: str, *, with_children: bool = False) -> None:
    """Ends an ISAKMP SA without a word to the peer.

    Its pairs go over to another SA with the same peer, or live until their own end without one (RFC 2409 §4: "it is
    possible [...] to delete the ISAKMP SA" while those of phase 2 remain), unless they are to end ``with_children`` or
    by the wish of the connection.
    """
    sa = ref.sa
    bury(ref, reason, with_children=with_children)
    if sa.state is not IkeState.DELETED:
        ref.tx.report(IkeDown(sa, reason))


def bury(ref: SaRef, reason: str, *, with_children: bool = False) -> None:
    """As `end`, where the end of the ISAKMP SA was reported already."""
    sa, tx = ref.sa, ref.tx
    tx.actions += [Remove(exchange.child) for exchange in sa.exchanges if exchange.child is not None]
    connection = tx.state.lookup.by_name(sa.connection)
    if sa.children and not with_children and not (connection is not None and connection.close_children):
        heirs = [other for other in tx.state.table.of_peer(sa) if other.is_up and other.confirmed]
        if heirs:
            ref.drop()
            adopt(tx.of(heirs[-1]), sa.children)
        else:
            ref.become(_without_keys(sa))
        return
    ref.drop()
    for child in sa.children:
        tx.actions.append(Remove(child))
        tx.report(ChildDown(sa, child, reason))


def adopt(heir: SaRef, children: tuple[ChildSa, ...]) -> None:
    """Puts pairs of another ISAKMP SA under ``heir``, for they outlive the SA that made them; from now on they go where
    the heir goes.
    """
    if not children:
        return
    sa, tx = heir.sa, heir.tx
    unwelcome = [child for child in children if takes_anothers(tx.state, sa, child, sa.path)]
    children = tuple(child for child in children if child not in unwelcome)
    encapsulates = sa.nat is not None and sa.nat.encapsulate
    newer = {child.traffic for child in sa.children if child.state is ChildState.INSTALLED}
    adopted = tuple(on_path(child, sa.path) if child.udp_encapsulation is encapsulates else child for child in children)
    adopted = tuple(child.retired() if child.traffic in newer else child for child in adopted)
    heir.change(children=(*sa.children, *adopted))
    tx.actions += [Move(child) for child, before in zip(adopted, children, strict=True) if child.path != before.path]
    for child in unwelcome:
        tx.actions.append(Remove(child))
        tx.report(ChildDown(sa, child, "another peer has this traffic at the new address of the peer"))


def takes_anothers(state: State, sa: IkeSa, child: ChildSa, path: UdpPath) -> bool:
    """Whether ``child``, a pair of the peer of ``sa``, would carry what another peer has if it were on ``path``: in
    transport mode the traffic of a pair follows its addresses, and peers behind one NAT share one.
    """
    moved = on_path(child, path)
    rivals = state.rivals(sa, moved.local, moved.remote) if moved.traffic != child.traffic else iter(())
    return any(rival.marks == child.marks for rival in rivals)


def _without_keys(sa: IkeSa) -> IkeSa:
    """What is left of an ISAKMP SA that ended before its pairs: who the peer is, and no key."""
    left: IkeSa = replace(
        sa,
        state=IkeState.DELETED,
        phase1=None,
        keys=None,
        exchanges=(),
        queued=(),
        probe=None,
        rekey_at=0.0,
        expires_at=0.0,
        spent_message_ids=frozenset(),
        heard_message_ids=b"",
    )
    return left
