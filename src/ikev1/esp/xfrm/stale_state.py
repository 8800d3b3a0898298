"""Removes state that a killed gateway left in the kernel and that was not taken over."""

from __future__ import annotations

from ikev1.esp.routes import Routes
from ikev1.esp.xfrm.ownership_file import OwnershipFile, RouteNote, StateNote
from ikev1.esp.xfrm.pairs import Pairs, unmarked
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.spd import Spd


def remove_legacy(xfrm: Xfrm, routes: Routes, owner: OwnershipFile, pairs: Pairs, spd: Spd) -> None:
    """Remove what ``owner`` listed when it was opened, and neither ``pairs`` nor ``spd`` took over.

    Only what has the recorded reqid is removed: another program may have added the same since. First the packets of the
    policies are dropped (`Spd.hold`), because they would wait for SAs otherwise; `Spd.settle` ends that.

    Raises:
        OSError: the kernel refused.
    """
    spd.hold()
    states = [note for note in owner.left if isinstance(note, StateNote) and not pairs.of_state(unmarked(note.id))]
    for state in states:
        found = xfrm.find(state.id)
        if found is not None and found.reqid == state.reqid:
            xfrm.delete(state.id)
    ways = [note for note in owner.left if isinstance(note, RouteNote) and not routes.routed(note.network)]
    for way in ways:
        routes.forget(way.network)
    if ways:
        routes.tidy()
    owner.strike(*states, *ways)
