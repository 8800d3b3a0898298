"""The registry of exchange tables, by the name and the authentication method in an `Exchange` record."""

from __future__ import annotations

from ikev1.core.exchanges.aggressive_mode import AGGRESSIVE_MODE
from ikev1.core.exchanges.informational import INFORMATIONAL
from ikev1.core.exchanges.interpreter import Script, reply, state_name, take
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.new_group_mode import NEW_GROUP_MODE
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.revised_rsa_encryption import (
    AGGRESSIVE_MODE_REVISED_RSA_ENCRYPTION,
    MAIN_MODE_REVISED_RSA_ENCRYPTION,
)
from ikev1.core.exchanges.rsa_encryption import AGGRESSIVE_MODE_RSA_ENCRYPTION, MAIN_MODE_RSA_ENCRYPTION
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.methods import base_of
from ikev1.wire.message import Message

SCRIPTS: dict[tuple[str, int], Script] = {
    (script.name, script.method): script
    for script in (
        MAIN_MODE,
        MAIN_MODE_RSA_ENCRYPTION,
        MAIN_MODE_REVISED_RSA_ENCRYPTION,
        AGGRESSIVE_MODE,
        AGGRESSIVE_MODE_RSA_ENCRYPTION,
        AGGRESSIVE_MODE_REVISED_RSA_ENCRYPTION,
        NEW_GROUP_MODE,
        QUICK_MODE,
        TRANSACTION,
        INFORMATIONAL,
    )
}

PHASE_2_SCRIPTS: dict[int, Script] = {script.exchange: script for script in (QUICK_MODE, TRANSACTION, NEW_GROUP_MODE)}
"""The phase 2 exchanges that a peer may initiate, by exchange type; without Informational, which has no state."""


def script_of(exchange: Exchange) -> Script:
    """Return the table of ``exchange``."""
    return SCRIPTS[exchange.script, exchange.method]


def aggressive_mode(method: int) -> Script:
    """Return the table of Aggressive Mode for an authentication method, which cannot be negotiated in that mode."""
    return SCRIPTS.get((AGGRESSIVE_MODE.name, base_of(method)), AGGRESSIVE_MODE)


def go_through(context: ExchangeContext, message: Message) -> None:
    """Process the peer's ``message`` in its exchange, and answer it. The answer is built by the table that applies
    after the message: message 2 of Main Mode selects the authentication method, and thereby possibly another table.

    Raises:
        Refusal: the message is not the expected one; ``context`` must be discarded.
    """
    script = script_of(context.exchange)
    decision = take(script, context, message)
    if context.exchange.method != script.method:
        script = script_of(context.exchange)
    reply(script, context, decision)


def cisco_state(sa: IkeSa) -> str:
    """Return the state of ``sa`` as named by Cisco's ``show crypto isakmp sa``: ``MM_WAIT_MSG4``, ``QM_IDLE``."""
    if sa.state is IkeState.DELETED:
        return "MM_NO_STATE"
    if sa.state is not IkeState.CONNECTING or sa.phase1 is None:
        return "CONF_XAUTH" if sa.awaits_user else "CONF_ADDR" if sa.awaits_config else "QM_IDLE"
    return state_name(script_of(sa.phase1), sa.phase1.step, sa.phase1.role)
