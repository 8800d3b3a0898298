"""list-sas, list-conns, list-tunnels, list-policies and get-pools: what there is, and what is configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from ikev1.core.records.settings import Connection
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.daemon.vici.sections import (
    child_key,
    child_section,
    connection_section,
    ike_section,
    marked_removed,
    mode_word,
    policy_section,
    selectors,
    shunt_section,
)
from ikev1.daemon.vici.select import Selection
from ikev1.daemon.vici.selector_text import selector_text
from ikev1.daemon.vici.tunnel_status import tunnel_section
from ikev1.store import Lease

_PAIRS = 200  # in one event: a peer may have more than a segment can hold


async def list_sas(call: Call) -> Section:
    """One ``list-sa`` event for each ISAKMP SA that the request selects; only the pairs that it selects are in it. SAs
    that end before their turn are left out. One with very many pairs is in several events, each with some of them.

    Extensions: ``remote-host`` selects the ISAKMP SAs with a peer at this address; with ``child-sas = no`` no pair is
    in the events.
    """
    gateway, selection, host = call.gateway, Selection.of(call.request), call.request.text("remote-host")
    with_children = (call.request.text("child-sas") or "").lower() != "no"
    configured = {(c.name, tunnel) for c in gateway.settings.connections for tunnel in _names(c)}
    for cookies in [sa.cookies for sa in selection.candidates(gateway.engine)]:
        sa = gateway.engine.sas.get(cookies)
        if sa is None or not selection.takes_ike(sa) or host not in (None, sa.path.remote_host):
            continue
        removed = (sa.connection, None) not in configured
        chosen = [child for child in sa.children if with_children and selection.takes_child(child)]
        for begin in range(0, len(chosen) or 1, _PAIRS):
            now = gateway.now()
            children = {
                child_key(child): {
                    **child_section(child, gateway.counters_of(child), now),
                    **marked_removed((sa.connection, child.name) not in configured),
                }
                for child in chosen[begin : begin + _PAIRS]
            }
            await call.stream("list-sa", {sa.connection: ike_section(sa, now, children, removed=removed)})
    return {}


def _names(connection: Connection) -> Iterator[str | None]:
    yield None
    for tunnel in connection.tunnels:
        yield tunnel.name


async def list_conns(call: Call) -> Section:
    """One ``list-conn`` event for each connection, or for the one that is named, and for each shunt, which is a child
    of a connection in strongSwan.
    """
    wanted = call.request.text("ike")
    for shunt in call.gateway.settings.shunts:
        if wanted in (None, shunt.name):
            await call.stream("list-conn", {shunt.name: shunt_section(shunt)})
    for connection in call.gateway.settings.connections:
        if wanted in (None, connection.name):
            await call.stream("list-conn", {connection.name: connection_section(connection)})
    return {}


async def list_tunnels(call: Call) -> Section:
    """An extension: one ``list-tunnel`` event for each configured tunnel, or for those of the connection ``ike``. With
    ``down``, only those that are not up.
    """
    gateway, wanted, only_down = call.gateway, call.request.text("ike"), call.request.flag("down")
    for connection in gateway.settings.connections:
        if wanted not in (None, connection.name):
            continue
        up = gateway.tunnels_up(connection.name)
        for tunnel in connection.tunnels:
            if not (only_down and tunnel.name in up):
                section = tunnel_section(connection, tunnel, gateway, up=tunnel.name in up)
                await call.stream("list-tunnel", section)
    return {}


async def list_ike_policies(call: Call) -> Section:
    """An extension: one ``list-ike-policy`` event for each policy of phase 1 of each connection, or of ``ike``."""
    wanted = call.request.text("ike")
    for connection in call.gateway.settings.connections:
        if wanted in (None, connection.name):
            for policy in connection.policies:
                await call.stream("list-ike-policy", policy_section(connection, policy))
    return {}


async def list_policies(call: Call) -> Section:
    """One ``list-policy`` event for each trap and each shunt that the request selects."""
    ike, child = call.request.text("ike"), call.request.text("child")
    for shunt in tuple(call.gateway.shunts.installed.values()):
        if shunt.action in call.request and ike is None and child in (None, shunt.name):
            policy = {
                "child": shunt.name,
                "mode": shunt.action.upper(),
                "local-ts": [selector_text(shunt.local)],
                "remote-ts": [selector_text(shunt.remote)],
            }
            await call.stream("list-policy", {shunt.name: policy})
    if "trap" not in call.request:  # the presence of the key selects, whatever its value
        return {}
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


async def get_pools(call: Call) -> Section:
    """All pools, or that with the ``name`` of the request."""
    pools, wanted = call.gateway.pools, call.request.text("name")
    with_leases = call.request.flag("leases")
    found: dict[str, Section] = {}
    for name, usage in pools.usage().items():
        if wanted not in (None, name):
            continue
        leases = [lease for lease in pools.leases.values() if lease.pool == name] if with_leases else []
        found[name] = {
            "base": pools.base(name),
            "size": str(usage.size),
            "online": str(usage.online),
            "offline": str(usage.offline),
            **({"leases": _leases(leases)} if with_leases else {}),
        }
    return found


def _leases(leases: Iterable[Lease]) -> Section:
    ordered = sorted(leases, key=_in_order)
    return {
        str(number): {
            "address": lease.address,
            "identity": lease.owner,
            "status": "online" if lease.online else "offline",
            **({} if lease.is_user else {"kind": "identity"}),  # an extension
        }
        for number, lease in enumerate(ordered)
    }


def _in_order(lease: Lease) -> tuple[int, bytes]:
    """A sort key: IPv4 addresses first, then by number."""
    address = ip_address(lease.address)
    return address.version, address.packed


COMMANDS: dict[str, Command] = {
    "list-sas": list_sas,
    "list-conns": list_conns,
    "list-tunnels": list_tunnels,
    "list-ike-policies": list_ike_policies,
    "list-policies": list_policies,
    "get-pools": get_pools,
}
