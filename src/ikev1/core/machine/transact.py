"""Transaction exchanges that this gateway begins."""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import begin, new_exchange
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.exchanges.registry import script_of
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.exchange import Exchange, Role, TransactionData
from ikev1.core.records.mode_config import ConfigPush
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Saying
from ikev1.wire.registry import ConfigType

_IDENTIFIER_OCTETS = 2


def transact(ref: SaRef, topic: str, saying: Saying | ConfigPush, ends_at: float) -> None:
    """Begin a Transaction exchange about ``topic`` (`Topic.name`) with ``saying``, a REQUEST or a SET. It is
    retransmitted until the peer answers, at most until ``ends_at``. The SET of a `ConfigPush` is built after its
    addresses were assigned.
    """
    sa, message_id = fresh_message_id(ref.sa)
    exchange = new_exchange(TRANSACTION, message_id, Role.INITIATOR, ends_at, phase2_iv(sa, message_id))
    kind = saying.kind if isinstance(saying, Saying) else ConfigType.SET
    context = ref.context(replace(exchange, data=TransactionData(saying.identifier, kind, topic)))
    context.sa = sa
    begin(TRANSACTION, context, saying)
    ref.commit(context, context.exchange)


def fresh_identifier(ref: SaRef) -> int:
    """Return a random identifier for Transaction exchanges (draft-dukes-ike-mode-cfg-02 §3.2)."""
    return int.from_bytes(ref.tx.state.random(_IDENTIFIER_OCTETS))


def unanswered(ref: SaRef, topic: str) -> list[Exchange]:
    """Return our Transaction exchanges about ``topic`` that the peer has not answered, or whose answer waits."""
    return [exchange for exchange in ref.sa.exchanges if _is_unanswered(exchange, topic)]


def _is_unanswered(exchange: Exchange, topic: str) -> bool:
    data = exchange.transaction
    ours = data is not None and data.topic == topic and exchange.role is Role.INITIATOR
    return ours and (exchange.waiting is not None or not script_of(exchange).is_over(exchange))
