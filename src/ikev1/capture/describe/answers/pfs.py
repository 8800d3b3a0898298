"""Question ``pfs``: whether the Quick Modes have a Diffie-Hellman exchange of their own."""

from __future__ import annotations

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.decrypt.suites import group_name
from ikev1.capture.describe.answers.quick_mode_sentences import quick_mode_sentences
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.groups import group
from ikev1.crypto.hashes import digest_size
from ikev1.wire.header import HEADER_SIZE

_TITLE = "Was perfect forward secrecy used?"

# Octets of the payloads of every message 2 except HASH and KE, whose lengths depend on the negotiated algorithms: an
# SA payload with one transform that contains mode and group, and the shortest nonce
_SA, _NONCE, _GENERIC_HEADER = 40, 12, 4


def forward_secrecy(conversation: TrackedConversation) -> Answer | None:
    """Based on Quick Mode: only a KE payload there provides perfect forward secrecy, the one of phase 1 does not."""
    if not conversation.quick_modes:
        return None
    results = [(quick.message_id, *_of(conversation, quick)) for quick in conversation.quick_modes.values()]
    text = " ".join(quick_mode_sentences((message_id, text) for message_id, _, text in results))
    codes = tuple(dict.fromkeys(code for _, code, _ in results))
    frames = tuple(record.frame for quick in conversation.quick_modes.values() for record in quick.messages.values())
    return Answer(question="pfs", title=_TITLE, text=text, frames=frames, codes=codes)


def _of(conversation: TrackedConversation, quick: QuickMode) -> tuple[str, str]:
    if quick.offer is None and quick.response is None:
        return _hint(conversation, quick)
    if not quick.public("QM1") and not quick.public("QM2"):
        return "no", "no. Without KE payloads the ESP keys are derived from SKEYID_d of phase 1 alone."
    if quick.group:
        return "yes", f"yes, with KE payloads in {group_name(quick.group)}."
    return "unanswered", "the offer has a KE payload, but the capture has no response that selects a group."


def _hint(conversation: TrackedConversation, quick: QuickMode) -> tuple[str, str]:
    """What the lengths of encrypted messages reveal."""
    lengths = ", ".join(f"{label} has {_length(record)} octets" for label, record in sorted(quick.messages.items()))
    suite, second = conversation.phase1.suite, quick.messages.get("QM2")
    least = None if suite is None else _least_with_KE(suite)
    if second is None or suite is None or least is None:
        return "unknown", f"unknown, because the messages are encrypted ({lengths})."
    if _length(second) < least:
        return (
            "not-phase1-group",
            f"not with {group_name(suite.group)}, the group of phase 1: {lengths}, and a public value of that group "
            f"requires at least {least}. The messages are encrypted, and a smaller group would fit.",
        )
    return (
        "possible",
        f"unknown, because the messages are encrypted. {lengths}: enough for a public value of the phase 1 group, "
        "which is a hint but not proof.",
    )


def _least_with_KE(suite: Phase1Suite) -> int | None:
    """The length of the shortest message 2 with a public value of the phase 1 group, in octets."""
    try:
        share, HASH = group(suite.group).public_length, digest_size(suite.hash)
    except CryptoError:
        return None
    return _GENERIC_HEADER + HASH + _SA + _NONCE + _GENERIC_HEADER + share


def _length(record: MessageRecord) -> int:
    return len(record.octets) - HEADER_SIZE
