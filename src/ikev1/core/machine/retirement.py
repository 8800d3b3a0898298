"""When replaced pairs of IPsec SAs are deleted, and told to the peer, and when they are used again.

Each message is an exchange of its own, and a peer may remember few of them: strongSwan keeps the IVs of the three
exchanges that had the latest message (``max_ikev1_exchanges``), and cannot decrypt the next message of a Quick Mode
whose IV it has dropped. So no Delete is sent while a Quick Mode is under way under the ISAKMP SA or has just ended, and
one message deletes all pairs that are due. A Delete of a replaced pair is not urgent, but it does not wait for ever.

strongSwan looks for a pair under the ISAKMP SA of the Delete only. While a replaced ISAKMP SA remains, the peer may
have the pair under that one, so the Delete is sent under both.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_children
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.ended import end
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer.vendor_ids import is_vpnc
from ikev1.core.records.actions import Remove
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, Code
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.record import replace

_QUIET = 0.3  # seconds without a new pair: where one is negotiated after another, the next may have begun at the peer
_AGAIN = 0.1  # seconds from one look to the next
_LONGEST = 20.0  # seconds for which a Delete waits
_WHY = "replaced by another pair of IPsec SAs"


def retire_children(ref: SaRef, child: ChildSa) -> None:
    """Delete all replaced pairs that are due, of which ``child`` is one, unless their Delete has to wait."""
    now, sa = ref.tx.now, ref.sa
    due = tuple(each for each in sa.children if not each.is_coming and 0.0 < each.retires_at <= now)
    if _negotiates(ref) and now < _latest(ref, child):
        later = {each.unique_id: replace(each, retires_at=now + _AGAIN) for each in due}
        ref.change(children=tuple(later.get(each.unique_id, each) for each in sa.children))
        return
    ref.change(children=tuple(each for each in sa.children if each not in due))
    if sa.is_up and not is_vpnc(sa.vendors):
        ref.say(*delete_children(due))
        for other in ref.tx.state.others(sa):
            if other.is_up and other.heir and other.confirmed:
                ref.tx.of(other).say(*delete_children(due))
    for each in due:
        ref.tx.actions.append(Remove(each))
        ref.tx.report(ChildDown(ref.sa, each, _WHY))
    if sa.state is IkeState.DELETED and not ref.sa.children:
        end(ref, _WHY)  # the record was kept only for its pairs


def revive_pairs(ref: SaRef) -> None:
    """Use replaced pairs again whose heirs the peer has deleted, if the peer may have preferred them.

    They are rekeyed at once: the peer may not have them any more, and here a pair that was replaced before it sent
    cannot send.
    """
    state, now = ref.tx.state, ref.tx.now
    if ref.has_ended:
        return
    newest = {
        child.traffic: child
        for child in ref.sa.children
        if child.state is ChildState.REKEYED and child.contested and state.table.of_pair(child.heir) is None
    }
    if not newest:
        return
    children = []
    for child in ref.sa.children:
        if child is newest.get(child.traffic):
            text = f"{child.name}-{child.unique_id} is used again: the peer deleted the pair that replaced it"
            ref.note(Code.COLLISION, text)
            child = replace(child, state=ChildState.INSTALLED, heir=0, retires_at=0.0, rekey_at=now)
        children.append(child)
    ref.change(children=tuple(children))


def _negotiates(ref: SaRef) -> bool:
    """Return whether a Quick Mode is under way under this SA, or has just ended."""
    if any(exchange.quick is not None and not script_of(exchange).is_over(exchange) for exchange in ref.sa.exchanges):
        return True
    return any(ref.tx.now - each.created_at < _QUIET for each in ref.sa.children)


def _latest(ref: SaRef, child: ChildSa) -> float:
    """Return the time until which the Delete of ``child`` may wait."""
    found = ref.tx.state.table.of_pair(child.heir)
    return found[1].created_at + ref.tx.state.settings.delete_rekeyed_delay + _LONGEST if found is not None else 0.0
