"""Messages of phase 2 that are received before XAUTH or mode config is complete: they are held until then."""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.message_ids import is_own, was_heard
from ikev1.core.exchanges.protection import open_proved, phase2_iv
from ikev1.core.exchanges.registry import PHASE_2_SCRIPTS
from ikev1.core.machine.engine_state import Arrival, Reassembled
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.exchange import Held, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.refusal import Unproved
from ikev1.wire.errors import WireError
from ikev1.wire.header import Header
from ikev1.wire.registry import ExchangeType

_MOST = 8  # messages of one peer
_MOST_OCTETS = 16_384  # in all of them


def hold_early(ref: SaRef, arrival: Arrival) -> bool:
    """Hold a message that begins an exchange too early, if it is authentic and within the limits.

    Returns:
        Whether the message begins such an exchange, and must not be processed now.
    """
    sa, header = ref.sa, arrival.header
    if not sa.is_up or header.message_id == 0 or not _is_early(sa, header):
        return False
    exchange = new_exchange(
        PHASE_2_SCRIPTS[header.exchange],
        header.message_id,
        Role.RESPONDER,
        arrival.now,
        phase2_iv(sa, header.message_id),
    )
    if any(arrival.datagram == held.datagram for held in sa.held) or _was_used(sa, header.message_id):
        return True
    try:
        open_proved(sa, exchange, 1, header, arrival.datagram)
    except (Unproved, WireError):
        return True
    octets = sum(len(held.datagram) for held in sa.held) + len(arrival.datagram)
    if len(sa.held) < _MOST and octets <= _MOST_OCTETS:
        held = Held(arrival.datagram, arrival.path, isinstance(arrival, Reassembled))
        ref.change(held=(*sa.held, held))
    return True


def _was_used(sa: IkeSa, message_id: int) -> bool:
    """Whether the message ID was used, by us or by the peer: then the message is a copy."""
    return message_id in sa.spent_message_ids or is_own(sa, message_id) or was_heard(sa, message_id)


def _is_early(sa: IkeSa, header: Header) -> bool:
    """Whether the message begins an exchange that is not possible yet. During XAUTH, the client may not begin
    Transaction exchanges, but the gateway may.
    """
    if any(exchange.message_id == header.message_id for exchange in sa.exchanges):
        return False
    return header.exchange != ExchangeType.TRANSACTION or (sa.xauth is not None and sa.xauth.serves)


def release(ref: SaRef) -> None:
    """Forget the held messages, which are processed next."""
    ref.change(held=())
