"""Asking a peer whether it is there: R-U-THERE, answered by R-U-THERE-ACK (RFC 3706 §5).

The answer is protected by the ISAKMP SA and repeats four octets that nobody else knows. It shows that the peer has the
SA, and that it receives what is sent along the path on which it was asked.
"""

from __future__ import annotations

import hmac

from ikev1.core.exchanges.informational import INFORMATIONAL, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.machine.ended import takes_anothers
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import path_changes, vendor_ids
from ikev1.core.records.events import Code
from ikev1.core.records.model import IkeSa, Probe, Role, UdpPath
from ikev1.core.records.record import present, replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType

_TRIES = 4
_FIRST_WAIT = 1.0  # seconds; each wait is twice the one before
_SETTLED = 1.0  # seconds without another move after which a peer that has just moved is asked where it is


def ask(ref: SaRef, path: UdpPath, delay: float = 0.0) -> None:
    """Asks the peer along ``path``, after ``delay`` seconds.

    Nothing is done while another question is under way, nor if the peer has not announced that it answers such
    questions (RFC 3706 §5.1).
    """
    if ref.sa.probe is not None or not answers(ref.sa):
        return
    ref.change(probe=_question(ref, path, ref.tx.now + delay))
    if not delay:
        repeat(ref)


def _question(ref: SaRef, path: UdpPath, at: float) -> Probe:
    return Probe(path, ref.tx.state.random(4), resend_at=at)


def answers(sa: IkeSa) -> bool:
    """Whether the peer of ``sa`` can be asked: it has announced that it answers such questions (RFC 3706 §5.1)."""
    return vendor_ids.DPD in sa.vendors and sa.is_up


def exhausted(probe: Probe) -> bool:
    """Whether the question was put as often as it is to be."""
    return probe.tries >= _TRIES


def repeat(ref: SaRef) -> None:
    """Puts the question once more."""
    probe, here = present(ref.sa.probe), ref.sa.path
    context = ref.context(new_exchange(INFORMATIONAL, 0, Role.INITIATOR, ref.tx.now))
    context.sa = replace(context.sa, path=probe.path)
    tell(context, [notify(ref.sa, NotifyType.R_U_THERE, probe.sequence)])
    waiting = replace(probe, tries=probe.tries + 1, resend_at=ref.tx.now + _FIRST_WAIT * 2**probe.tries)
    context.sa = replace(context.sa, path=here, probe=waiting)
    ref.commit(context)


def answered(ref: SaRef, message: Message, seen: UdpPath) -> bool:
    """Takes the acknowledgement in ``message``, a message that was checked and came by ``seen``, if there is one, and
    follows the peer to where it was asked.

    Returns:
        Whether it answers our question.
    """
    sa, probe = ref.sa, ref.sa.probe
    acks = [payload for payload in message.all(Notification) if payload.type == NotifyType.R_U_THERE_ACK]
    if probe is None or not any(hmac.compare_digest(ack.data, probe.sequence) for ack in acks):
        return False
    coming = (exchange.child for exchange in sa.exchanges)
    pairs = (*sa.children, *filter(None, coming)) if seen == probe.path != sa.path else ()
    occupied = any(takes_anothers(ref.tx.state, sa, child, seen) for child in pairs)
    done = replace(sa, probe=None)
    if seen == probe.path:
        done = replace(done, reached=(seen.remote_host, seen.remote_port))
    ref.become(done)
    if occupied:
        text = f"the peer moved to {seen.remote}, but another peer has the traffic of its transport mode SAs there"
        ref.note(Code.SELECTORS_UNACCEPTABLE, text)
    elif seen == probe.path != sa.path:
        _move(ref, seen)
    return True


def follow(ref: SaRef, path: UdpPath) -> None:
    """Follows the peer, which sent something by ``path`` that was checked whole and is no repetition."""
    sa, now, port = ref.sa, ref.tx.now, ref.tx.state.settings.encapsulation_port
    if path_changes.follows(sa, path, port):
        settled = now - sa.moved_at >= _SETTLED
        # Each packet may come from another port: once that is over, the question is put, and the record stored with it
        _move(ref, path, store=settled or not answers(sa))
        if settled or not answers(sa):
            ask_where_it_is(ref)
        else:
            ref.become(replace(ref.sa, probe=_question(ref, path, now + _SETTLED)), store=False)
    elif path_changes.wants_probe(sa, path, port):
        ask(ref, path)


def ask_where_it_is(ref: SaRef) -> None:
    """Asks a peer that seems to have another port: the port may be forged, and who the peer is among those behind its
    NAT changes once it has answered there. This question takes the place of any other.
    """
    if answers(ref.sa):
        ref.change(probe=None)
        ask(ref, ref.sa.path)


def _move(ref: SaRef, path: UdpPath, *, store: bool = True) -> None:
    moved, moves = path_changes.moved(ref.sa, path, ref.tx.now)
    ref.become(moved, store=store)
    ref.tx.actions += moves
