"""The outcome of a conversation: established, failed or unfinished."""

from __future__ import annotations

from ikev1.capture.records.labels import exchange_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.wire.payloads import Delete, Notification
from ikev1.wire.registry import ExchangeType, NotifyType, ProtocolId

ESTABLISHED, FAILED, UNFINISHED = "established", "failed", "unfinished"

_LAST_OF_PHASE_1 = ("MM6", "AM3")
_AFTER_PHASE_1 = frozenset({"QM1", "QM2", "QM3", "NGM1", "NGM2", "CFG"})
_ERRORS = range(1, NotifyType.CONNECTED)  # "Error types: 1 - 16383" (RFC 2408 §3.14.1)


def mode_of(conversation: TrackedConversation) -> str:
    """The name of the phase 1 exchange; empty if it is not in the capture."""
    first = next((record for record in conversation.messages if record.in_phase_1 and record.header.exchange), None)
    return "" if first is None else exchange_name(first.header.exchange)


def errors(conversation: TrackedConversation) -> list[tuple[MessageRecord, Notification]]:
    """The readable error notifications, each with its message."""
    return [
        (record, payload)
        for record in conversation.messages
        if record.repeats is None and record.message is not None
        for payload in record.message.all(Notification)
        if payload.type in _ERRORS
    ]


def outcome_of(conversation: TrackedConversation) -> str:
    """Whether the ISAKMP SA was established. A message that uses the SA is proof that it was."""
    labels = {record.label for record in conversation.messages}
    of_phase_1 = [(record, payload) for record, payload in errors(conversation) if payload.protocol != ProtocolId.ESP]
    if "QM2" in labels or "QM3" in labels:
        return ESTABLISHED
    if encrypted_refusal(conversation) is not None:
        return FAILED
    if of_phase_1 and (not labels.intersection(_LAST_OF_PHASE_1) or _refused_last(conversation, of_phase_1[-1][0])):
        return FAILED
    if labels.intersection(_AFTER_PHASE_1) or labels.intersection(_LAST_OF_PHASE_1):
        return ESTABLISHED
    return UNFINISHED


def encrypted_refusal(conversation: TrackedConversation) -> MessageRecord | None:
    """An encrypted Informational message in place of message 6; it can only be an error notification."""
    if conversation.first("MM6") is not None:
        return None
    fifth = conversation.first("MM5")
    return next(
        (
            record
            for record in conversation.messages
            if fifth is not None
            and record.index > fifth.index
            and (record.label, record.encrypted, record.decrypted, record.sender)
            == ("INFO", True, False, Role.RESPONDER)
        ),
        None,
    )


def is_agreed(conversation: TrackedConversation) -> bool:
    """Whether the capture shows that the responder selected a phase 1 proposal."""
    return conversation.phase1.response is not None or outcome_of(conversation) == ESTABLISHED


def _refused_last(conversation: TrackedConversation, error: MessageRecord) -> bool:
    """Whether the error follows the last phase 1 message, before any message that uses the SA."""
    used = next((record for record in conversation.messages if record.label in _AFTER_PHASE_1), None)
    return used is None or error.index < used.index


def _is_deleted(conversation: TrackedConversation) -> bool:
    return any(
        payload.protocol == ProtocolId.ISAKMP
        for record in conversation.messages
        if record.decrypted and record.message is not None
        for payload in record.message.all(Delete)
    )


def summary_of(conversation: TrackedConversation) -> str:
    """The conversation in one line: peers, mode, suite, outcome, Quick Modes."""
    endpoints = conversation.endpoints
    who = f"{endpoints.host(Role.INITIATOR)} and {endpoints.host(Role.RESPONDER)}"
    mode, outcome = mode_of(conversation), outcome_of(conversation)
    suite = conversation.phase1.suite_name if is_agreed(conversation) else ""
    what = f"{mode} with {suite}" if mode and suite else mode or "an ISAKMP SA established before the capture began"
    result = {ESTABLISHED: "established", FAILED: "failed", UNFINISHED: "not finished in this capture"}[outcome]
    reasons = ", ".join(dict.fromkeys(NotifyType(payload.type).name for _, payload in errors(conversation)))
    if outcome == FAILED and reasons:
        result += f" ({reasons})"
    if outcome == ESTABLISHED and _is_deleted(conversation):
        result = "established and deleted"
    quick = {
        record.header.message_id
        for record in conversation.messages
        if record.header.exchange == ExchangeType.QUICK_MODE
    }
    more = f"; {len(quick)} Quick Mode{'s' if len(quick) > 1 else ''}" if quick else ""
    return f"{who}: {what}; {result}{more}"
