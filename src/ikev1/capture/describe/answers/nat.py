"""Whether there is a NAT between the peers, and who is behind it."""

from __future__ import annotations

from ikev1.capture.describe.nat_detection import behind_nat
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role

_TITLE = "Is there a NAT, and who is behind it?"


def which_nat(conversation: TrackedConversation) -> Answer | None:
    """By the NAT-D payloads and the ports."""
    nat_discoveries = conversation.phase1.nat_discoveries
    ports = {port for role in Role for port in conversation.endpoints.ports(role)}
    if not nat_discoveries:
        if 4500 not in ports:
            return None
        text = "The conversation is on port 4500, so the peers found a NAT, or were told to act as if there were one."
        return Answer(question="nat", title=_TITLE, text=text)
    told = {role: behind_nat(conversation, role) for role in (Role.INITIATOR, Role.RESPONDER)}
    parts = []
    for role, behind in told.items():
        if role in conversation.translated:
            parts.append(f"The {role} is behind a NAT: this capture has its messages under two addresses.")
        elif behind:
            parts.append(
                f"The {role} is behind a NAT, or pretends to be to get UDP encapsulation: a NAT-D hash of its address "
                "and port is not that of the capture."
            )
        elif behind is None:
            parts.append(f"Of the {role} it cannot be said: a NAT-D payload or the negotiated hash is missing.")
    if not any(behind or behind is None for behind in told.values()):
        parts.append("No: all NAT-D hashes are those of the addresses and ports in the capture.")
    if 4500 in ports:
        parts.append("The conversation floated to port 4500, and ESP travels in UDP.")
    frames = tuple(record.frame for record in nat_discoveries.values())
    return Answer(question="nat", title=_TITLE, text=" ".join(parts), frames=frames)
