"""What a peer would have sent that knows the keys and does not keep to the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import open_message, phase2_iv, seal
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.registry import script_of
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import Payload
from playbook import Datagram, Peer

Change = Callable[[list[Payload]], list[Payload]]


def put(kind: type[Payload], **changes: Any) -> Change:
    """Other contents for the payloads of one kind."""

    def change(payloads: list[Payload]) -> list[Payload]:
        return [payload._replace(**changes) if isinstance(payload, kind) else payload for payload in payloads]

    return change


def add(*more: Payload) -> Change:
    """Payloads that nobody asked for."""
    return lambda payloads: [*payloads, *more]


def drop(kind: type[Payload], keep: int = 0) -> Change:
    """Payloads of one kind left out."""

    def change(payloads: list[Payload]) -> list[Payload]:
        kept = [payload for payload in payloads if isinstance(payload, kind)][:keep]
        return [payload for payload in payloads if not isinstance(payload, kind) or payload in kept]

    return change


def resealed(receiver: Peer, datagram: Datagram, change: Change) -> Datagram:
    """``datagram`` as its sender would have made it, with other payloads: made with the keys of who receives it."""
    header = Header.parse(datagram.octets)
    if not header.encrypted:
        payloads = change(list(parse_message(header, datagram.octets[28:]).payloads))
        return datagram._replace(octets=build_message(header, payloads))
    sa = _sa(receiver, datagram)
    exchange = _exchange(sa, header.message_id)
    script = script_of(exchange)
    shape = script.grammars[exchange.step]
    octets, _, _ = seal(sa, exchange, script.exchange, shape, change(payloads_of(receiver, datagram)))
    return datagram._replace(octets=octets)


def payloads_of(receiver: Peer, datagram: Datagram) -> list[Payload]:
    """What an encrypted ``datagram`` carries besides its HASH, as ``receiver`` is about to read it."""
    header = Header.parse(datagram.octets)
    sa = _sa(receiver, datagram)
    exchange = _exchange(sa, header.message_id)
    message, _ = open_message(sa, exchange.iv, header, datagram.octets)
    return list(message.payloads)[1 if script_of(exchange).grammars[exchange.step].hash else 0 :]


def _sa(receiver: Peer, datagram: Datagram) -> IkeSa:
    """The SA that ``datagram`` is for."""
    return receiver.engine.sas.get(datagram.octets[:16]) or receiver.sa


def _exchange(sa: IkeSa, message_id: int) -> Exchange:
    if message_id == 0:
        assert sa.phase1 is not None
        return sa.phase1
    for exchange in sa.exchanges:
        if exchange.message_id == message_id:
            return exchange
    return new_exchange(QUICK_MODE, message_id, Role.RESPONDER, 0.0, phase2_iv(sa, message_id))
