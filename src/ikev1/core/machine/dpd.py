"""R-U-THERE, answered by R-U-THERE-ACK (RFC 3706 §5): whether a peer is reached along a path, and whether it is alive.

The acknowledgement is protected by the ISAKMP SA and repeats a sequence number of four octets. If that number is not
predictable, it proves that the peer has the SA and receives messages on the path on which R-U-THERE was sent. Whether
the peer is alive (`ikev1.core.machine.liveness`) is asked with the next number, as RFC 3706 §6.2 requires.
"""

from __future__ import annotations

from ikev1.core.exchanges.dpd_sequence import following, is_in_run, octets_of, sequence_of, unpredictable
from ikev1.core.exchanges.informational import INFORMATIONAL, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.machine.ended import takes_anothers
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import path_changes, vendor_ids
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, Probe
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import present, replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType

_TRIES = 4  # transmissions to a path
_FIRST_TRIES = 5  # until a new ISAKMP SA is confirmed: our last message of phase 1 may have been lost more than once
_FIRST_WAIT = 1.0  # seconds; the wait doubles with each retransmission
_LONGEST_WAIT = 8.0  # seconds
_SETTLED = 1.0  # seconds without a further address change before a moved peer is probed


def ask(ref: SaRef, path: UdpPath, delay: float = 0.0) -> None:
    """Send R-U-THERE to the peer on ``path`` after ``delay`` seconds, to prove that it is reached there.

    Do nothing if another R-U-THERE is outstanding, or if the peer has not announced support for dead peer detection
    (RFC 3706 §5.1).
    """
    if ref.sa.probe is not None or not answers(ref.sa):
        return
    ref.change(probe=_question(ref, path, ref.tx.now + delay))
    if not delay:
        repeat(ref)


def ask_if_alive(ref: SaRef, patience: float) -> None:
    """Send R-U-THERE to the peer, which is dead if it acknowledges none within ``patience`` seconds.

    Do nothing in the same cases as `ask`.
    """
    if ref.sa.probe is None and answers(ref.sa):
        first = following(ref.sa.own_sequence, ref.tx.state.random)
        ref.change(probe=Probe(ref.sa.path, first, ends_at=ref.tx.now + patience))
        repeat(ref)


def _question(ref: SaRef, path: UdpPath, at: float) -> Probe:
    return Probe(path, unpredictable(ref.sa.own_sequence, ref.tx.state.random), resend_at=at)


def answers(sa: IkeSa) -> bool:
    """Return whether ``sa`` is up and its peer has announced support for dead peer detection (RFC 3706 §5.1)."""
    return vendor_ids.DPD in sa.vendors and sa.is_up


def exhausted(sa: IkeSa, probe: Probe) -> bool:
    """Return whether R-U-THERE has been sent the maximum number of times; one that ends at a time has no maximum."""
    return not probe.ends_at and probe.tries >= (_TRIES if sa.confirmed else _FIRST_TRIES)


def repeat(ref: SaRef) -> None:
    """Send or retransmit the R-U-THERE of the current probe: a retransmission has the next sequence number, because
    receivers reject a number that they have seen (RFC 3706 §6.2).
    """
    probe, here = present(ref.sa.probe), ref.sa.path
    sequence = following(probe.first + probe.tries - 1, ref.tx.state.random)
    context = ref.context(new_exchange(INFORMATIONAL, 0, Role.INITIATOR, ref.tx.now))
    context.sa = replace(context.sa, path=here if probe.ends_at else probe.path, own_sequence=sequence)
    tell(context, [notify(ref.sa, NotifyType.R_U_THERE, octets_of(sequence))])
    wait = min(_FIRST_WAIT * 2**probe.tries, _LONGEST_WAIT)
    waiting = replace(probe, tries=probe.tries + 1, resend_at=ref.tx.now + wait)
    context.sa = replace(context.sa, path=here, probe=waiting)
    ref.commit(context)


def answered(ref: SaRef, message: Message, seen: UdpPath) -> bool:
    """Process an R-U-THERE-ACK in ``message``, an authenticated message received on ``seen``.

    If the acknowledgement came on the path that was probed, move the SA to that path.

    Returns:
        Whether ``message`` acknowledges the outstanding R-U-THERE.
    """
    sa, probe = ref.sa, ref.sa.probe
    if probe is None or not any(_acknowledges(sa, probe, payload) for payload in message.all(Notification)):
        return False
    here = seen == probe.path and not probe.ends_at
    occupied = here and _is_occupied(ref, seen)
    ref.become(replace(sa, probe=None))
    if here:
        _prove(ref, seen)
    if occupied:
        text = f"the peer moved to {seen.remote}, but another peer has the traffic of its transport mode SAs there"
        ref.note(Code.SELECTORS_UNACCEPTABLE, text)
    elif here and seen != sa.path:
        _move(ref, seen)
    return True


def proved_by_quick_mode(ref: SaRef, exchange: Exchange, seen: UdpPath) -> bool:
    """Process message 2 or 3 of the Quick Mode ``exchange``, received on ``seen``: its HASH covers the nonce of this
    gateway (RFC 2409 §5.5), so the peer received the message before, if it was sent to no other address or port.

    Returns:
        Whether that proves the peer's location, which was not proved.
    """
    sa = ref.sa
    proves = exchange.quick is not None and exchange.step > 0 and seen == sa.path and not exchange.elsewhere
    if not proves or sa.moves or sa.peer is not None or sa.awaits_user:
        return False
    if sa.probe is not None and sa.probe.path == seen and not sa.probe.ends_at:
        ref.change(probe=None)
    _prove(ref, seen)
    return True


def _prove(ref: SaRef, path: UdpPath) -> None:
    """Note that the peer receives messages on ``path``."""
    sa, reached = ref.sa, (path.remote_host, path.remote_port)
    if sa.reached == reached:
        return
    others = ref.tx.state.table.of_peer(sa) if sa.is_current and sa.reached is not None else ()
    ref.change(reached=reached)
    for other in others:
        if other.heir and other.reached == sa.reached:
            _take_along(ref.tx.of(other), path)
    _ask_others(ref)


def _take_along(ref: SaRef, path: UdpPath) -> None:
    """Move this replaced SA to ``path``, where its peer has answered under the SA that is used in its place: whoever
    comes from the old port may be another peer, and must not inherit the virtual addresses of this one.
    """
    if _is_occupied(ref, path):
        return
    taken, moves = path_changes.take_path(ref.sa, path)
    probe = taken.probe if taken.probe is not None and taken.probe.ends_at else None  # else it is about the old path
    reached = path.remote_host, path.remote_port
    ref.become(replace(taken, reached=reached, probe=probe, moves=taken.moves + 1, moved_at=ref.tx.now))
    ref.tx.actions += moves


def _is_occupied(ref: SaRef, path: UdpPath) -> bool:
    """Whether another peer has the traffic that a pair of this SA would carry on ``path``."""
    sa = ref.sa
    coming = (exchange.child for exchange in sa.exchanges)
    pairs = (*sa.complete_children, *filter(None, coming)) if path != sa.path else ()
    return any(takes_anothers(ref.tx.state, sa, child, path) for child in pairs)


def _ask_others(ref: SaRef) -> None:
    """Probe the peers of other SAs that claim to be where the peer of this one is now: an SA that the peer established
    from a new port behind its NAT, while this one still had the old port, replaces this one once that is proved.
    """
    for other in ref.tx.state.table.of_claim(ref.sa):
        if other.peer is None and other.confirmed and other.is_current:
            ask(ref.tx.of(other), other.path)


def _acknowledges(sa: IkeSa, probe: Probe, payload: Notification) -> bool:
    """Return whether ``payload`` acknowledges a transmission of ``probe``."""
    sequence = sequence_of(sa, payload) if payload.type == NotifyType.R_U_THERE_ACK else None
    return sequence is not None and is_in_run(sequence, probe.first, probe.tries)


def follow(ref: SaRef, path: UdpPath) -> None:
    """Update the peer's address and port after an authenticated message on ``path`` that is not a replay."""
    sa, now, port = ref.sa, ref.tx.now, ref.tx.state.settings.encapsulation_port
    if path == sa.path or sa.awaits_user:
        return
    if path_changes.follows(sa, path, port):
        settled = now - sa.moved_at >= _SETTLED
        # Every packet may come from another port: probe the peer and store the record once the port is stable
        _move(ref, path, store=settled or not answers(sa))
        if settled or not answers(sa):
            ask_where_it_is(ref)
        else:
            ref.become(replace(ref.sa, probe=_question(ref, path, now + _SETTLED)), store=False)
    elif path_changes.wants_probe(sa, path, port):
        ask(ref, path)


def ask_where_it_is(ref: SaRef) -> None:
    """Probe a peer whose port seems to have changed, in place of any outstanding probe.

    The new port may be forged. It identifies the peer among others behind the same NAT only after the peer has answered
    on it.
    """
    if answers(ref.sa):
        ref.change(probe=None)
        ask(ref, ref.sa.path)


def _move(ref: SaRef, path: UdpPath, *, store: bool = True) -> None:
    moved, moves = path_changes.moved(ref.sa, path, ref.tx.now)
    ref.become(moved, store=store)
    ref.tx.actions += moves
