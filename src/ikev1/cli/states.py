"""The state words that a Cisco router shows, and what each means; both come from the exchange tables."""

from __future__ import annotations

import re

from ikev1.cli.control import Section
from ikev1.core.main_mode import MAIN_MODE
from ikev1.core.quick_mode import QUICK_MODE
from ikev1.core.script import Script

__all__ = ["ESTABLISHED", "meaning", "state_word"]

ESTABLISHED, NOTHING = "QM_IDLE", "MM_NO_STATE"

# What a message brings, by the first payload of its shape that is named here.
_BROUGHT = {
    "KE": "the peer's Diffie-Hellman value and nonce",
    "IDii": "the peer's identity and the proof that it has the secret",
    "IDir": "the peer's identity and the proof that it has the secret",
    "HASH(3)": "the peer's confirmation",
    "SA": "the peer's proposals, or its choice among ours",
}


def _waits(script: Script) -> dict[str, str]:
    return {
        f"{script.name}_WAIT_MSG{number}": f"waits for message {number} ({row.shape}): {_brought(row.shape)}"
        for number, row in enumerate(script.rows, 1)
    }


def _brought(shape: str) -> str:
    words = re.findall(r"[A-Za-z]+(?:\(\d\))?", shape.partition("[")[0])
    return next(brought for word, brought in _BROUGHT.items() if word in words)


_MEANINGS = {
    NOTHING: "no ISAKMP SA any more, or not yet",
    ESTABLISHED: "the ISAKMP SA is established: Quick Modes may run",
    **_waits(MAIN_MODE),
    **_waits(QUICK_MODE),
}


def meaning(state: str) -> str:
    """A state word in plain English; empty for a word that is not ours."""
    return _MEANINGS.get(state, "")


def state_word(sa: Section) -> str:
    """The state word of an ISAKMP SA as `list-sa` shows it; a daemon that sends none has two words only."""
    known = ESTABLISHED if sa["state"] in ("ESTABLISHED", "REKEYING") else NOTHING
    return str(sa.get("cisco-state", known))
