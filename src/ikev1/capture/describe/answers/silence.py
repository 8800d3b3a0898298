"""Who repeated what, and who fell silent."""

from __future__ import annotations

from ikev1.capture.describe.outcome import ESTABLISHED, outcome_of
from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role
from ikev1.wire.payloads import ConfigAttributes, Notification
from ikev1.wire.registry import ConfigType, NotifyType

_TITLE = "Was anything repeated, and who fell silent?"

_LAST = frozenset({"MM6", "AM3", "QM3", "INFO", "NGM2", "?"})
"""Messages that nobody has to answer."""


def who_fell_silent(dialogue: TrackedConversation) -> Answer | None:
    """Repetitions, and messages that never got the answer that they ask for."""
    first = [seen for seen in dialogue.messages if seen.repeats is None]
    repetitions = {
        index: again
        for index, all_again in dialogue.repetitions().items()
        if (again := [seen for seen in all_again if not seen.copied])
    }
    repeated = [(seen, repetitions[seen.index]) for seen in first if seen.index in repetitions]
    parts = [_repeated(seen, again) for seen, again in repeated]
    frames = [each.frame for seen, again in repeated for each in (seen, *again)]
    for seen in _unanswered(dialogue, first):
        times = len(repetitions.get(seen.index, ()))
        asked = f"asked {times + 1} times" if times else "asked once"
        parts.append(f"The {other(seen.sender)} never answered {seen.label} in this capture, {asked}.")
        frames.append(seen.frame)
    for seen in _asked_in_vain(dialogue):
        parts.append(f"The {other(seen.sender)} did not answer the last R-U-THERE (RFC 3706): it may be dead.")
        frames.append(seen.frame)
    copies = sum(seen.copied for seen in dialogue.messages)
    if copies:
        parts.append(f"{copies} messages are twice in this capture, which was made at two places on the way.")
    if not parts:
        return None
    return Answer(question="silence", title=_TITLE, text=" ".join(parts), frames=tuple(dict.fromkeys(frames)))


def _repeated(seen: MessageRecord, again: list[MessageRecord]) -> str:
    seconds = again[-1].datagram.time - seen.datagram.time
    times = "once" if len(again) == 1 else f"{len(again)} times"
    name = f"{seen.label} ({seen.header.message_id:08x})" if seen.header.message_id else seen.label
    within = f" within {seconds:.1f} s" if again[-1].datagram.time else ""  # some captures have zeros for times
    return f"The {seen.sender} repeated {name} {times}{within}."


def _asked_in_vain(dialogue: TrackedConversation) -> list[MessageRecord]:
    """Of each side the last question whether the other one lives, if no answer came after it."""
    waiting: dict[Role, MessageRecord] = {}
    for seen in dialogue.messages:
        for payload in seen.message.all(Notification) if seen.message is not None else ():
            if payload.type == NotifyType.R_U_THERE:
                waiting[seen.sender] = seen
            elif payload.type == NotifyType.R_U_THERE_ACK:
                waiting.pop(other(seen.sender), None)
    return list(waiting.values())


def _unanswered(dialogue: TrackedConversation, first: list[MessageRecord]) -> list[MessageRecord]:
    """The last message of each exchange, if the other side owes an answer to it."""
    exchanges: dict[tuple[int, int], list[MessageRecord]] = {}
    for seen in first:
        exchanges.setdefault((seen.header.exchange, seen.header.message_id), []).append(seen)
    refused = any(seen.label == "INFO" for seen in first) and outcome_of(dialogue) != ESTABLISHED
    return [
        messages[-1] for messages in exchanges.values() if _asks(messages) and not (refused and messages[-1].in_phase_1)
    ]


def _asks(messages: list[MessageRecord]) -> bool:
    """Whether the last message of an exchange asks for an answer."""
    last = messages[-1]
    if last.label != "CFG":
        return last.label not in _LAST
    payload = last.message.first(ConfigAttributes) if last.message is not None else None
    # draft-dukes-ike-mode-cfg-02 §3.3: a request is answered by a reply, a set by an acknowledgement
    return len(messages) % 2 == 1 if payload is None else payload.type in (ConfigType.REQUEST, ConfigType.SET)
