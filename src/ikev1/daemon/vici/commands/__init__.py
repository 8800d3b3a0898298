"""The commands of VICI, by name: one file for each group of them."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.commands import certificates, control, daemon, elsewhere, listing, loading
from ikev1.daemon.vici.request import Call, Command, Refused

__all__ = ["COMMANDS"]


def _settled(command: Command) -> Command:
    """``command``, for which everything that was loaded before is in use."""

    async def run(call: Call) -> Section:
        await call.loaded.settled()
        return await command(call)

    return run


def _by_owner(command: Command) -> Command:
    """``command`` for clients that may do what the gateway may: it runs the hooks and reads the files that connections
    name.
    """

    async def run(call: Call) -> Section:
        if not call.by_owner:
            raise Refused("only root and the user of the gateway may change what is loaded")
        return await command(call)

    return run


COMMANDS: dict[str, Command] = {
    **{
        name: _settled(command)
        for group in (daemon, listing, certificates, control)
        for name, command in group.COMMANDS.items()
    },
    **{name: command if name.startswith("get-") else _by_owner(command) for name, command in loading.COMMANDS.items()},
    **elsewhere.COMMANDS,
}
