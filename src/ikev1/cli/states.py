"""The state words that a Cisco router shows, and what each means; both come from the exchange tables.

The tables, and the core with them, are loaded for an SA that is being set up: others have few words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from ikev1.cli.control import Section

if TYPE_CHECKING:
    from ikev1.core.exchanges.interpreter import Row, Script

ESTABLISHED, NOTHING = "QM_IDLE", "MM_NO_STATE"

_OPTIONAL = re.compile(r"\[[^]]*\]")

# What the payloads of a row carry; for SA this depends on the sender.
_CONTENT = {
    ("SA", "i"): "the peer's proposals",
    ("SA", "r"): "the peer's choice of a proposal",
    ("KE", "i"): "the peer's Diffie-Hellman value and nonce",
    ("KE", "r"): "the peer's Diffie-Hellman value and nonce",
    ("IDii", "i"): "the peer's identity",
    ("IDir", "r"): "the peer's identity",
    ("AUTH_I", "i"): "its proof",
    ("AUTH_R", "r"): "its proof",
    ("HASH(3)", "i"): "the peer's confirmation",
}


def _waits(script: Script) -> dict[str, str]:
    return {
        f"{script.name}_WAIT_MSG{number}": f"waiting for message {number} ({row.grammar}): {_content(row)}"
        for number, row in enumerate(script.rows, 1)
    }


def _content(row: Row) -> str:
    words = re.findall(r"[A-Za-z_]+(?:\(\d\))?", _OPTIONAL.sub("", row.grammar))
    *others, last = [_CONTENT[word, row.sender] for word in words if (word, row.sender) in _CONTENT]
    return f"{', '.join(others)} and {last}" if others else last


_MEANINGS = {
    NOTHING: "there is no ISAKMP SA, or it is being set up or closed",
    ESTABLISHED: "the ISAKMP SA is established; Quick Mode is possible",
    "CONF_XAUTH": "phase 1 is complete; waiting for the user name and the password of the client, or for its verdict",
    "CONF_ADDR": "phase 1 is complete; waiting for mode config: the virtual address of the client",
}


@cache
def _of_exchanges() -> dict[str, str]:
    from ikev1.core.exchanges.aggressive_mode import AGGRESSIVE_MODE
    from ikev1.core.exchanges.main_mode import MAIN_MODE
    from ikev1.core.exchanges.quick_mode import QUICK_MODE

    return _waits(MAIN_MODE) | _waits(AGGRESSIVE_MODE) | _waits(QUICK_MODE)


def meaning(state: str) -> str:
    """A state word in plain English; empty for an unknown word."""
    return _MEANINGS.get(state) or _of_exchanges().get(state, "")


def state_word(sa: Section) -> str:
    """The state word of an ISAKMP SA as `list-sa` shows it; a daemon that sends none has two words only."""
    known = ESTABLISHED if sa["state"] in ("ESTABLISHED", "REKEYING") else NOTHING
    return str(sa.get("cisco-state", known))
