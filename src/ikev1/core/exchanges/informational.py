"""Informational exchanges: one message that tells something and expects no answer (RFC 2409 §5.7)."""

from __future__ import annotations

from ikev1.core.exchanges.dpd_sequence import is_newer, sequence_of
from ikev1.core.exchanges.interpreter import Row, Script, begin, new_exchange
from ikev1.core.exchanges.message_ids import fresh_message_id, is_own, was_heard, with_heard
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.negotiation.responder_lifetime import honour
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Remove
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import ChildDown, Code, Failure, IkeDown, Note
from ikev1.core.records.model import ChildSa, Exchange, IkeSa, IkeState, Role
from ikev1.core.records.record import replace
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, build_chain
from ikev1.wire.payloads import Delete, Notification, Payload
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId

_LATE_ANSWERS = 2.0  # seconds for which Quick Modes wait on after an error that may have meant another one


def _send(context: ExchangeContext, payloads: list[Payload]) -> list[Payload]:
    return payloads


def _take(context: ExchangeContext, message: Message) -> None:
    for payload in message.payloads:
        if isinstance(payload, Delete):
            _take_delete(context, payload)
        elif isinstance(payload, Notification):
            _take_notify(context, payload)


INFORMATIONAL = Script(
    "INFO",
    ExchangeType.INFORMATIONAL,
    (
        #   from  RFC 2409 §5.7          build  check
        Row("i", "HDR*, HASH(1), N/D", _send, _take),
    ),
)


# --- what we tell ---------------------------------------------------------------------------------------------------


def tell(context: ExchangeContext, payloads: list[Payload]) -> Exchange:
    """Sends ``payloads`` in an informational exchange of its own, protected by the ISAKMP SA.

    The exchange has "a M-ID unique to this exchange" (RFC 2409 §5.7). That of ``context`` stays as it is.

    Returns:
        The informational exchange, which is over.
    """
    under_way = context.exchange
    context.sa, message_id = fresh_message_id(context.sa)
    context.exchange = new_exchange(
        INFORMATIONAL, message_id, Role.INITIATOR, context.now, phase2_iv(context.sa, message_id)
    )
    begin(INFORMATIONAL, context, payloads)
    told, context.exchange = context.exchange, under_way
    return told


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
    return (child.suite.protocol, child.outbound.spi) in gone or names_ours(child, gone)


def names_ours(child: ChildSa, gone: set[tuple[int, int]]) -> bool:
    """Whether the peer deleted ``child`` by the SPI that we receive with. A Delete is to name what its sender receives
    with (RFC 2408 §3.15), but strongSwan names ours if it cannot install a pair. The pair is of no use either way.
    """
    return (child.suite.protocol, child.inbound.spi) in gone


def is_repetition(sa: IkeSa, header: Header, message: Message) -> bool:
    """Whether an authentic informational ``message`` was taken before, or is one of ours that comes back.

    A Delete may be taken twice: SPIs are drawn at random, and nothing has the old one any more. Dead peer detection has
    numbers of its own. Other notifies are remembered by their message IDs: many, and none but the peer's own, so that
    nobody else can have them forgotten.
    """
    if is_own(sa, header.message_id) or was_heard(sa, header.message_id):
        return True
    asked = [payload for payload in message.all(Notification) if payload.type == NotifyType.R_U_THERE]
    sequences = [sequence_of(sa, payload) for payload in asked]
    return bool(asked) and all(sequence is None or not is_newer(sequence, sa.peer_sequence) for sequence in sequences)


def _take_delete(context: ExchangeContext, payload: Delete) -> None:
    if payload.protocol == ProtocolId.ISAKMP:
        if context.sa.cookies in payload.spis:
            context.sa = replace(context.sa, state=IkeState.DELETING)
            context.report(IkeDown(context.sa, "the peer deleted it"))
        return
    gone = {(payload.protocol, int.from_bytes(spi)) for spi in payload.spis}
    for child in context.sa.children:
        if is_among(child, gone):
            remove_deleted(context, child, gone)
    for exchange in context.sa.exchanges:
        if exchange.child is not None and is_among(exchange.child, gone):
            _remove_coming(context, exchange, exchange.child)


def _remove_coming(context: ExchangeContext, exchange: Exchange, child: ChildSa) -> None:
    """Gives up a Quick Mode whose pair the peer deleted before it was up here."""
    left = tuple(other for other in context.sa.exchanges if other is not exchange)
    context.sa = replace(context.sa, exchanges=left)
    text = f"the peer deleted the pair for tunnel {child.name!r} before it was up; its log says why"
    context.actions.append(Remove(child))
    context.report(Failure(Code.REFUSED_BY_PEER, text, context.sa.path.remote, context.sa, child.name))


def remove_deleted(context: ExchangeContext, child: ChildSa, gone: set[tuple[int, int]]) -> None:
    """Takes a pair out that the peer deleted."""
    if names_ours(child, gone):
        context.report(
            Note(
                Code.NOTIFY,
                f"the peer deletes {child.name!r} by the SPI {child.inbound.spi:08x} that we receive with, not by its "
                "own: most likely it could not install the pair; its log says why",
                context.sa,
            )
        )
    remove_child(context, child, "the peer deleted it")


def remove_child(context: ExchangeContext, child: ChildSa, reason: str) -> None:
    """Takes a pair out of the ISAKMP SA and out of the data plane."""
    context.sa = replace(context.sa, children=tuple(other for other in context.sa.children if other is not child))
    context.actions.append(Remove(child))
    context.report(ChildDown(context.sa, child, reason))


def _take_notify(context: ExchangeContext, payload: Notification) -> None:
    kind = NotifyType(payload.type)
    if kind == NotifyType.R_U_THERE:
        _take_question(context, payload)
    elif kind != NotifyType.R_U_THERE_ACK:  # that answers a question; without one it says nothing
        context.sa = with_heard(context.sa, context.exchange.message_id)
        context.report(Note(Code.NOTIFY, f"the peer notifies {kind.name}", context.sa))
        if kind == NotifyType.RESPONDER_LIFETIME:
            honour(context, payload)
        if is_error(kind):
            _blame(context, kind)


def _take_question(context: ExchangeContext, payload: Notification) -> None:
    sequence = sequence_of(context.sa, payload)
    if sequence is None or not is_newer(sequence, context.sa.peer_sequence):
        return
    context.sa = replace(context.sa, peer_sequence=sequence)
    if context.engine.may_acknowledge(context.sa, context.now):
        # RFC 3706 §5.4: the acknowledgement repeats the sequence number
        tell(context, [notify(context.sa, NotifyType.R_U_THERE_ACK, payload.data)])


def _blame(context: ExchangeContext, kind: NotifyType) -> None:
    """Soon gives up the Quick Modes of ours that wait for an answer: this error is the answer to one of them, but does
    not say to which, for a notify names an SPI at best and many peers leave that out. The others get theirs meanwhile.
    """
    context.sa = replace(
        context.sa, exchanges=tuple(_with_complaint(context, exchange, kind) for exchange in context.sa.exchanges)
    )


def _with_complaint(context: ExchangeContext, exchange: Exchange, kind: NotifyType) -> Exchange:
    quick = exchange.quick
    if exchange.role is Role.RESPONDER or exchange.step != 1 or quick is None:
        return exchange
    complaint = (Code.REFUSED_BY_PEER, diagnosis.of_refused_quick_mode(quick, context.connection, kind))
    ends_at = min(exchange.ends_at, context.now + _LATE_ANSWERS)
    return replace(exchange, complaint=complaint, resend_at=0.0, ends_at=ends_at)
