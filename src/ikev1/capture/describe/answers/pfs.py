"""Whether the ESP keys have a Diffie-Hellman exchange of their own."""

from __future__ import annotations

from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.decrypt.suites import group_name
from ikev1.capture.describe.answers.quick_mode_sentences import quick_mode_sentences
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Phase1Suite
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.groups import group
from ikev1.crypto.hashes import digest_size
from ikev1.wire.header import HEADER_SIZE

_TITLE = "Was perfect forward secrecy used?"

# Octets of payloads that every message 2 has, beside HASH and KE, whose lengths depend on what was agreed upon: an SA
# payload with one transform that names mode and group, and the shortest nonce
_SA, _NONCE, _GENERIC_HEADER = 40, 12, 4


def forward_secrecy(conversation: TrackedConversation) -> Answer | None:
    """It shows in Quick Mode, not in phase 1: only a KE payload there makes keys of its own."""
    if not conversation.quick_modes:
        return None
    told = quick_mode_sentences(
        (quick.message_id, _of(conversation, quick)) for quick in conversation.quick_modes.values()
    )
    frames = tuple(record.frame for quick in conversation.quick_modes.values() for record in quick.messages.values())
    return Answer(question="pfs", title=_TITLE, text=" ".join(told), frames=frames)


def _of(conversation: TrackedConversation, quick: QuickMode) -> str:
    if quick.offer is None and quick.response is None:
        return _hint(conversation, quick)
    if not quick.public("QM1") and not quick.public("QM2"):
        return "no. Without a KE payload the keys of ESP follow from SKEYID_d, which phase 1 made."
    if quick.group:
        return f"yes, with {group_name(quick.group)}, of which there are KE payloads."
    return "there is a KE payload, but in this capture no answer that agrees on a group."


def _hint(conversation: TrackedConversation, quick: QuickMode) -> str:
    """What the lengths tell where nothing can be decrypted."""
    lengths = ", ".join(f"{label} has {_length(record)} octets" for label, record in sorted(quick.messages.items()))
    suite, second = conversation.phase1.suite, quick.messages.get("QM2")
    least = None if suite is None else _least_with_KE(suite)
    if second is None or suite is None or least is None:
        return f"encrypted, so it cannot be said ({lengths})."
    if _length(second) < least:
        return (
            f"encrypted, but none with {group_name(suite.group)}, the group of phase 1: {lengths}, and a public "
            f"value of that group makes it {least} at least. A smaller group would fit."
        )
    return (
        f"encrypted, so it cannot be said. {lengths}: enough for a public value of the group of phase 1, "
        "which is a hint, but no proof."
    )


def _least_with_KE(suite: Phase1Suite) -> int | None:
    """Octets of the shortest message 2 that has a public value of the group of phase 1."""
    try:
        share, HASH = group(suite.group).public_length, digest_size(suite.hash)
    except CryptoError:
        return None
    return _GENERIC_HEADER + HASH + _SA + _NONCE + _GENERIC_HEADER + share


def _length(record: MessageRecord) -> int:
    return len(record.octets) - HEADER_SIZE
