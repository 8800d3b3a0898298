"""Question ``keys``: where the keys come from, and how many messages they decrypt."""

from __future__ import annotations

from ikev1.capture.describe.skeyid import psk_of
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation

_TITLE = "Which keys are known?"


def which_keys(conversation: TrackedConversation) -> Answer | None:
    """None if no keys were given and nothing is encrypted."""
    encrypted = [record for record in conversation.messages if record.encrypted and record.repeats is None]
    decrypted = [record for record in encrypted if record.decrypted]
    secrets = conversation.decryptor.secrets
    count = f"{len(decrypted)} of {len(encrypted)} encrypted messages were decrypted"
    if secrets is not None:
        code, text = "all-keys", f"The keys from {secrets.source}: {count}."
        if not secrets.SKEYID_a:
            code = "encryption-key"
            text += " Only the encryption key is known: HASH(1) to HASH(3) require SKEYID_a, and ESP keys SKEYID_d."
    elif (psk := psk_of(conversation)) is not None and psk.right:
        code = "pre-shared-key"
        text = (
            f"The pre-shared key, which suffices to verify HASH_R and HASH_I. Decryption also requires g^xy: {count}."
        )
    elif not encrypted:
        return None
    elif conversation.key_ring:
        code, text = "no-match", f"None of the given keys belongs to this conversation: {count}."
    else:
        code = "none"
        text = (
            "None, so nothing is decrypted. Supply a key log, a charon log, or g^xy together with the pre-shared key."
        )
    frames = tuple(record.frame for record in decrypted[:1])
    return Answer(question="keys", title=_TITLE, text=text, frames=frames, codes=(code,))
