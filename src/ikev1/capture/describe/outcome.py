"""What became of a conversation."""

from __future__ import annotations

from ikev1.capture.records.labels import exchange_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role
from ikev1.wire.payloads import Delete, Notification
from ikev1.wire.registry import ExchangeType, NotifyType, ProtocolId

ESTABLISHED, FAILED, UNFINISHED = "established", "failed", "unfinished"

_LAST_OF_PHASE_1 = ("MM6", "AM3")
_AFTER_PHASE_1 = frozenset({"QM1", "QM2", "QM3", "NGM1", "NGM2", "CFG"})
_ERRORS = range(1, NotifyType.CONNECTED)  # "Error types: 1 - 16383" (RFC 2408 §3.14.1)


def mode_of(dialogue: TrackedConversation) -> str:
    """The exchange that made the ISAKMP SA; empty where it is not in the capture."""
    first = next((seen for seen in dialogue.messages if seen.in_phase_1 and seen.header.exchange), None)
    return "" if first is None else exchange_name(first.header.exchange)


def errors(dialogue: TrackedConversation) -> list[tuple[MessageRecord, Notification]]:
    """The error notifications that can be read, each with its message."""
    return [
        (seen, payload)
        for seen in dialogue.messages
        if seen.repeats is None and seen.message is not None
        for payload in seen.message.all(Notification)
        if payload.type in _ERRORS
    ]


def outcome_of(dialogue: TrackedConversation) -> str:
    """Whether the ISAKMP SA came to stand, as far as the capture shows: what uses an SA, proves it."""
    labels = {seen.label for seen in dialogue.messages}
    of_phase_1 = [(seen, payload) for seen, payload in errors(dialogue) if payload.protocol != ProtocolId.ESP]
    if "QM2" in labels or "QM3" in labels:
        return ESTABLISHED
    if closed_refusal(dialogue) is not None:
        return FAILED
    if of_phase_1 and (not labels.intersection(_LAST_OF_PHASE_1) or _refused_last(dialogue, of_phase_1[-1][0])):
        return FAILED
    if labels.intersection(_AFTER_PHASE_1) or labels.intersection(_LAST_OF_PHASE_1):
        return ESTABLISHED
    return UNFINISHED


def closed_refusal(dialogue: TrackedConversation) -> MessageRecord | None:
    """An encrypted informational message in place of message 6, which can only say why that does not come."""
    if dialogue.first("MM6") is not None:
        return None
    fifth = dialogue.first("MM5")
    return next(
        (
            seen
            for seen in dialogue.messages
            if fifth is not None
            and seen.index > fifth.index
            and (seen.label, seen.encrypted, seen.decrypted, seen.sender) == ("INFO", True, False, Role.RESPONDER)
        ),
        None,
    )


def is_agreed(dialogue: TrackedConversation) -> bool:
    """Whether a proposal of phase 1 was taken, for all that the capture shows."""
    return dialogue.phase1.answer is not None or outcome_of(dialogue) == ESTABLISHED


def _refused_last(dialogue: TrackedConversation, error: MessageRecord) -> bool:
    """Whether the error came right after the last message of phase 1, before the SA was used."""
    used = next((seen for seen in dialogue.messages if seen.label in _AFTER_PHASE_1), None)
    return used is None or error.index < used.index


def _is_deleted(dialogue: TrackedConversation) -> bool:
    return any(
        payload.protocol == ProtocolId.ISAKMP
        for seen in dialogue.messages
        if seen.decrypted and seen.message is not None
        for payload in seen.message.all(Delete)
    )


def summary_of(dialogue: TrackedConversation) -> str:
    """All of it in a sentence."""
    ends = dialogue.ends
    who = f"{ends.host(Role.INITIATOR)} and {ends.host(Role.RESPONDER)}"
    mode, outcome = mode_of(dialogue), outcome_of(dialogue)
    suite = dialogue.phase1.suite_name if is_agreed(dialogue) else ""
    what = f"{mode} with {suite}" if mode and suite else mode or "an ISAKMP SA that was made before the capture began"
    came = {ESTABLISHED: "it stands", FAILED: "it failed", UNFINISHED: "it was not finished in this capture"}[outcome]
    told = ", ".join(dict.fromkeys(NotifyType(payload.type).name for _, payload in errors(dialogue)))
    if outcome == FAILED and told:
        came += f": {told}"
    if outcome == ESTABLISHED and _is_deleted(dialogue):
        came = "it stood, and was deleted"
    quick = {seen.header.message_id for seen in dialogue.messages if seen.header.exchange == ExchangeType.QUICK_MODE}
    more = f"; {len(quick)} Quick Mode{'s' if len(quick) > 1 else ''}" if quick else ""
    return f"{who}: {what}; {came}{more}"
