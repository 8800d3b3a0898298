"""What this host, as client, routes into its tunnels: what the gateway and the operator say together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ikev1.core.records.mode_config import LOCAL_LAN, ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection
from ikev1.daemon.remote_access.usable import is_reachable, usable_servers
from ikev1.esp.reach import Reach


class ClientRoutes(NamedTuple):
    """``reach`` of a virtual address; ``refused`` are texts on what the gateway named and is not used."""

    reach: Reach
    refused: tuple[str, ...] = ()


def reach_of(
    address: str, config: ModeConfig, connection: Connection, attached: Collection[Selector] = ()
) -> ClientRoutes:
    """What is routed into the tunnels of the virtual ``address``, which came with ``config``.

    With Cisco's SPLIT_INCLUDE these are its networks, the name servers, and the networks that the operator has
    configured for tunnels. Otherwise it is all that the tunnels carry, without SPLIT_EXCLUDE, and without the networks
    in ``attached`` if both the gateway and the operator permit the local LAN.

    Who runs the local network chooses its addresses, which could be those of what the tunnel is for. Therefore it does
    not count for networks that the gateway or the operator names, and no exclusion does for the name servers.
    """
    if not connection.install_routes:
        return ClientRoutes(Reach(include=()))
    refused: list[str] = []
    version = ip_version(address)
    exclude = _usable((text for text in config.split_exclude if text != LOCAL_LAN), version, "split exclude", refused)
    include: tuple[Selector, ...] | None = None
    named = _configured(connection, version)
    if _of_version(config.split_include, version):
        named = [*_usable(config.split_include, version, "split include", refused), *named]
        servers = _usable(config.dns, version, "name server", refused)
        include = tuple(dict.fromkeys((*named, *servers)))
    named = [network for network in named if not network.has_all_addresses]
    near: list[Selector] = []
    if config.local_lan and connection.local_lan:
        near = [network for network in attached if network.version == version]
        exclude += [network for network in near if not any(each.contains(network) for each in named)]
    servers = [Selector.parse(server) for server in _of_version(usable_servers(config), version)]
    always = [server for server in servers if any(network.contains(server) for network in exclude)]
    always += [each for each in named if any(network.contains(each) for network in near)]
    return ClientRoutes(Reach(include, tuple(exclude), tuple(always)), tuple(refused))


def _of_version(texts: Iterable[str], version: int) -> list[str]:
    return [text for text in texts if ip_version(text.partition("/")[0]) == version]


def _usable(texts: Iterable[str], version: int, what: str, refused: list[str]) -> list[Selector]:
    """The networks that can be routed; of the others, a text is added to ``refused``."""
    usable: list[Selector] = []
    for text in _of_version(texts, version):
        if not is_reachable(text):
            refused.append(
                f"{what} {text} is not used: no gateway can reach loopback, link-local, multicast or reserved addresses"
            )
        else:
            usable.append(Selector.parse(text))
    return usable


def _configured(connection: Connection, version: int) -> list[Selector]:
    """The networks behind the gateway that the operator has named, apart from one for everything."""
    named = (tunnel.remote for tunnel in connection.tunnels if not tunnel.remote.dynamic)
    return [network for network in named if network.version == version and not network.has_all_addresses]
