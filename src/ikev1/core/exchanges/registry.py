"""The exchanges that there are, by the name and method that an `Exchange` record keeps of its script."""

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
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.model import Exchange, IkeSa, IkeState
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
        INFORMATIONAL,
    )
}

PHASE_2_SCRIPTS: dict[int, Script] = {script.exchange: script for script in (QUICK_MODE, NEW_GROUP_MODE)}
"""The exchanges of phase 2 that a peer may begin, by exchange type; Informational apart, which nothing is kept of."""


def script_of(exchange: Exchange) -> Script:
    """The table that ``exchange`` follows."""
    return SCRIPTS[exchange.script, exchange.method]


def aggressive_mode(method: int) -> Script:
    """The table of Aggressive Mode for a method of authentication, which nobody can negotiate in it."""
    return SCRIPTS.get((AGGRESSIVE_MODE.name, method), AGGRESSIVE_MODE)


def go_through(context: ExchangeContext, message: Message) -> None:
    """Takes the peer's ``message`` through its exchange, and answers it. The answer comes from the table that the
    exchange follows then: message 2 of Main Mode chooses the method of authentication, and with it another table.

    Raises:
        Refusal: the message is not what is due; ``context`` is to be dropped.
    """
    decision = take(script_of(context.exchange), context, message)
    reply(script_of(context.exchange), context, decision)


def cisco_state(sa: IkeSa) -> str:
    """Where ``sa`` stands, in the words of Cisco's ``show crypto isakmp sa``: ``MM_WAIT_MSG4``, ``QM_IDLE``."""
    if sa.state is IkeState.DELETED:
        return "MM_NO_STATE"
    if sa.state is not IkeState.CONNECTING or sa.phase1 is None:
        return "QM_IDLE"
    return state_name(script_of(sa.phase1), sa.phase1.step, sa.phase1.role)
