"""Exchanges under an ISAKMP SA that this gateway does not know, and XAUTH where it is not configured.

A peer that requires XAUTH, i.e. a user name and a password, ignores Quick Mode until it has them: the Quick Mode fails,
and the reason must not be that the peer is silent.
"""

from __future__ import annotations

from ikev1.core.machine.engine_state import Arrival
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.record import replace
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.registry import ExchangeType


def take_unsupported(ref: SaRef, arrival: Arrival) -> None:
    """Report a message of an exchange that is not supported, once."""
    name = registered_name(ExchangeType, arrival.header.exchange)
    ref.note_once(Code.UNPROVED, f"ignoring messages of exchange type {name}")


def explain_quick_modes(ref: SaRef, text: str) -> None:
    """Keep the reason with the Quick Modes that wait for a response of a peer that requires XAUTH."""
    ours = (each for each in ref.sa.exchanges if each.role is Role.INITIATOR and each.step == 1 and each.quick)
    waiting = {each.message_id: replace(each, complaint=(Code.XAUTH_REQUIRED, text)) for each in ours}
    if waiting:
        ref.change(exchanges=tuple([waiting.get(each.message_id, each) for each in ref.sa.exchanges]))
