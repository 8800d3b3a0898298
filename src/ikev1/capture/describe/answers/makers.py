"""Question ``makers``: the implementations that the vendor IDs point to."""

from __future__ import annotations

from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.wire.vendors import maker_of, vendor_name

_TITLE = "Which implementations are the peers?"


def which_makers(conversation: TrackedConversation) -> Answer | None:
    """Based on the vendor IDs, which a peer may omit or copy from another implementation."""
    frames: list[int] = []
    parts = []
    for role in (Role.INITIATOR, Role.RESPONDER):
        found = conversation.phase1.vendor_ids[role]
        if not found:
            continue
        frames += found.values()
        maker = maker_of(tuple(found))
        names = [name for data in found if (name := vendor_name(data)) is not None]
        unknown = len(found) - len(names)
        words = [*dict.fromkeys(names), *([f"{unknown} unknown"] if unknown else [])]
        who = f"appears to be {maker}" if maker else "is an unknown implementation"
        parts.append(f"The {role} {who}; its vendor IDs: {', '.join(words)}.")
    if not parts:
        return None
    return Answer(question="makers", title=_TITLE, text=" ".join(parts), frames=tuple(dict.fromkeys(frames)))
