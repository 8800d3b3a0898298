"""Which lifetimes were offered, and which were taken."""

from __future__ import annotations

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.decrypt.suites import life_words
from ikev1.capture.describe.answers.alike import of_quick_modes
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.wire.attributes import parse_attributes
from ikev1.wire.errors import WireError
from ikev1.wire.payloads import Notification, SecurityAssociation
from ikev1.wire.registry import NotifyType, ProtocolId
from ikev1.wire.words import lifetimes, spi_words

_TITLE = "Which lifetimes were offered and taken?"


def which_lifetimes(dialogue: TrackedConversation) -> Answer | None:
    """Of phase 1, and of phase 2 where it could be decrypted."""
    phase1 = dialogue.phase1
    frames = [seen.frame for seen in (phase1.offer, phase1.answer) if seen is not None]
    parts = []
    if phase1.offer is not None:
        offered = dict.fromkeys(life_words(ProtocolId.ISAKMP, transform) for transform in phase1.offered)
        parts.append(f"Phase 1: offered {', '.join(offered)}{_taken(dialogue)}.")
    elif phase1.chosen is not None:
        parts.append(f"Phase 1: taken {life_words(ProtocolId.ISAKMP, phase1.chosen)}.")
    parts += of_quick_modes((quick.message_id, _of(quick)) for quick in dialogue.quick_modes.values())
    for quick in dialogue.quick_modes.values():
        if quick.offer is not None or quick.answer is not None:
            frames += [seen.frame for seen in quick.messages.values() if seen.label in ("QM1", "QM2")]
    parts += _shortened(dialogue, frames)
    if not parts:
        return None
    return Answer(question="lifetimes", title=_TITLE, text=" ".join(parts), frames=tuple(frames))


def _of(quick: QuickMode) -> str:
    if quick.offer is None and quick.answer is None:
        return "encrypted, so it cannot be said."
    taken = [life_words(proposal.protocol, transform) for proposal, transform in quick.agreed()]
    words = [f"offered {_all(quick.offer)}"] if quick.offer is not None else []
    words += [f"taken {', '.join(dict.fromkeys(taken))}"] if taken else []
    return f"{', '.join(words)}."


def _taken(dialogue: TrackedConversation) -> str:
    phase1 = dialogue.phase1
    if phase1.answer is None or phase1.chosen is None:
        return ", and nothing taken in this capture"
    return f", taken {life_words(ProtocolId.ISAKMP, phase1.chosen)}"


def _all(payload: SecurityAssociation) -> str:
    return ", ".join(
        dict.fromkeys(
            life_words(proposal.protocol, transform)
            for proposal in payload.proposals
            for transform in proposal.transforms
        )
    )


def _shortened(dialogue: TrackedConversation, frames: list[int]) -> list[str]:
    """RESPONDER-LIFETIME: the responder keeps an SA for a shorter time than it took (RFC 2407 §4.6.3.1)."""
    found = []
    for seen in dialogue.messages:
        if seen.message is None or seen.repeats is not None:
            continue
        for payload in seen.message.all(Notification):
            if payload.type != NotifyType.RESPONDER_LIFETIME:
                continue
            try:
                told = lifetimes(payload.protocol, parse_attributes(payload.data))
            except WireError:
                continue
            about = spi_words(payload.protocol, payload.spi)
            found.append(f"RESPONDER-LIFETIME of {about}: {' and '.join(told)}.")
            frames.append(seen.frame)
    return found
