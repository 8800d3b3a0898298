"""Checks of pools, and of the connections that use them."""

from __future__ import annotations

from ipaddress import ip_address

from ikev1.config.findings import Findings, Rule
from ikev1.config.options import GatewayOptions
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.peer.traffic_selectors import differ_in_network
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Pool, Settings, Start


def check_pools(settings: Settings, options: GatewayOptions, findings: Findings) -> None:
    """Report contradictions between the pools, and between pools, connections and the addresses of the gateway."""
    pools = {pool.name: pool for pool in settings.pools}
    _check_overlaps(settings.pools, findings)
    for pool in settings.pools:
        _check_pool(pool, settings, options, findings)
    for connection in settings.connections:
        path = f"connection.{connection.name}"
        for name in connection.pools:
            if name not in pools:
                known = f"configured are {', '.join(pools)}" if pools else "none is configured"
                findings.error(f"{path}.pools", Rule.UNKNOWN_POOL, f"there is no pool {name!r}: {known}")
        _check_connection(connection, [pools[name] for name in connection.pools if name in pools], path, findings)


def _check_overlaps(pools: tuple[Pool, ...], findings: Findings) -> None:
    """Refuse ranges that overlap, in one pool or in two: an address would have two owners."""
    ends = [(len(first), first, last, pool.name) for pool in pools for first, last in pool.ranges]
    highest: tuple[int, bytes, str] | None = None
    for octets, first, last, name in sorted(ends):
        if highest is not None and highest[0] == octets and first <= highest[1]:
            both = "two of its ranges overlap" if highest[2] == name else f"overlaps pool {highest[2]!r}"
            findings.error(f"pools.{name}.addresses", Rule.POOLS_OVERLAP, f"{both} at {ip_address(first)}")
        if highest is None or highest[0] != octets or last > highest[1]:
            highest = octets, last, name
    owners: dict[str, str] = {}
    for pool in pools:
        for user, address in pool.reserved:
            path = f"pools.{pool.name}.reserved.{user}"
            owner = owners.setdefault(address, path)
            if owner != path:
                findings.error(path, Rule.POOLS_OVERLAP, f"{address} is the address of {owner} already")
            other = next(
                (each.name for each in pools if each is not pool and _holds(each, address)),
                None,
            )
            if other is not None:
                findings.error(path, Rule.POOLS_OVERLAP, f"{address} is an address of pool {other!r}")


def _holds(pool: Pool, address: str) -> bool:
    return any(one.contains(DYNAMIC.at(address)) for one in pool.selectors)


def _check_pool(pool: Pool, settings: Settings, options: GatewayOptions, findings: Findings) -> None:
    path = f"pools.{pool.name}"
    versions = {one.version for one in pool.selectors}
    if pool.config.netmask and 4 not in versions and not pool.any:
        findings.error(f"{path}.netmask", Rule.UNUSED_KEY, "has no effect without IPv4 addresses in the pool")
    users = [connection for connection in settings.connections if pool.name in connection.pools]
    if not users:
        findings.warn(path, Rule.UNUSED_POOL, "no connection uses this pool")
    if pool.any:
        text = "is any address: a client can take that of another host"
        findings.warn(f"{path}.addresses", Rule.ANY_ADDRESS, text)
    size = sum(int.from_bytes(last) - int.from_bytes(first) + 1 for first, last in pool.ranges)
    if pool.ranges and size == 1 and any(not _is_one_peer(connection) for connection in users):
        findings.warn(f"{path}.addresses", Rule.SMALL_POOL, "has one address: the second client is rejected")
    own = (*options.listen, *(c.local_address for c in settings.connections if is_address(c.local_address)))
    for host in dict.fromkeys(own):
        if _holds(pool, host.partition("%")[0]):
            findings.error(f"{path}.addresses", Rule.POOL_HOLDS_GATEWAY, f"contains {host}, an address of this gateway")
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            local = tunnel.local
            if local.dynamic or local.has_all_addresses or not any(one.overlaps(local) for one in pool.selectors):
                continue
            findings.warn(
                f"{path}.addresses",
                Rule.POOL_IN_OWN_NETWORK,
                f"overlaps {local}, a network behind this gateway (connection.{connection.name}.tunnel.{tunnel.name}): "
                "hosts there reach the clients only if the gateway answers for them (proxy ARP); use a network of "
                "its own",
            )


def _is_one_peer(connection: Connection) -> bool:
    return len(connection.remotes) == 1 and is_address(connection.remote_address)


def _check_connection(connection: Connection, pools: list[Pool], path: str, findings: Findings) -> None:
    if connection.pools and connection.vips:
        findings.error(
            f"{path}.vips",
            Rule.POOLS_AND_VIPS,
            "cannot be combined with pools: a gateway assigns virtual addresses (pools), a client requests them (vips)",
        )
    for pool in pools:
        _check_split_networks(connection, pool, findings)
    for tunnel in connection.tunnels:
        tunnel_path = f"{path}.tunnel.{tunnel.name}"
        if tunnel.mode is IpsecMode.TRANSPORT:
            continue
        if connection.vips and tunnel.start is Start.TRAP and tunnel.local.dynamic:
            findings.error(
                f"{tunnel_path}.start",
                Rule.TRAP_OF_VIRTUAL_ADDRESS,
                "'trap' waits for packets from the virtual address, which this host has only once it is connected: use "
                '"start", or "none" and `ikev1 up`',
            )
        if connection.vips and not tunnel.local.dynamic:
            findings.warn(
                f"{tunnel_path}.local",
                Rule.VIRTUAL_ADDRESS_UNUSED,
                f"is {tunnel.local}: the virtual address that vips requests is not used; remove local",
            )
        if connection.pools and not tunnel.remote.dynamic:
            inside = any(one.overlaps(tunnel.remote) for pool in pools for one in pool.selectors)
            findings.warn(
                f"{tunnel_path}.remote",
                Rule.VIRTUAL_ADDRESS_UNUSED,
                f"is {tunnel.remote}: "
                + (
                    "clients may use the virtual address that was assigned to them, and no other of the pool; remove "
                    "remote"
                    if inside
                    else "the virtual addresses of clients are not in it, so they cannot use them; remove remote"
                ),
            )


def _check_split_networks(connection: Connection, pool: Pool, findings: Findings) -> None:
    """Warn of networks to include that no tunnel carries, or not those that clients with a single pair get."""
    tunnels = [
        tunnel
        for tunnel in connection.tunnels
        if tunnel.mode is IpsecMode.TUNNEL and not tunnel.local.dynamic and tunnel.local.version == 4
    ]
    if any(tunnel.local.has_all_addresses for tunnel in tunnels):
        return
    path = f"pools.{pool.name}.split_include"
    for text in pool.config.split_include:
        reaching = [tunnel for tunnel in tunnels if tunnel.local.contains(Selector.parse(text))]
        if not reaching:
            findings.warn(
                path,
                Rule.SPLIT_NETWORK_UNREACHABLE,
                f"{text} is in no local of the tunnels of connection.{connection.name}: clients send its traffic into "
                "their tunnel, and it is dropped here",
            )
        elif not any(differ_in_network(tunnels[0], tunnel) for tunnel in reaching):
            findings.warn(
                path,
                Rule.SPLIT_NETWORK_UNREACHABLE,
                f"clients with a single pair (vpnc, iPhone, strongSwan) do not reach {text}: their pair is one of "
                f"connection.{connection.name}.tunnel.{tunnels[0].name}, and has the networks of the tunnels that are "
                f"configured like it; tunnel.{reaching[0].name} differs in more than local",
            )
