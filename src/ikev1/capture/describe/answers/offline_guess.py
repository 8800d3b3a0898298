"""Whether the pre-shared key can be guessed from this capture by trying, without a word to anybody."""

from __future__ import annotations

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.decrypt.suites import WITHIN_REACH
from ikev1.capture.describe.outcome import errors
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.wire.registry import PayloadType

_TITLE = "Can the pre-shared key be guessed from this capture?"


def can_be_guessed(conversation: TrackedConversation) -> Answer | None:
    """What is in the clear decides."""
    method = conversation.phase1.method
    if not method:
        return None
    frames: list[int] = []
    if method not in PSK_METHODS:
        text = "There is none: the peers prove themselves by keys of their own (see the authentication method)."
    elif (answer := conversation.first("AM2")) is not None and answer.has(PayloadType.HASH):
        opening = conversation.first("AM1")
        frames = [record.frame for record in (opening, answer) if record is not None]
        text = (
            "Yes. HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b) is in the clear, as is everything "
            "in it, and SKEYID = prf(pre-shared-key, Ni_b | Nr_b): each guess costs two short computations and can be "
            "checked against HASH_R. No Diffie-Hellman value protects it, and nobody notices."
        )
        if opening is None:
            text = f"In part: the first message, which HASH_R covers, is not in this capture. With it: {text}"
    elif (last := conversation.first("AM3")) is not None and last.has(PayloadType.HASH) and not last.encrypted:
        frames = [last.frame]
        text = "Yes, from HASH_I, which is in the clear; HASH_R is not in this capture."
    elif conversation.first("AM1") is not None:
        frames = [conversation.messages[0].frame]
        text = "Not from this capture: the answer with HASH_R is not in it."
        if not errors(conversation):
            text += " A responder that does Aggressive Mode gives it to whoever asks."
    else:
        frames = [record.frame for label in ("MM3", "MM4", "MM5") if (record := conversation.first(label)) is not None]
        suite = conversation.phase1.suite
        if suite is not None and suite.group in WITHIN_REACH:
            start, reach = "Hardly", "in so small a group who has the means can compute that from the public values"
        else:
            start, reach = "Not", "that does not follow from the public values"
        text = (
            f"{start} from this capture alone. In Main Mode HASH_I and HASH_R are encrypted under a key that needs "
            f"g^xy beside the pre-shared key, and {reach}. One who knows g^xy can guess: somebody who posed as the "
            "responder and got message 5, or who learned a private exponent."
        )
    return Answer(question="offline-guess", title=_TITLE, text=text, frames=tuple(frames))
