"""The commands of VICI, by name: one file for each group of them."""

from __future__ import annotations

from ikev1.daemon.vici.commands import control, daemon, elsewhere, listing
from ikev1.daemon.vici.request import Command

__all__ = ["COMMANDS"]

COMMANDS: dict[str, Command] = {
    **daemon.COMMANDS,
    **listing.COMMANDS,
    **control.COMMANDS,
    **elsewhere.COMMANDS,
}
