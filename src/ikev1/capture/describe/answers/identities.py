"""Which identities an eavesdropper could read in this very capture."""

from __future__ import annotations

from ikev1.capture.describe.parties import identity_of, identity_visible
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role
from ikev1.wire.payloads import CertificateRequest, ConfigAttributes
from ikev1.wire.registry import ConfigAttribute
from ikev1.wire.words import config_value

_TITLE = "Which identities could an eavesdropper read?"


def which_identities(conversation: TrackedConversation) -> Answer | None:
    """Both ends, and what gives them away beside the identity."""
    if not any(record.in_phase_1 for record in conversation.messages):
        return None
    frames: list[int] = []
    parts = [_of(conversation, role, frames) for role in (Role.INITIATOR, Role.RESPONDER)]
    for role, record in conversation.phase1.certificates.items():
        if not record.encrypted:
            parts.append(f"The {role}'s certificate is in the clear, and names it.")
            frames.append(record.frame)
    parts += _users(conversation, frames)
    requests = [
        record.frame
        for record in conversation.messages
        if not record.encrypted and record.message is not None and record.message.first(CertificateRequest) is not None
    ]
    if requests:
        parts.append("Requests for certificates in the clear tell which CAs are trusted.")
    return Answer(question="identities", title=_TITLE, text=" ".join(parts), frames=(*frames, *requests[:1]))


def _users(conversation: TrackedConversation, frames: list[int]) -> list[str]:
    """Who logged in by XAUTH under the keys of phase 1."""
    found: dict[str, int] = {}
    for record in conversation.messages:
        if record.message is None or not record.encrypted:
            continue
        for payload in record.message.all(ConfigAttributes):
            for attribute in payload.attributes:
                if attribute.type == ConfigAttribute.XAUTH_USER_NAME and attribute.value:
                    found.setdefault(config_value(attribute), record.frame)
    frames += found.values()
    return [
        f"The user of XAUTH, {name}, was encrypted; it is told here only because the keys are known." for name in found
    ]


def _of(conversation: TrackedConversation, role: Role, frames: list[int]) -> str:
    name, record = identity_of(conversation, role), conversation.phase1.identities.get(role)
    if record is not None:
        frames.append(record.frame)
        if identity_visible(conversation, role):
            return f"The {role}'s, {name}, is in the clear in {record.label}: anybody could read it."
        return (
            f"The {role}'s, {name}, was encrypted in {record.label}; it is told here only because the keys are known."
        )
    if conversation.phase1.hides_bodies:
        return f"The {role}'s is encrypted with a public key: it was not visible."
    label = "MM5" if role is Role.INITIATOR else "MM6"
    hidden = conversation.first(label)
    if hidden is not None:
        frames.append(hidden.frame)
        return f"The {role}'s is encrypted in {label}: it was not visible."
    return f"The {role}'s is not in this capture."
