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


def which_identities(dialogue: TrackedConversation) -> Answer | None:
    """Both ends, and what gives them away beside the identity."""
    if not any(seen.in_phase_1 for seen in dialogue.messages):
        return None
    frames: list[int] = []
    parts = [_of(dialogue, role, frames) for role in (Role.INITIATOR, Role.RESPONDER)]
    for role, seen in dialogue.phase1.certificates.items():
        if not seen.encrypted:
            parts.append(f"The {role}'s certificate is in the clear, and names it.")
            frames.append(seen.frame)
    parts += _users(dialogue, frames)
    requests = [
        seen.frame
        for seen in dialogue.messages
        if not seen.encrypted and seen.message is not None and seen.message.first(CertificateRequest) is not None
    ]
    if requests:
        parts.append("Requests for certificates in the clear tell which CAs are trusted.")
    return Answer(question="identities", title=_TITLE, text=" ".join(parts), frames=(*frames, *requests[:1]))


def _users(dialogue: TrackedConversation, frames: list[int]) -> list[str]:
    """Who logged in by XAUTH under the keys of phase 1."""
    found: dict[str, int] = {}
    for seen in dialogue.messages:
        if seen.message is None or not seen.encrypted:
            continue
        for payload in seen.message.all(ConfigAttributes):
            for attribute in payload.attributes:
                if attribute.type == ConfigAttribute.XAUTH_USER_NAME and attribute.value:
                    found.setdefault(config_value(attribute), seen.frame)
    frames += found.values()
    return [
        f"The user of XAUTH, {name}, was encrypted; it is told here only because the keys are known." for name in found
    ]


def _of(dialogue: TrackedConversation, role: Role, frames: list[int]) -> str:
    name, seen = identity_of(dialogue, role), dialogue.phase1.identities.get(role)
    if seen is not None:
        frames.append(seen.frame)
        if identity_visible(dialogue, role):
            return f"The {role}'s, {name}, is in the clear in {seen.label}: anybody could read it."
        return f"The {role}'s, {name}, was encrypted in {seen.label}; it is told here only because the keys are known."
    if dialogue.phase1.hides_bodies:
        return f"The {role}'s is encrypted with a public key: it was not visible."
    label = "MM5" if role is Role.INITIATOR else "MM6"
    hidden = dialogue.first(label)
    if hidden is not None:
        frames.append(hidden.frame)
        return f"The {role}'s is encrypted in {label}: it was not visible."
    return f"The {role}'s is not in this capture."
