"""list-sas: the ISAKMP SAs, each with its pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.core.records.settings import Connection
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.daemon.vici.sections import child_key, child_section, ike_section
from ikev1.daemon.vici.select import Selection


async def list_sas(call: Call) -> Section:
    """One ``list-sa`` event for each ISAKMP SA that the request selects; only the pairs that it selects are in it."""
    gateway, selection = call.gateway, Selection.of(call.request)
    configured = {(c.name, tunnel) for c in gateway.settings.connections for tunnel in _names(c)}
    for sa in tuple(gateway.engine.sas.values()):
        if selection.takes_ike(sa):
            now = gateway.now()
            children = {
                child_key(child): {
                    **child_section(child, gateway.counters_of(child), now),
                    **_removed((sa.connection, child.name) not in configured),
                }
                for child in sa.children
                if selection.takes_child(child)
            }
            removed = _removed((sa.connection, None) not in configured)
            await call.stream("list-sa", {sa.connection: {**ike_section(sa, now, children), **removed}})
    return {}


def _names(connection: Connection) -> Iterator[str | None]:
    yield None
    for tunnel in connection.tunnels:
        yield tunnel.name


def _removed(removed: bool) -> Section:
    """An extension: the key ``removed`` if the connection or tunnel is not configured any more."""
    return {"removed": "yes"} if removed else {}


COMMANDS: dict[str, Command] = {"list-sas": list_sas}
