"""Question ``silence``: retransmissions, and messages without a response."""

from __future__ import annotations

from ikev1.capture.describe.outcome import ESTABLISHED, outcome_of
from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.wire.payloads import ConfigAttributes, Notification
from ikev1.wire.registry import ConfigType, NotifyType

_TITLE = "Was anything retransmitted, and which peer stopped responding?"

_LAST = frozenset({"MM6", "AM3", "QM3", "INFO", "NGM2", "?"})
"""Messages that require no response."""


def who_fell_silent(conversation: TrackedConversation) -> Answer | None:
    """Retransmissions, and messages that never got the response they require."""
    first = [record for record in conversation.messages if record.repeats is None]
    repetitions = {
        index: again
        for index, all_again in conversation.repetitions().items()
        if (again := [record for record in all_again if not record.copied])
    }
    repeated = [(record, repetitions[record.index]) for record in first if record.index in repetitions]
    parts = [("retransmission", _repeated(record, again)) for record, again in repeated]
    frames = [each.frame for record, again in repeated for each in (record, *again)]
    for record in _unanswered(conversation, first):
        times = len(repetitions.get(record.index, ()))
        sent = f"sent {times + 1} times" if times else "sent once"
        text = f"The {other(record.sender)} never responded to {record.label} in this capture, {sent}."
        parts.append((f"{other(record.sender)}-silent", text))
        frames.append(record.frame)
    for record in _unanswered_probes(conversation):
        text = f"The {other(record.sender)} did not respond to the last R-U-THERE (RFC 3706): it may be dead."
        parts.append((f"{other(record.sender)}-dpd-unanswered", text))
        frames.append(record.frame)
    copies = sum(record.copied for record in conversation.messages)
    if copies:
        text = f"{copies} messages appear twice in this capture, which was taken at two points of the path."
        parts.append(("duplicated-by-capture", text))
    if not parts:
        return None
    return Answer(
        question="silence",
        title=_TITLE,
        text=" ".join(text for _, text in parts),
        frames=tuple(dict.fromkeys(frames)),
        codes=tuple(dict.fromkeys(code for code, _ in parts)),
    )


def _repeated(record: MessageRecord, again: list[MessageRecord]) -> str:
    seconds = again[-1].datagram.time - record.datagram.time
    times = "once" if len(again) == 1 else f"{len(again)} times"
    name = f"{record.label} ({record.header.message_id:08x})" if record.header.message_id else record.label
    within = f" within {seconds:.1f} s" if again[-1].datagram.time else ""  # some captures have zeros for times
    return f"The {record.sender} retransmitted {name} {times}{within}."


def _unanswered_probes(conversation: TrackedConversation) -> list[MessageRecord]:
    """The last R-U-THERE of each peer, if no acknowledgement follows it."""
    waiting: dict[Role, MessageRecord] = {}
    for record in conversation.messages:
        for payload in record.message.all(Notification) if record.message is not None else ():
            if payload.type == NotifyType.R_U_THERE:
                waiting[record.sender] = record
            elif payload.type == NotifyType.R_U_THERE_ACK:
                waiting.pop(other(record.sender), None)
    return list(waiting.values())


def _unanswered(conversation: TrackedConversation, first: list[MessageRecord]) -> list[MessageRecord]:
    """The last message of each exchange, if it requires a response."""
    exchanges: dict[tuple[int, int], list[MessageRecord]] = {}
    for record in first:
        exchanges.setdefault((record.header.exchange, record.header.message_id), []).append(record)
    refused = any(record.label == "INFO" for record in first) and outcome_of(conversation) != ESTABLISHED
    return [
        messages[-1] for messages in exchanges.values() if _asks(messages) and not (refused and messages[-1].in_phase_1)
    ]


def _asks(messages: list[MessageRecord]) -> bool:
    """Whether the last message of an exchange requires a response."""
    last = messages[-1]
    if last.label != "CFG":
        return last.label not in _LAST
    payload = last.message.first(ConfigAttributes) if last.message is not None else None
    # draft-dukes-ike-mode-cfg-02 §3.3: REQUEST is followed by REPLY, SET by ACK
    return len(messages) % 2 == 1 if payload is None else payload.type in (ConfigType.REQUEST, ConfigType.SET)
