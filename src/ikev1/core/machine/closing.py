"""The end of ISAKMP SAs and of pairs of IPsec SAs that this gateway decides on."""

from __future__ import annotations

from ikev1.core.exchanges.informational import delete_child, delete_ike
from ikev1.core.machine.ended import end
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.actions import Remove
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown
from ikev1.core.records.ike_sa import IkeState

REMOVED = "connection removed from the configuration"


def end_removed(ref: SaRef) -> bool:
    """Delete the pairs that remain of a deleted ISAKMP SA if their connection was removed from the configuration.

    Returns:
        Whether they were deleted.
    """
    if ref.tx.state.lookup.by_name(ref.sa.connection) is not None or ref.sa.draining:
        return False
    end(ref, REMOVED, with_children=True)
    return True


def close_child(ref: SaRef, child: ChildSa, reason: str, *, tell: bool = True) -> None:
    """Delete a pair of IPsec SAs and send a Delete payload to the peer unless ``tell`` is false."""
    ref.become(ref.sa.without_child(child))
    if tell and ref.sa.is_up:
        ref.say(delete_child(child))
    ref.tx.actions.append(Remove(child))
    ref.tx.report(ChildDown(ref.sa, child, reason))
    if ref.sa.state is IkeState.DELETED and not ref.sa.children:
        end(ref, reason)  # the record was kept only for its pairs


def close_traffic(ref: SaRef, child: ChildSa, reason: str) -> None:
    """Delete a pair as `close_child` does, and one that is about to send in place of it."""
    abandon_held(ref, child)
    close_child(ref, child, reason)


def abandon_held(ref: SaRef, like: ChildSa | None = None) -> None:
    """Delete pairs that do not send yet, which the peer considers established: those with the traffic of ``like``, or
    all of them.
    """
    for exchange in ref.sa.exchanges:
        child = exchange.child
        if child is not None and exchange.holds_back and (like is None or child.traffic == like.traffic):
            ref.say(delete_child(child))
            ref.become(ref.sa.without_exchange(exchange))
            ref.tx.actions.append(Remove(child))


def close_ike(ref: SaRef, reason: str) -> None:
    """Delete an ISAKMP SA and its pairs and send Delete payloads to the peer."""
    abandon_held(ref)
    if ref.sa.is_up:
        # One message per Delete payload: strongSwan processes only the first one in a message
        for payload in (*map(delete_child, ref.sa.complete_children), delete_ike(ref.sa)):
            ref.say(payload)
    end(ref, reason, with_children=True)


def expire_ike(ref: SaRef) -> None:
    """Delete an ISAKMP SA whose lifetime has expired.

    Its pairs remain. Send a Delete payload only if there are none: strongSwan would delete them with the ISAKMP SA.
    """
    if not ref.sa.complete_children:
        ref.say(delete_ike(ref.sa))
    end(ref, "lifetime expired")
