"""Informational exchanges: a single message with notifications or deletes (RFC 2409 §5.7)."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.exchanges.dpd_sequence import is_newer, sequence_of
from ikev1.core.exchanges.interpreter import Row, Script, begin, new_exchange
from ikev1.core.exchanges.message_ids import fresh_message_id, is_own, was_heard, with_heard
from ikev1.core.exchanges.protection import phase2_iv
from ikev1.core.negotiation.responder_lifetime import shorten_established
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Remove
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import ChildDown, Code, Failure, IkeDown, Note
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import Message, build_chain
from ikev1.wire.payloads import Delete, Notification, Payload
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId

_LATE_RESPONSES = 2.0  # seconds that Quick Modes continue to wait after an error that may refer to another one


def _send(context: ExchangeContext, payloads: list[Payload]) -> list[Payload]:
    return payloads


def _receive(context: ExchangeContext, message: Message) -> None:
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
        Row("i", "HDR*, HASH(1), N/D", _send, _receive),
    ),
)


# --- sent -----------------------------------------------------------------------------------------------------------


def tell(context: ExchangeContext, payloads: list[Payload]) -> Exchange:
    """Send ``payloads`` in a separate informational exchange, protected by the ISAKMP SA.

    The exchange has "a M-ID unique to this exchange" (RFC 2409 §5.7). ``context.exchange`` is not changed.

    Returns:
        The informational exchange, which is complete.
    """
    under_way = context.exchange
    context.sa, message_id = fresh_message_id(context.sa)
    context.exchange = new_exchange(
        INFORMATIONAL, message_id, Role.INITIATOR, context.now, phase2_iv(context.sa, message_id)
    )
    begin(INFORMATIONAL, context, payloads)
    informational, context.exchange = context.exchange, under_way
    return informational


def notify(sa: IkeSa, kind: NotifyType, data: bytes = b"") -> Notification:
    """A notification about the ISAKMP SA itself, whose SPI is the pair of cookies (RFC 2408 §3.14)."""
    return Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, kind, data)


def delete_child(child: ChildSa) -> Delete:
    """The Delete payload for a pair of IPsec SAs, by our inbound SPI: "the sender has removed" it (RFC 2408 §3.15)."""
    (payload,) = delete_children((child,))
    return payload


def delete_children(children: Iterable[ChildSa]) -> list[Delete]:
    """The Delete payloads for several pairs of IPsec SAs, one for each protocol."""
    spis: dict[int, tuple[bytes, ...]] = {}
    for child in children:
        spis[child.suite.protocol] = (*spis.get(child.suite.protocol, ()), child.inbound.spi.to_bytes(4))
    return [Delete(DOI.IPSEC, protocol, listed) for protocol, listed in spis.items()]


def delete_ike(sa: IkeSa) -> Delete:
    """The Delete payload for the ISAKMP SA."""
    return Delete(DOI.IPSEC, ProtocolId.ISAKMP, (sa.cookies,))


def clear_notify(CKY_I: bytes, CKY_R: bytes, kind: NotifyType, message_id: int) -> bytes:
    """A datagram with an unprotected notification, used if there is no ISAKMP SA (RFC 2409 §5.7)."""
    first, chain = build_chain([Notification(DOI.IPSEC, ProtocolId.ISAKMP, b"", kind, b"")])
    header = Header(CKY_I, CKY_R, first, ExchangeType.INFORMATIONAL, 0, message_id, HEADER_SIZE + len(chain))
    return header.build() + chain


def clear_invalid_spi(cookie: bytes, invalid: Notification, message_id: int) -> bytes:
    """A datagram with the unprotected notification ``invalid`` about an SPI, and a cookie of its own: there is no
    ISAKMP SA to whose cookies it could refer (RFC 2408 §4.8).
    """
    first, chain = build_chain([invalid])
    header = Header(cookie, NO_COOKIE, first, ExchangeType.INFORMATIONAL, 0, message_id, HEADER_SIZE + len(chain))
    return header.build() + chain


# --- received -------------------------------------------------------------------------------------------------------


def is_error(kind: int) -> bool:
    """Whether a notification type is an error: types from 16384 on are status types (RFC 2408 §3.14.1)."""
    return kind < 16_384


def deleted_pairs(message: Message) -> set[tuple[int, int]]:
    """Protocols and SPIs of the IPsec SAs that the Delete payloads of ``message`` list."""
    deletes = [payload for payload in message.all(Delete) if payload.protocol != ProtocolId.ISAKMP]
    return {(payload.protocol, int.from_bytes(spi)) for payload in deletes for spi in payload.spis}


def _is_among(child: ChildSa, gone: set[tuple[int, int]]) -> bool:
    """Whether the peer deleted ``child``: normally by its own inbound SPI, which is our outbound SPI."""
    return (child.suite.protocol, child.outbound.spi) in gone or _is_by_our_spi(child, gone)


def _is_by_our_spi(child: ChildSa, gone: set[tuple[int, int]]) -> bool:
    """Whether the peer deleted ``child`` by our inbound SPI. A Delete must have the inbound SPI of its sender (RFC 2408
    §3.15), but strongSwan sends ours if it cannot install a pair, which is unusable in either case.
    """
    return (child.suite.protocol, child.inbound.spi) in gone


def is_repetition(sa: IkeSa, header: Header, message: Message) -> bool:
    """Whether an authentic informational ``message`` was processed before, or is one of ours that was reflected.

    Processing a Delete twice is harmless: SPIs are random, and no SA has the old one any more. Dead peer detection has
    sequence numbers. For other notifications, the most recent message IDs are remembered, only authentic ones, so that
    nobody else can displace them.
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
            for exchange in context.sa.exchanges:
                _deleted_instead(context, exchange)
            context.report(IkeDown(context.sa, "deleted by the peer"))
        return
    take_deleted(context, {(payload.protocol, int.from_bytes(spi)) for spi in payload.spis})


def take_deleted(context: ExchangeContext, gone: set[tuple[int, int]]) -> None:
    """Remove the pairs of the ISAKMP SA that the peer deleted, also those of unfinished Quick Modes.

    ``gone`` has the protocols and SPIs of the deleted IPsec SAs (`deleted_pairs`).
    """
    for child in context.sa.complete_children:
        if _is_among(child, gone):
            _remove_deleted(context, child, gone)
    for exchange in context.sa.exchanges:
        if exchange.child is not None and _is_among(exchange.child, gone):
            _remove_coming(context, exchange, exchange.child)


def _deleted_instead(context: ExchangeContext, exchange: Exchange) -> None:
    """Report that the peer deleted the ISAKMP SA instead of responding to a Quick Mode that we initiated."""
    quick = exchange.quick
    if quick is None or exchange.role is Role.RESPONDER or exchange.step != 1:
        return
    text = diagnosis.of_deleted_instead(quick, context.connection, context.sa.received)
    context.report(Failure(Code.REFUSED_BY_PEER, text, context.sa.path.remote, context.sa, quick.tunnel))


def _remove_coming(context: ExchangeContext, exchange: Exchange, child: ChildSa) -> None:
    """Give up a Quick Mode whose pair the peer deleted before the exchange was complete."""
    context.sa = context.sa.without_exchange(exchange)
    text = (
        f"the peer deleted the IPsec SAs of tunnel {child.name!r} before they were established: they were closed "
        "there, or could not be installed; see its log"
    )
    context.actions.append(Remove(child))
    context.report(Failure(Code.DELETED_BY_PEER, text, context.sa.path.remote, context.sa, child.name))


def _remove_deleted(context: ExchangeContext, child: ChildSa, gone: set[tuple[int, int]]) -> None:
    """Remove a pair of IPsec SAs that the peer deleted."""
    if _is_by_our_spi(child, gone):
        context.report(
            Note(
                Code.NOTIFY,
                f"the peer deleted {child.name!r} by our inbound SPI {child.inbound.spi:08x} instead of its own: it "
                "probably could not install the IPsec SAs; see its log",
                context.sa,
            )
        )
    remove_child(context, child, "deleted by the peer")


def remove_child(context: ExchangeContext, child: ChildSa, reason: str) -> None:
    """Remove a pair of IPsec SAs from the ISAKMP SA and from the data plane."""
    context.sa = context.sa.without_child(child)
    context.actions.append(Remove(child))
    context.report(ChildDown(context.sa, child, reason))


def _take_notify(context: ExchangeContext, payload: Notification) -> None:
    kind = NotifyType(payload.type)
    if kind == NotifyType.R_U_THERE:
        _take_r_u_there(context, payload)
    elif kind != NotifyType.R_U_THERE_ACK:  # an acknowledgement without a request is ignored here
        context.sa = with_heard(context.sa, context.exchange.message_id)
        context.report(Note(Code.NOTIFY, f"received notification {kind.name}", context.sa))
        if kind == NotifyType.RESPONDER_LIFETIME:
            shorten_established(context, payload)
        if is_error(kind):
            _shorten_waits(context, kind)


def _take_r_u_there(context: ExchangeContext, payload: Notification) -> None:
    sequence = sequence_of(context.sa, payload)
    if sequence is None or not is_newer(sequence, context.sa.peer_sequence):
        return
    context.sa = replace(context.sa, peer_sequence=sequence)
    if context.engine.may_acknowledge(context.sa, context.now):
        # RFC 3706 §5.4: the acknowledgement repeats the sequence number
        tell(context, [notify(context.sa, NotifyType.R_U_THERE_ACK, payload.data)])


def _shorten_waits(context: ExchangeContext, kind: NotifyType) -> None:
    """Shorten the wait of the Quick Modes that we initiated. The error answers one of them, but it is unknown which: a
    notification has an SPI at best, and many peers omit it. The others receive their responses meanwhile.
    """
    context.sa = replace(
        context.sa, exchanges=tuple(_with_complaint(context, exchange, kind) for exchange in context.sa.exchanges)
    )


def _with_complaint(context: ExchangeContext, exchange: Exchange, kind: NotifyType) -> Exchange:
    quick = exchange.quick
    if exchange.role is Role.RESPONDER or exchange.step != 1 or quick is None:
        return exchange
    complaint = (Code.REFUSED_BY_PEER, diagnosis.of_refused_quick_mode(quick, context.connection, kind))
    ends_at = min(exchange.ends_at, context.now + _LATE_RESPONSES)
    return replace(exchange, complaint=complaint, resend_at=0.0, ends_at=ends_at)
