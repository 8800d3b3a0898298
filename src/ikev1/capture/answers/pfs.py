"""Whether the ESP keys have a Diffie-Hellman exchange of their own."""

from __future__ import annotations

from ikev1.capture.dialogue import Dialogue
from ikev1.capture.quick import QuickMode
from ikev1.capture.report import Answer
from ikev1.capture.seen import Seen
from ikev1.capture.suites import group_name
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.payloads import KeyExchange

__all__ = ["forward_secrecy"]

_TITLE = "Was perfect forward secrecy used?"

# Octets of a QM1 without KE: a HASH, a handful of proposals, a nonce and two identities. MODP_1024 adds 132.
_ROOM_FOR_MODP = 28 + 132


def forward_secrecy(dialogue: Dialogue) -> Answer | None:
    """It shows in Quick Mode, not in phase 1: only a KE payload there makes keys of its own."""
    if not dialogue.quick_modes:
        return None
    told = [_of(dialogue, quick) for quick in dialogue.quick_modes.values()]
    frames = tuple(seen.frame for quick in dialogue.quick_modes.values() for seen in quick.messages.values())
    return Answer(question="pfs", title=_TITLE, text=" ".join(told), frames=frames)


def _of(dialogue: Dialogue, quick: QuickMode) -> str:
    name = f"Quick Mode {quick.message_id:08x}:"
    opened = [seen for label in ("QM1", "QM2") if (seen := quick.messages.get(label)) and seen.message is not None]
    if opened:
        if any(seen.message is not None and seen.message.first(KeyExchange) for seen in opened):
            return (
                f"{name} yes, with {group_name(quick.group)}: it carries KE payloads."
                if quick.group
                else (f"{name} it carries a KE payload, and no answer that agrees on a group is in this capture.")
            )
        return f"{name} no: it carries no KE payload, so that its keys follow from SKEYID_d, which phase 1 made."
    return f"{name} {_hint(dialogue, quick)}"


def _hint(dialogue: Dialogue, quick: QuickMode) -> str:
    lengths = [f"{label} has {_length(seen)} octets" for label, seen in sorted(quick.messages.items())]
    suite = dialogue.phase1.suite
    shares = [len(public) for public in dialogue.phase1.public.values()]
    second = quick.messages.get("QM2")
    text = f"the payloads are encrypted, so it cannot be said ({', '.join(lengths)})."
    if second is None or suite is None or not shares:
        return text
    if _length(second) < shares[0] + _ROOM_FOR_MODP - 132:
        return (
            f"the payloads are encrypted, but there was none with the group of phase 1: {', '.join(lengths)}, and a "
            f"public value of that group has {shares[0]} octets, beside HASH, SA and nonce. A smaller group would fit."
        )
    return f"{text} QM2 is long enough for a public value of the group of phase 1: a hint, not a proof."


def _length(seen: Seen) -> int:
    return len(seen.octets) - HEADER_SIZE
