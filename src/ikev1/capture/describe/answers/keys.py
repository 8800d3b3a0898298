"""Where the keys are from, and what they open."""

from __future__ import annotations

from ikev1.capture.describe.skeyid import psk_of
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation

_TITLE = "Which keys are known?"


def which_keys(conversation: TrackedConversation) -> Answer | None:
    """None where nobody gave any and nothing is encrypted."""
    encrypted = [record for record in conversation.messages if record.encrypted and record.repeats is None]
    opened = [record for record in encrypted if record.decrypted]
    secrets = conversation.decryptor.secrets
    count = f"{len(opened)} of {len(encrypted)} encrypted messages could be opened"
    if secrets is not None:
        text = f"Those in {secrets.source}: {count}."
        if not secrets.SKEYID_a:
            text += " It is the encryption key alone: HASH(1) to HASH(3) need SKEYID_a, ESP keys SKEYID_d."
    elif (psk := psk_of(conversation)) is not None and psk.right:
        text = f"A pre-shared key: enough to check HASH_R and HASH_I, for nothing else without g^xy. {count}."
    elif not encrypted:
        return None
    elif conversation.key_ring:
        text = f"None of those given opens this conversation: {count}."
    else:
        text = "None: what is encrypted stays closed. A key log, a log of charon, or g^xy with the secret opens it."
    return Answer(question="keys", title=_TITLE, text=text, frames=tuple(record.frame for record in opened[:1]))
