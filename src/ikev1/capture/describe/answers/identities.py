"""Question ``identities``: which identities an eavesdropper can read in this capture."""

from __future__ import annotations

from ikev1.capture.describe.parties import identity_of, identity_visible
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.wire.payloads import CertificateRequest, ConfigAttributes
from ikev1.wire.registry import ConfigAttribute
from ikev1.wire.words import config_value

_TITLE = "Which identities can an eavesdropper read?"


def which_identities(conversation: TrackedConversation) -> Answer | None:
    """Both identities, and other payloads that reveal them."""
    if not any(record.in_phase_1 for record in conversation.messages):
        return None
    frames: list[int] = []
    codes: list[str] = []
    parts = [_of(conversation, role, frames, codes) for role in (Role.INITIATOR, Role.RESPONDER)]
    for role, record in conversation.phase1.certificates.items():
        if not record.encrypted:
            parts.append(f"The {role}'s certificate is in the clear and identifies it.")
            codes.append(f"{role}-certificate-visible")
            frames.append(record.frame)
    parts += _users(conversation, frames, codes)
    requests = [
        record.frame
        for record in conversation.messages
        if not record.encrypted and record.message is not None and record.message.first(CertificateRequest) is not None
    ]
    if requests:
        parts.append("Certificate requests in the clear reveal the trusted CAs.")
        codes.append("trusted-cas-visible")
    frames += requests[:1]
    return Answer(question="identities", title=_TITLE, text=" ".join(parts), frames=tuple(frames), codes=tuple(codes))


def _users(conversation: TrackedConversation, frames: list[int], codes: list[str]) -> list[str]:
    """The XAUTH user names, protected by the phase 1 keys."""
    found: dict[str, int] = {}
    for record in conversation.messages:
        if record.message is None or not record.encrypted:
            continue
        for payload in record.message.all(ConfigAttributes):
            for attribute in payload.attributes:
                if attribute.type == ConfigAttribute.XAUTH_USER_NAME and attribute.value:
                    found.setdefault(config_value(attribute), record.frame)
    frames += found.values()
    codes += ["xauth-user-encrypted"] * bool(found)
    return [f"The XAUTH user name, {name}, is encrypted. It is shown because the keys are known." for name in found]


def _of(conversation: TrackedConversation, role: Role, frames: list[int], codes: list[str]) -> str:
    name, record = identity_of(conversation, role), conversation.phase1.identities.get(role)
    if record is not None:
        frames.append(record.frame)
        if identity_visible(conversation, role):
            codes.append(f"{role}-visible")
            return f"The {role}'s identity, {name}, is in the clear in {record.label}: anyone can read it."
        codes.append(f"{role}-encrypted")
        return f"The {role}'s identity, {name}, is encrypted in {record.label}. It is shown because the keys are known."
    if conversation.phase1.hides_bodies:
        codes.append(f"{role}-encrypted")
        return f"The {role}'s identity is encrypted with a public key: an eavesdropper cannot read it."
    label = "MM5" if role is Role.INITIATOR else "MM6"
    hidden = conversation.first(label)
    if hidden is not None:
        frames.append(hidden.frame)
        codes.append(f"{role}-encrypted")
        return f"The {role}'s identity is encrypted in {label}: an eavesdropper cannot read it."
    codes.append(f"{role}-missing")
    return f"The {role}'s identity is not in this capture."
