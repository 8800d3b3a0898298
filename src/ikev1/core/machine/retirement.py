"""When replaced pairs of IPsec SAs are deleted, and told to the peer.

Each Delete is an exchange of its own, and a peer may remember few of them: strongSwan keeps the IVs of the three
exchanges that had the latest message (``max_ikev1_exchanges``), and cannot decrypt the next message of a Quick Mode
whose IV it has dropped. So no Delete is sent while a Quick Mode is under way under the ISAKMP SA, and several that are
due are sent one after another. A Delete of a replaced pair is not urgent, but it does not wait for ever.
"""

from __future__ import annotations

from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine import commands
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer.vendor_ids import is_vpnc
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.record import replace

_AGAIN = 0.1  # seconds from one Delete to the next, and between two looks at the Quick Modes
_SPREAD = 5.0  # seconds in which all Deletes that were due at one time are sent
_LONGEST = 20.0  # seconds for which a Delete waits


def retire_child(ref: SaRef, child: ChildSa) -> None:
    """Delete a replaced pair that is due, unless its Delete has to wait."""
    now = ref.tx.now
    if _negotiates(ref) and now < _latest(ref, child):
        ref.become(ref.sa.with_child(replace(child, retires_at=now + _AGAIN)))
        return
    commands.close_child(ref, child, "replaced by another pair of IPsec SAs", tell=not is_vpnc(ref.sa.vendors))
    if not ref.has_ended:
        _spread_others(ref)


def _negotiates(ref: SaRef) -> bool:
    return any(
        exchange.quick is not None and not script_of(exchange).is_over(exchange) for exchange in ref.sa.exchanges
    )


def _latest(ref: SaRef, child: ChildSa) -> float:
    """Return the time until which the Delete of ``child`` may wait."""
    found = ref.tx.state.table.of_pair(child.heir)
    return found[1].created_at + ref.tx.state.settings.delete_rekeyed_delay + _LONGEST if found is not None else 0.0


def _spread_others(ref: SaRef) -> None:
    """Have the other pairs that are due by now deleted one after another."""
    now, children = ref.tx.now, list(ref.sa.children)
    due = [place for place, child in enumerate(children) if 0.0 < child.retires_at <= now]
    for count, place in enumerate(due, 1):
        children[place] = replace(children[place], retires_at=now + count * min(_AGAIN, _SPREAD / len(due)))
    if due:
        ref.change(children=tuple(children))
