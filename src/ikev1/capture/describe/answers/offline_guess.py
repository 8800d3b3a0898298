"""Question ``offline-guess``: whether this capture allows offline guessing of the pre-shared key."""

from __future__ import annotations

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.describe.outcome import errors
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.crypto.weaknesses import BROKEN_GROUPS
from ikev1.wire.registry import PayloadType

_TITLE = "Can the pre-shared key be guessed from this capture?"


def can_be_guessed(conversation: TrackedConversation) -> Answer | None:
    """Based on the HASH payloads that are in the clear."""
    method = conversation.phase1.method
    if not method:
        return None
    frames: list[int] = []
    code = "no"
    if method not in PSK_METHODS:
        code = "no-pre-shared-key"
        text = "There is no pre-shared key: the peers authenticate with their own keys (see the authentication method)."
    elif (answer := conversation.first("AM2")) is not None and answer.has(PayloadType.HASH):
        opening = conversation.first("AM1")
        frames = [record.frame for record in (opening, answer) if record is not None]
        code = "yes"
        text = (
            "Yes. HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b) is in the clear, and so are all "
            "values it covers. SKEYID = prf(pre-shared-key, Ni_b | Nr_b), so testing a guess takes two HMAC "
            "computations and a comparison with HASH_R. It requires no Diffie-Hellman secret and no contact with the "
            "peers, who cannot detect it."
        )
        if opening is None:
            code = "first-message-missing"
            text = f"Not without the first message, which HASH_R covers and this capture lacks. With it: {text}"
    elif (last := conversation.first("AM3")) is not None and last.has(PayloadType.HASH) and not last.encrypted:
        frames = [last.frame]
        code, text = "yes", "Yes, from HASH_I, which is in the clear. HASH_R is not in this capture."
    elif conversation.first("AM1") is not None:
        frames = [conversation.messages[0].frame]
        text = "Not from this capture: it does not contain the response with HASH_R."
        if not errors(conversation):
            text += " A responder that accepts Aggressive Mode sends HASH_R to anyone who asks."
    else:
        frames = [record.frame for label in ("MM3", "MM4", "MM5") if (record := conversation.first(label)) is not None]
        suite = conversation.phase1.suite
        if suite is not None and suite.group in BROKEN_GROUPS:
            code, start = "weak-group", "Only by a well-funded attacker"
            reach = "which such an attacker can compute from the public values of so small a group"
        else:
            start, reach = "Not from this capture alone", "which cannot be computed from the public values"
        text = (
            f"{start}. In Main Mode, HASH_I and HASH_R are encrypted with a key that depends on the pre-shared key and "
            f"on g^xy, {reach}. An attacker who knows g^xy can test guesses: one who impersonated the responder and "
            "received message 5, or one who obtained a private exponent."
        )
    return Answer(question="offline-guess", title=_TITLE, text=text, frames=tuple(frames), codes=(code,))
