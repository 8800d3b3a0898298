"""Question ``lifetimes``: the lifetimes that were offered and selected."""

from __future__ import annotations

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.decrypt.suites import life_words
from ikev1.capture.describe.answers.quick_mode_sentences import quick_mode_sentences
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.wire.attributes import parse_attributes
from ikev1.wire.errors import WireError
from ikev1.wire.payloads import Notification, SecurityAssociation
from ikev1.wire.registry import NotifyType, ProtocolId
from ikev1.wire.words import lifetimes, spi_words

_TITLE = "Which lifetimes were offered and selected?"


def which_lifetimes(conversation: TrackedConversation) -> Answer | None:
    """The lifetimes of phase 1, and of the Quick Modes that could be decrypted."""
    phase1 = conversation.phase1
    frames = [record.frame for record in (phase1.offer, phase1.response) if record is not None]
    parts = []
    if phase1.offer is not None:
        offered = dict.fromkeys(life_words(ProtocolId.ISAKMP, transform) for transform in phase1.offered)
        parts.append(f"Phase 1: offered {', '.join(offered)}{_selected(conversation)}.")
    elif phase1.chosen is not None:
        parts.append(f"Phase 1: selected {life_words(ProtocolId.ISAKMP, phase1.chosen)}.")
    parts += quick_mode_sentences((quick.message_id, _of(quick)) for quick in conversation.quick_modes.values())
    for quick in conversation.quick_modes.values():
        if quick.offer is not None or quick.response is not None:
            frames += [record.frame for record in quick.messages.values() if record.label in ("QM1", "QM2")]
    parts += _shortened(conversation, frames)
    if not parts:
        return None
    return Answer(question="lifetimes", title=_TITLE, text=" ".join(parts), frames=tuple(frames))


def _of(quick: QuickMode) -> str:
    if quick.offer is None and quick.response is None:
        return "encrypted, so the lifetimes are unknown."
    selected = [life_words(proposal.protocol, transform) for proposal, transform in quick.agreed()]
    words = [f"offered {_all(quick.offer)}"] if quick.offer is not None else []
    words += [f"selected {', '.join(dict.fromkeys(selected))}"] if selected else []
    return f"{', '.join(words)}."


def _selected(conversation: TrackedConversation) -> str:
    phase1 = conversation.phase1
    if phase1.response is None or phase1.chosen is None:
        return "; nothing was selected in this capture"
    return f", selected {life_words(ProtocolId.ISAKMP, phase1.chosen)}"


def _all(payload: SecurityAssociation) -> str:
    return ", ".join(
        dict.fromkeys(
            life_words(proposal.protocol, transform)
            for proposal in payload.proposals
            for transform in proposal.transforms
        )
    )


def _shortened(conversation: TrackedConversation, frames: list[int]) -> list[str]:
    """RESPONDER-LIFETIME: the responder keeps an SA for less time than negotiated (RFC 2407 §4.6.3.1)."""
    found = []
    for record in conversation.messages:
        if record.message is None or record.repeats is not None:
            continue
        for payload in record.message.all(Notification):
            if payload.type != NotifyType.RESPONDER_LIFETIME:
                continue
            try:
                values = lifetimes(payload.protocol, parse_attributes(payload.data))
            except WireError:
                continue
            about = spi_words(payload.protocol, payload.spi)
            found.append(f"RESPONDER-LIFETIME for {about}: {' and '.join(values)}.")
            frames.append(record.frame)
    return found
