"""The commands of VICI, by name: one file for each group of them."""

from __future__ import annotations

from ikev1.daemon.vici.commands import connections, control, daemon, elsewhere, pools, sas
from ikev1.daemon.vici.request import Command

__all__ = ["COMMANDS"]

COMMANDS: dict[str, Command] = {
    **daemon.COMMANDS,
    **sas.COMMANDS,
    **connections.COMMANDS,
    **control.COMMANDS,
    **pools.COMMANDS,
    **elsewhere.COMMANDS,
}
