"""Exchanges under an ISAKMP SA that this gateway does not support: Transaction (XAUTH, mode config) and unknown ones.

A peer that requires XAUTH, i.e. a user name and a password, ignores Quick Mode until it has them: the Quick Mode fails,
and the reason must not be that the peer is silent.
"""

from __future__ import annotations

from ikev1.core.exchanges.informational import INFORMATIONAL
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import open_proved, phase2_iv
from ikev1.core.machine.engine_state import Arrival
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Unproved
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.errors import WireError
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigAttribute, ExchangeType

_XAUTH = range(ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_ANSWER + 1)


def take_unsupported(ref: SaRef, arrival: Arrival) -> None:
    """Report a message of an exchange that is not supported, once. If it is authentic and asks for XAUTH, that becomes
    the reason for which our Quick Modes fail.
    """
    header = arrival.header
    if header.exchange == ExchangeType.TRANSACTION and ref.sa.is_up:
        try:
            attributes = _attributes(ref, arrival)
        except Unproved as error:
            ref.fail_unproved("Transaction message", error)
            return
        except WireError as error:
            ref.fail_once(Code.MALFORMED, f"rejected Transaction message: {error}")
            return
        if any(kind in _XAUTH for kind in attributes):
            _complain(
                ref,
                f"{ref.sa.path.remote_host} requires XAUTH (a user name and a password) after phase 1, which this "
                "gateway does not support: turn XAUTH off at the peer for this connection",
            )
            return
        ref.note_once(Code.UNPROVED, "ignoring mode config (exchange type TRANSACTION), which is not supported")
        return
    name = registered_name(ExchangeType, header.exchange)
    ref.note_once(Code.UNPROVED, f"ignoring messages of exchange type {name}")


def _attributes(ref: SaRef, arrival: Arrival) -> list[int]:
    """Return the types of the attributes in a message of the Transaction exchange (draft-dukes-ike-mode-cfg-02 §3.3).

    Raises:
        Unproved: the message is not authentic.
        WireError: it is authentic, but malformed.
    """
    sa, (header, datagram, _, now) = ref.sa, arrival
    exchange = new_exchange(INFORMATIONAL, header.message_id, Role.RESPONDER, now, phase2_iv(sa, header.message_id))
    message, _ = open_proved(sa, exchange, 1, header, datagram)
    return [attribute.type for payload in message.all(ConfigAttributes) for attribute in payload.attributes]


def _complain(ref: SaRef, text: str) -> None:
    """Report the failure, and keep it with the Quick Modes that wait for the peer's response."""
    ref.fail_once(Code.XAUTH_REQUIRED, text)
    ours = (each for each in ref.sa.exchanges if each.role is Role.INITIATOR and each.step == 1 and each.quick)
    waiting = {each.message_id: replace(each, complaint=(Code.XAUTH_REQUIRED, text)) for each in ours}
    if waiting:
        ref.change(exchanges=tuple([waiting.get(each.message_id, each) for each in ref.sa.exchanges]))
