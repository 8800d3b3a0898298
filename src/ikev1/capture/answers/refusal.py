"""Why phase 1 or a tunnel was refused."""

from __future__ import annotations

from ikev1.capture.dialogue import Dialogue
from ikev1.capture.outcome import errors
from ikev1.capture.report import Answer
from ikev1.capture.seen import Seen
from ikev1.capture.suites import life_words, phase1_suite, transform_name
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType, ProtocolId

__all__ = ["why_refused"]

_TITLE = "Why was it refused?"

_MEANING: dict[int, str] = {
    NotifyType.NO_PROPOSAL_CHOSEN: "none of the proposals fits what it is configured for",
    NotifyType.AUTHENTICATION_FAILED: "the proof of identity did not convince it",
    NotifyType.INVALID_HASH_INFORMATION: "the HASH is wrong: mostly another pre-shared key",
    NotifyType.INVALID_ID_INFORMATION: "the identity, or the networks asked for, are not those it is configured for",
    NotifyType.INVALID_KEY_INFORMATION: "the public value is not of the group that it wants",
    NotifyType.INVALID_CERTIFICATE: "it does not take the certificate",
    NotifyType.INVALID_SIGNATURE: "the signature is wrong",
    NotifyType.INVALID_EXCHANGE_TYPE: "it does not do this exchange with this peer",
    NotifyType.UNSUPPORTED_EXCHANGE_TYPE: "it does not do this exchange with this peer",
    NotifyType.PAYLOAD_MALFORMED: "it could not read the message: after encryption mostly another pre-shared key",
    NotifyType.INVALID_COOKIE: "it does not know this SA any more",
    NotifyType.INVALID_SPI: "it does not know this SA any more",
    NotifyType.INVALID_MAJOR_VERSION: "it speaks another version of IKE only",
}


def why_refused(dialogue: Dialogue) -> Answer | None:
    """By the error notifications, and what they answer."""
    found = errors(dialogue)
    mismatch = _mismatch(dialogue)
    if not found and mismatch is None:
        return None
    parts = [_words(dialogue, seen, payload) for seen, payload in found]
    frames = [seen.frame for seen, _ in found]
    if mismatch is not None:
        parts.append(mismatch)
    if any(payload.type == NotifyType.NO_PROPOSAL_CHOSEN for _, payload in found):
        parts += _offer(dialogue, frames)
    return Answer(question="refusal", title=_TITLE, text=" ".join(dict.fromkeys(parts)), frames=tuple(frames))


def _words(dialogue: Dialogue, seen: Seen, payload: Notification) -> str:
    name = NotifyType(payload.type).name
    meaning = _MEANING.get(payload.type)
    sure = "" if seen.encrypted else " It is in the clear, so anybody on the way could have sent it."
    return f"The {seen.sender} says {name}{f': {meaning}' if meaning else ''}.{sure}"


def _offer(dialogue: Dialogue, frames: list[int]) -> list[str]:
    """What was offered; it is for the refused side to say what it would have taken."""
    phase1 = dialogue.phase1
    if phase1.answer is not None or not phase1.offered or phase1.offer is None:
        return []
    frames.append(phase1.offer.frame)
    names = [
        f"{transform_name(ProtocolId.ISAKMP, each)} for {life_words(ProtocolId.ISAKMP, each)}"
        for each in phase1.offered
    ]
    return [f"Offered was: {'; '.join(names)}."]


def _mismatch(dialogue: Dialogue) -> str | None:
    """An answer that is not one of the transforms offered (RFC 2409 §5: it "MUST be rejected")."""
    phase1 = dialogue.phase1
    if phase1.answer is None or phase1.chosen is None or not phase1.offered:
        return None
    taken = phase1_suite(phase1.chosen)
    if any(phase1_suite(each) == taken for each in phase1.offered):
        return None
    return f"The answer, {phase1.suite_name}, is none of the proposals that were offered."
