"""The responder in Aggressive Mode, from message 1 to message 3.

Message 2 requires an SA record, a Diffie-Hellman exchange and more octets than message 1, although the initiator is not
authenticated yet. Budgets shared by all unauthenticated peers limit all three (`ikev1.core.machine.admission`). Message
2 is sent once for each message 1 received.
"""

from __future__ import annotations

from ikev1.core.exchanges.aggressive_mode import method_asked
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.registry import aggressive_mode
from ikev1.core.exchanges.retransmission import transmit
from ikev1.core.machine.engine_state import Arrival, State
from ikev1.core.machine.first_message_refusals import (
    after_cookies,
    candidate_names,
    fault_of,
    overloaded,
    remember,
    turn_away,
    turn_stranger_away,
)
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Action, Report
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.chain import GENERIC_HEADER, GENERIC_HEADER_SIZE
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import parse_unproved
from ikev1.wire.registry import ExchangeType

_CALLER_PATIENCE = 30.0  # seconds within which the initiator must complete phase 1
_DOUBT = 2.0  # seconds to wait for message 3 after an undecryptable message before an error is reported


def known_aggressive(state: State, arrival: Arrival) -> tuple[IkeSa | None, bytes]:
    """Return the SA created by an earlier copy of message 1 of Aggressive Mode (None: no such SA), and its CKY-R."""
    header, _, path, now = arrival
    current, previous = state.first_messages.kept_cookies(header.CKY_I, path, now)
    for CKY_R in (current, previous):
        known = state.table.by_cookies.get(header.CKY_I + CKY_R)
        if known is not None:
            return known, CKY_R
    return None, current


def refuse_aggressive(state: State, arrival: Arrival, known: IkeSa | None) -> list[Action] | None:
    """Return the actions that refuse message 1 of Aggressive Mode, or None if the message is to be answered.

    The answer requires a Diffie-Hellman exchange and is longer than message 1, although the initiator is not
    authenticated: `AdmissionControl` limits both.
    """
    header, datagram, path, now = arrival
    fault = fault_of(state, header, datagram)
    if fault is not None:
        return [Report(Failure(Code.MALFORMED, fault, path.remote))]
    may = state.admission.may_call_aggressively if known is None else state.admission.may_ask_again
    if not may(now):
        return overloaded(state, path, now, "Aggressive Mode")
    if known is not None:
        return None
    if not candidate_names(state, path):
        return turn_stranger_away(state, header, path, now)
    refused = state.refusals.recall(_aggressive_mark(state, arrival))
    if refused is not None:
        return turn_away(state, refused, header, path)
    state.admission.called_aggressively()
    return None


def refused_aggressive(state: State, arrival: Arrival, error: Refusal | WireError) -> list[Action]:
    """Report why message 1 of Aggressive Mode is refused, and cache the refusal."""
    refused = remember(state, _aggressive_mark(state, arrival), error, arrival.path)
    return turn_away(state, refused, arrival.header, arrival.path)


def _aggressive_mark(state: State, arrival: Arrival) -> bytes:
    octets = b"aggressive" + after_cookies(arrival.header, arrival.datagram)
    return state.refusals.mark(state.generation, candidate_names(state, arrival.path), octets)


def aggressive_caller(state: State, arrival: Arrival, CKY_R: bytes) -> IkeSa:
    """Create the SA for a new message 1 of Aggressive Mode."""
    header, datagram, path, now = arrival
    script = aggressive_mode(_method_asked(header, datagram))
    exchange = new_exchange(script, 0, Role.RESPONDER, now + _CALLER_PATIENCE)
    return IkeSa(state.next_unique_id(), "", Role.RESPONDER, path, header.CKY_I, CKY_R, now, phase1=exchange)


def _method_asked(header: Header, datagram: bytes) -> int:
    """Return the authentication method that message 1 of Aggressive Mode proposes, or 0 if it is absent or malformed.

    The method determines how the remaining payloads are parsed.
    """
    chain = datagram[HEADER_SIZE : header.length]
    if len(chain) < GENERIC_HEADER_SIZE:
        return 0  # the default script reports the error
    _, _, length = GENERIC_HEADER.unpack_from(chain)
    try:
        return method_asked(parse_unproved(header, b"\0" + chain[1:length]))
    except WireError:
        return 0


def ask_again(ref: SaRef, arrival: Arrival) -> None:
    """Retransmit message 2 of Aggressive Mode if the initiator uses the SA but message 3 has not been received.

    Only a repeated message 2 makes the initiator send message 3 again. The initiator knows CKY-R, so it has received
    message 2.
    """
    sa, phase1, state = ref.sa, ref.sa.phase1, ref.tx.state
    if sa.state is not IkeState.CONNECTING or phase1 is None or not awaits_message_3(sa):
        return
    if phase1.tries > state.settings.retransmit_tries or arrival.path.remote_host != sa.path.remote_host:
        return
    if not arrival.header.encrypted or not arrival.header.message_id or phase1.waiting is not None:
        return
    if not state.admission.may_ask_again(arrival.now):
        return
    asking = replace(phase1, tries=phase1.tries + 1)
    if arrival.header.exchange == ExchangeType.INFORMATIONAL and phase1.complaint is None:
        # It may also be an error notify under different keys: report that if message 3 does not follow soon
        complaint = diagnosis.of_unreadable(sa, ref.context(phase1).connection)
        asking = replace(asking, complaint=complaint, resend_at=min(arrival.now + _DOUBT, phase1.ends_at))
    ref.change(phase1=asking)
    state.admission.sent(sum(map(len, phase1.datagrams)))
    ref.tx.actions += transmit(phase1, sa.path)
    ref.note(Code.RETRANSMIT, "resending AM2: the peer sent a later message, but its AM3 was not received")


def awaits_message_3(sa: IkeSa) -> bool:
    """Return whether this gateway is the responder in Aggressive Mode and waits for message 3."""
    phase1 = sa.phase1
    return phase1 is not None and phase1.role is Role.RESPONDER and phase1.is_aggressive
