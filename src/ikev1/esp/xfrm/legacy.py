"""What a killed gateway left in the kernel, and nobody took over."""

from __future__ import annotations

from ikev1.esp.routes import Routes
from ikev1.esp.xfrm.guard import Guard
from ikev1.esp.xfrm.owner import Owner, PolicyNote, RouteNote, StateNote
from ikev1.esp.xfrm.pairs import Pairs, unmarked
from ikev1.esp.xfrm.requests import Xfrm

__all__ = ["remove_legacy"]


def remove_legacy(xfrm: Xfrm, routes: Routes, owner: Owner, pairs: Pairs, guard: Guard) -> None:
    """Take away what ``owner`` named when it was opened, and neither ``pairs`` nor ``guard`` go on with.

    Only what bears the reqid that was noted: another program may have made the same since. Policies go first, or
    packets would wait for SAs.

    Raises:
        OSError: the kernel refused.
    """
    alive = guard.policies()
    policies = [note for note in owner.left if isinstance(note, PolicyNote) and note.id not in alive]
    for policy in policies:
        reqids = xfrm.policy_reqids(policy.id)
        if reqids is not None and set(reqids or (0,)) == {policy.reqid}:
            xfrm.delete_policy(policy.id)
    states = [note for note in owner.left if isinstance(note, StateNote) and not pairs.of_state(unmarked(note.id))]
    for state in states:
        found = xfrm.find(state.id)
        if found is not None and found.reqid == state.reqid:
            xfrm.delete(state.id)
    ways = [note for note in owner.left if isinstance(note, RouteNote) and not routes.routed(note.network)]
    for way in ways:
        routes.forget(way.network)
    owner.strike(*policies, *states, *ways)
