"""install and uninstall: traps by hand."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused


def _named_child(call: Call) -> str:
    name = call.request.text("child")
    if name is None:
        raise Refused("missing configuration name")
    return name


async def install(call: Call) -> Section:
    """Bring the tunnel up with its first packet from now on."""
    found = call.gateway.settings.tunnel(_named_child(call), call.request.text("ike"))
    if found is None:
        raise Refused("configuration name not found")
    reason = call.gateway.traps.install(*found)
    if reason:
        raise Refused(reason)
    call.gateway.protection.use(found[0].name, found[1].name)
    return SUCCESS


async def uninstall(call: Call) -> Section:
    """Take the trap away again."""
    name = _named_child(call)
    found = call.gateway.settings.tunnel(name, call.request.text("ike"))
    if found is None or not call.gateway.traps.remove(found[0].name, name):
        raise Refused(f"policy '{name}' not found")
    call.gateway.protection.leave(found[0].name, name)
    return SUCCESS


COMMANDS: dict[str, Command] = {"install": install, "uninstall": uninstall}
