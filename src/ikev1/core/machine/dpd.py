"""Asking a peer whether it is there: R-U-THERE, answered by R-U-THERE-ACK (RFC 3706 §5).

The answer is protected by the ISAKMP SA and repeats four octets that nobody else knows. It shows that the peer has the
SA, and that it receives what is sent along the path on which it was asked.
"""

from __future__ import annotations

import hmac

from ikev1.core.exchanges.informational import INFORMATIONAL, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.machine.engine_state import State
from ikev1.core.peer import vendor_ids
from ikev1.core.peer.path_changes import moved
from ikev1.core.records.actions import Action, Keep, Report
from ikev1.core.records.events import Code, Note
from ikev1.core.records.model import IkeSa, Probe, Role, UdpPath
from ikev1.core.records.record import present, replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType

_TRIES = 4
_FIRST_WAIT = 1.0  # seconds; each wait is twice the one before


def ask(state: State, sa: IkeSa, path: UdpPath, now: float, delay: float = 0.0) -> list[Action]:
    """Asks the peer of ``sa`` along ``path``, after ``delay`` seconds.

    Nothing is done while another question is under way, nor if the peer has not announced that it answers such
    questions (RFC 3706 §5.1).
    """
    if sa.probe is not None or not answers(sa):
        return []
    asking = replace(sa, probe=Probe(path, state.random(4), resend_at=now + delay))
    state.table.put(sa, asking)
    return [Keep(asking)] if delay else repeat(state, asking, now)


def answers(sa: IkeSa) -> bool:
    """Whether the peer of ``sa`` can be asked: it has announced that it answers such questions (RFC 3706 §5.1)."""
    return vendor_ids.DPD in sa.vendors and sa.is_up


def deferred(state: State, sa: IkeSa, at: float) -> IkeSa:
    """``sa`` with a question that is put to its peer, where that is now, at ``at``, in place of any other question."""
    asking: IkeSa = replace(sa, probe=Probe(sa.path, state.random(4), resend_at=at))
    return asking


def exhausted(probe: Probe) -> bool:
    """Whether the question was put as often as it is to be."""
    return probe.tries >= _TRIES


def repeat(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Puts the question of ``sa`` once more."""
    probe = present(sa.probe)
    there = replace(sa, path=probe.path)
    context = state.context(there, new_exchange(INFORMATIONAL, 0, Role.INITIATOR, now), now)
    tell(context, [notify(sa, NotifyType.R_U_THERE, probe.sequence)])
    waiting = replace(probe, tries=probe.tries + 1, resend_at=now + _FIRST_WAIT * 2**probe.tries)
    context.sa = replace(context.sa, path=sa.path, probe=waiting)
    return state.commit(sa, context, None)


def answered(state: State, sa: IkeSa, message: Message, seen: UdpPath, now: float) -> tuple[bool, list[Action]]:
    """Takes the acknowledgement in ``message``, a message that was checked and came by ``seen``, if there is one.

    Returns:
        Whether it answers our question, and what makes the data plane follow the peer to where it was asked.
    """
    probe = sa.probe
    acks = [payload for payload in message.all(Notification) if payload.type == NotifyType.R_U_THERE_ACK]
    if probe is None or not any(hmac.compare_digest(ack.data, probe.sequence) for ack in acks):
        return False, []
    done = replace(sa, probe=None)
    if seen == probe.path:
        done = replace(done, reached=(seen.remote_host, seen.remote_port))
    moves: list[Action] = []
    if seen == probe.path != sa.path:
        coming = (exchange.child for exchange in sa.exchanges)
        if any(state.takes_anothers(sa, child, seen) for child in (*sa.children, *filter(None, coming))):
            text = f"the peer is at {seen.remote} now, where another peer has the traffic of its pair in transport mode"
            moves = [Report(Note(Code.SELECTORS_UNACCEPTABLE, text, done))]
        else:
            done, moves = moved(done, seen, now)
    state.table.put(sa, done)
    return True, [Keep(done), *moves]
