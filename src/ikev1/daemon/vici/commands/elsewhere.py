"""VICI commands that this daemon does not support: each returns the reason."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command, Refused

_REASONS = {
    "load-token": "PKCS#11 tokens are not supported",
    "redirect": "redirect requires IKEv2, but this daemon supports IKEv1 only",
}


def _refuse(reason: str) -> Command:
    async def refuse(_: Call) -> Section:
        raise Refused(reason)

    return refuse


COMMANDS: dict[str, Command] = {name: _refuse(reason) for name, reason in _REASONS.items()}
