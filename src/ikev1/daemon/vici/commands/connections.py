"""list-conns, get-conns and list-policies: the configuration."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.daemon.vici.sections import connection_section, mode_word, selectors


async def list_conns(call: Call) -> Section:
    """One ``list-conn`` event for each connection, or for the one that is named."""
    wanted = call.request.text("ike")
    for connection in call.gateway.settings.connections:
        if wanted in (None, connection.name):
            await call.stream("list-conn", {connection.name: connection_section(connection)})
    return {}


async def get_conns(call: Call) -> Section:
    """The names of all connections."""
    return {"conns": [connection.name for connection in call.gateway.settings.connections]}


async def list_policies(call: Call) -> Section:
    """One ``list-policy`` event for each trap; there are no pass and drop policies."""
    if "trap" not in call.request:  # the presence of the key selects, whatever its value
        return {}
    ike, child = call.request.text("ike"), call.request.text("child")
    for connection, tunnel in tuple(call.gateway.traps.installed.values()):
        if ike in (None, connection.name) and child in (None, tunnel.name):
            local, remote = selectors(tunnel)
            policy = {
                "child": tunnel.name,
                "ike": connection.name,
                "mode": mode_word(tunnel),
                "local-ts": local,
                "remote-ts": remote,
            }
            await call.stream("list-policy", {f"{connection.name}/{tunnel.name}": policy})
    return {}


COMMANDS: dict[str, Command] = {"list-conns": list_conns, "get-conns": get_conns, "list-policies": list_policies}
