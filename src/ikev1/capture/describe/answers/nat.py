"""Question ``nat``: whether there is a NAT between the peers, and which peer is behind it."""

from __future__ import annotations

from ikev1.capture.describe.nat_detection import behind_nat
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role

_TITLE = "Is there a NAT, and which peer is behind it?"


def which_nat(conversation: TrackedConversation) -> Answer | None:
    """Based on the NAT-D payloads and the ports."""
    nat_discoveries = conversation.phase1.nat_discoveries
    ports = {port for role in Role for port in conversation.endpoints.ports(role)}
    if not nat_discoveries:
        if 4500 not in ports:
            return None
        text = "The peers use port 4500, so they detected a NAT or are configured to force UDP encapsulation."
        return Answer(question="nat", title=_TITLE, text=text, codes=("port-4500",))
    behind_nats = {role: behind_nat(conversation, role) for role in (Role.INITIATOR, Role.RESPONDER)}
    parts: list[tuple[str, str]] = []
    for role, behind in behind_nats.items():
        if role in conversation.translated:
            text = f"The {role} is behind a NAT: this capture shows its messages under two addresses."
            parts.append((f"{role}-translated", text))
        elif behind:
            text = (
                f"The {role} is behind a NAT, or pretends to be to force UDP encapsulation: a NAT-D hash of its "
                "address and port does not match the capture."
            )
            parts.append((f"{role}-behind-nat", text))
        elif behind is None:
            text = f"Unknown for the {role}: a NAT-D payload or the negotiated hash is missing."
            parts.append((f"{role}-unknown", text))
    if not any(behind or behind is None for behind in behind_nats.values()):
        parts.append(("no-nat", "No. All NAT-D hashes match the addresses and ports in the capture."))
    if 4500 in ports:
        parts.append(("port-4500", "The peers switched to port 4500 and encapsulate ESP in UDP."))
    return Answer(
        question="nat",
        title=_TITLE,
        text=" ".join(text for _, text in parts),
        frames=tuple(record.frame for record in nat_discoveries.values()),
        codes=tuple(code for code, _ in parts),
    )
