"""list-sas: the ISAKMP SAs, each with its pairs of IPsec SAs."""

from __future__ import annotations

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.daemon.vici.sections import child_key, child_section, ike_section
from ikev1.daemon.vici.select import Selection


async def list_sas(call: Call) -> Section:
    """One ``list-sa`` event for each ISAKMP SA that the request selects; only the pairs that it selects are in it."""
    gateway, selection = call.gateway, Selection.of(call.request)
    for sa in tuple(gateway.engine.sas.values()):
        if selection.takes_ike(sa):
            now = gateway.now()
            children = {
                child_key(child): child_section(child, gateway.counters_of(child), now)
                for child in sa.children
                if selection.takes_child(child)
            }
            await call.stream("list-sa", {sa.connection: ike_section(sa, now, children)})
    return {}


COMMANDS: dict[str, Command] = {"list-sas": list_sas}
