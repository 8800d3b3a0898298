"""Informational exchanges: one message that tells something and expects no answer (RFC 2409 §5.7)."""

from __future__ import annotations

from ikev1.core import envelope
from ikev1.core.actions import Remove, Send
from ikev1.core.events import ChildDown, Code, IkeDown, MessageSeen, Note
from ikev1.core.model import ChildSa, Exchange, IkeSa, IkeState, Role
from ikev1.core.record import replace
from ikev1.core.responder_lifetime import honour
from ikev1.core.script import Row, Script, new_exchange
from ikev1.core.turn import Turn
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, build_chain
from ikev1.wire.payloads import Delete, Notification, Payload
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId

__all__ = [
    "INFORMATIONAL",
    "clear_notify",
    "delete_child",
    "delete_ike",
    "deleted_pairs",
    "fresh_message_id",
    "is_among",
    "is_error",
    "notify",
    "remember",
    "remove_child",
    "tell",
]

_LATE_ANSWERS = 2.0  # seconds for which Quick Modes wait on after an error that may have meant another one
_REMEMBERED = 64  # message IDs of informational exchanges: what they tell is harmless when told again later


def _send(turn: Turn) -> list[Payload]:
    return turn.prepared


def _take(turn: Turn, message: Message) -> None:
    for payload in message.payloads:
        if isinstance(payload, Delete):
            _take_delete(turn, payload)
        elif isinstance(payload, Notification):
            _take_notify(turn, payload)


def _done(turn: Turn) -> None:
    """One message is the whole exchange."""


INFORMATIONAL = Script(
    "INFO",
    ExchangeType.INFORMATIONAL,
    (
        #   from  RFC 2409 §5.7          build  check
        Row("i", "HDR*, HASH(1), N/D", _send, _take),
    ),
    finish=_done,
)


# --- what we tell ---------------------------------------------------------------------------------------------------


def tell(turn: Turn, payloads: list[Payload]) -> None:
    """Sends an informational message of its own, protected by the ISAKMP SA.

    It has "a M-ID unique to this exchange" (RFC 2409 §5.7).
    """
    message_id = fresh_message_id(turn)
    exchange = new_exchange(
        INFORMATIONAL, message_id, Role.INITIATOR, turn.now, envelope.phase2_iv(turn.sa, message_id)
    )
    shape = INFORMATIONAL.shapes[0]
    datagram, _, sealed = envelope.seal(turn.sa, exchange, INFORMATIONAL.exchange, shape, payloads)
    turn.sa = remember(turn.sa, message_id)
    turn.actions.append(Send(turn.sa.path, datagram))
    if turn.context.trace(turn.sa, "INFO"):
        turn.report(MessageSeen(turn.sa, True, "INFO", "", envelope.in_the_clear(datagram, sealed)))


def fresh_message_id(turn: Turn) -> int:
    """A message ID that this ISAKMP SA has not used; 0 is phase 1's (RFC 2408 §3.1)."""
    sa = turn.sa
    while True:
        message_id = int.from_bytes(turn.context.random(4))
        if message_id and message_id not in sa.spent_message_ids and message_id not in sa.recent_informationals:
            return message_id


def remember(sa: IkeSa, message_id: int) -> IkeSa:
    """``sa`` with the message ID of an informational exchange spent."""
    return replace(sa, recent_informationals=(*sa.recent_informationals[1 - _REMEMBERED :], message_id))


def notify(sa: IkeSa, kind: NotifyType, data: bytes = b"") -> Notification:
    """A notify about the ISAKMP SA itself, whose SPI is the pair of cookies (RFC 2408 §3.14)."""
    return Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, kind, data)


def delete_child(child: ChildSa) -> Delete:
    """The Delete payload for a pair: it names what "the sender has removed", our inbound SPI (RFC 2408 §3.15)."""
    return Delete(DOI.IPSEC, child.suite.protocol, (child.inbound.spi.to_bytes(4),))


def delete_ike(sa: IkeSa) -> Delete:
    """The Delete payload for the ISAKMP SA."""
    return Delete(DOI.IPSEC, ProtocolId.ISAKMP, (sa.cookies,))


def clear_notify(CKY_I: bytes, CKY_R: bytes, kind: NotifyType, message_id: int) -> bytes:
    """A notify in the clear, for when there is no ISAKMP SA to protect it (RFC 2409 §5.7)."""
    first, chain = build_chain([Notification(DOI.IPSEC, ProtocolId.ISAKMP, b"", kind, b"")])
    header = Header(CKY_I, CKY_R, first, ExchangeType.INFORMATIONAL, 0, message_id, HEADER_SIZE + len(chain))
    return header.build() + chain


# --- what we are told -----------------------------------------------------------------------------------------------


def is_error(kind: int) -> bool:
    """Whether a notify of this type reports an error: those from 16384 on report a status (RFC 2408 §3.14.1)."""
    return kind < 16_384


def deleted_pairs(message: Message) -> set[tuple[int, int]]:
    """Protocols and SPIs of what the peer says it deleted besides the ISAKMP SA."""
    deletes = [payload for payload in message.all(Delete) if payload.protocol != ProtocolId.ISAKMP]
    return {(payload.protocol, int.from_bytes(spi)) for payload in deletes for spi in payload.spis}


def is_among(child: ChildSa, gone: set[tuple[int, int]]) -> bool:
    """Whether the peer deleted ``child``: it removed what it receives with, which is what we send with."""
    return (child.suite.protocol, child.outbound.spi) in gone


def _take_delete(turn: Turn, payload: Delete) -> None:
    if payload.protocol == ProtocolId.ISAKMP:
        if turn.sa.cookies in payload.spis:
            turn.sa = replace(turn.sa, state=IkeState.DELETING)
            turn.report(IkeDown(turn.sa, "the peer deleted it"))
        return
    gone = {(payload.protocol, int.from_bytes(spi)) for spi in payload.spis}
    for child in turn.sa.children:
        if is_among(child, gone):
            remove_child(turn, child, "the peer deleted it")


def remove_child(turn: Turn, child: ChildSa, reason: str) -> None:
    """Takes a pair out of the ISAKMP SA and out of the data plane."""
    turn.sa = replace(turn.sa, children=tuple(other for other in turn.sa.children if other is not child))
    turn.actions.append(Remove(child))
    turn.report(ChildDown(turn.sa, child, reason))


def _take_notify(turn: Turn, payload: Notification) -> None:
    kind = NotifyType(payload.type)
    if kind == NotifyType.R_U_THERE:
        # RFC 3706 §5.4: the acknowledgement repeats the sequence number
        tell(turn, [notify(turn.sa, NotifyType.R_U_THERE_ACK, payload.data)])
    elif kind != NotifyType.R_U_THERE_ACK:
        turn.report(Note(Code.NOTIFY, f"the peer notifies {kind.name}", turn.sa))
        if kind == NotifyType.RESPONDER_LIFETIME:
            honour(turn, payload)
        if is_error(kind):
            _blame(turn, kind)


def _blame(turn: Turn, kind: NotifyType) -> None:
    """Soon gives up the Quick Modes of ours that wait for an answer: this error is the answer to one of them, but does
    not say to which, for a notify names an SPI at best and many peers leave that out. The others get theirs meanwhile.
    """
    turn.sa = replace(
        turn.sa, exchanges=tuple(_with_complaint(exchange, kind, turn.now) for exchange in turn.sa.exchanges)
    )


def _with_complaint(exchange: Exchange, kind: NotifyType, now: float) -> Exchange:
    if exchange.role is Role.RESPONDER or exchange.step != 1:
        return exchange
    complaint = (Code.REFUSED_BY_PEER, f"the peer refused it: {kind.name}")
    return replace(exchange, complaint=complaint, resend_at=0.0, ends_at=min(exchange.ends_at, now + _LATE_ANSWERS))
