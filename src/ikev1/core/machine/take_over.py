"""Resuming the ISAKMP SAs of an earlier process, and the pairs of IPsec SAs that the data plane kept."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import chain, count, repeat

from ikev1.core.exchanges.informational import delete_child
from ikev1.core.machine.closing import close_ike, end_removed, expire_ike
from ikev1.core.machine.commands import begin_quick_mode, is_being_replaced, reauthenticate
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.negotiation.lineage import retired
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildUp
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace

_AT_ONCE = 64  # ISAKMP SAs whose pairs are negotiated again before anything else happens
_APART = 0.001  # seconds between two of the others


def count_ids(state: State, sas: Iterable[IkeSa]) -> None:
    """Make the numbers of new SAs start above those of ``sas`` and their pairs."""
    for sa in sas:
        state.unique_ids = max(state.unique_ids, sa.unique_id)
        pairs = (*sa.children, *sa.lost)
        state.pair_ids = max(state.pair_ids, *(child.unique_id for child in pairs), 0)
        state.reqids = max(state.reqids, *(child.reqid for child in pairs), 0)


def times(now: float) -> Iterator[float]:
    """Yield when each of the ISAKMP SAs that lost pairs negotiates them again: some at once, 0.0, the others so that
    neither this gateway nor the peers have all to do at the same time.
    """
    return chain(repeat(0.0, _AT_ONCE), count(now + _APART, _APART))


def take_over(tx: Transaction, sa: IkeSa, alive: Container[int], resume_times: Iterator[float]) -> None:
    """Resume an ISAKMP SA of an earlier process and its pairs whose inbound SPIs are ``alive``.

    Both directions of these pairs work, so they are complete, even if the process ended before it stored that. The
    other pairs are lost: delete them and negotiate replacements, at the next of ``resume_times``.
    """
    survivors, completed = _survivors(tx, sa, alive)
    dead = (*sa.lost, *(child for child in sa.children if child.inbound.spi not in alive))
    stays = sa.state if sa.state in (IkeState.DELETED, IkeState.REKEYED) else IkeState.ESTABLISHED
    left = replace(sa, state=stays, phase1=None, exchanges=(), children=survivors, lost=(), resumes_at=0.0)
    ref = tx.of(left)
    ref.become(left, store=bool(completed))  # the next process would come to the same result
    for child, replaced in completed:
        tx.report(ChildUp(left, child, replaced))
    if stays is IkeState.DELETED:
        if not end_removed(ref) and not survivors:
            end(ref, "its IPsec SAs ended with an earlier process")
        return
    if 0.0 < sa.expires_at <= tx.now:
        expire_ike(ref)
        return
    if sa.holds_phase2:
        close_ike(ref, "the process that negotiated the user and the configuration has ended")
        return
    at = next(resume_times) if dead and tx.state.believes(left) else 0.0
    if at:
        ref.become(replace(left, lost=dead, resumes_at=at), store=False)
    else:
        _negotiate_again(ref, dead, _lost(survivors, dead))


def resume(ref: SaRef) -> None:
    """Do what `take_over` left for later. Meanwhile either peer may have begun to negotiate some of the pairs."""
    sa, table = ref.sa, ref.tx.state.table
    ref.change(lost=(), resumes_at=0.0)
    if not sa.is_up:
        return
    lost = [
        child
        for child in _lost(sa.children, sa.lost)
        if not is_being_replaced(sa, child)
        and all(o.state is ChildState.REKEYED for net in child.locals for o in table.own(sa, net, child.remote))
    ]
    _negotiate_again(ref, sa.lost, lost)


def _negotiate_again(ref: SaRef, dead: Iterable[ChildSa], lost: list[ChildSa]) -> None:
    """Delete the ``dead`` pairs at the peer, and negotiate those of them that are ``lost``."""
    for child in dead:
        ref.say(delete_child(child))
    if not ref.tx.state.believes(ref.sa):
        if ref.sa.state is IkeState.REKEYED:
            return  # the peer authenticates again in place of its heir
        reauthenticate(ref, tuple(dict.fromkeys(child.name for child in lost)))
        return
    for child in lost:
        begin_quick_mode(ref, child.name, (child.local, child.remote))


def _survivors(
    tx: Transaction, sa: IkeSa, alive: Container[int]
) -> tuple[tuple[ChildSa, ...], list[tuple[ChildSa, ChildSa | None]]]:
    """Return the pairs of ``sa`` that still work, and those of them that were being installed, each with the pair that
    it replaces.
    """
    delay = tx.state.settings.delete_rekeyed_delay
    survivors: list[ChildSa] = []
    completed: list[tuple[ChildSa, ChildSa | None]] = []
    for child in sa.children:
        if child.inbound.spi not in alive:
            continue
        if child.is_coming:
            child = replace(child, state=ChildState.INSTALLED)
            before = [other for other in survivors if other.traffic == child.traffic]
            replaced = next((other for other in reversed(before) if other.state is ChildState.INSTALLED), None)
            survivors = [retired(other, child, tx.now, delay) if other is replaced else other for other in survivors]
            completed.append((child, replaced))
        survivors.append(child)
    return tuple(survivors), completed


def _lost(survivors: tuple[ChildSa, ...], dead: tuple[ChildSa, ...]) -> list[ChildSa]:
    """Return the ``dead`` pairs to negotiate anew: those in use, and new ones for traffic without a pair."""
    lost = [child for child in dead if child.state is ChildState.INSTALLED]
    for child in dead:
        carried = (other.traffic for other in (*survivors, *lost) if other.state is not ChildState.REKEYED)
        if child.is_coming and child.traffic not in carried:
            lost.append(child)
    return lost
