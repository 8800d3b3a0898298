"""The networks to which this host is attached."""

from __future__ import annotations

from ipaddress import ip_network

from ikev1.core.records.selector import Selector
from ikev1.esp.rtnetlink import RoutingTable

_MAIN = 254
_PRIVATE = tuple(map(Selector.parse, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918


def attached_networks() -> list[Selector]:
    """The private IPv4 networks that this host reaches without a router.

    Who runs the link chooses its addresses, and could so take the traffic for any public network out of a tunnel.
    Therefore only private networks count.

    Raises:
        OSError: the kernel refused.
        ikev1.esp.netlink.GarbledAnswer: the answer of the kernel is not readable.
    """
    table = RoutingTable(_MAIN)
    try:
        routes = table.routes()
    finally:
        table.close()
    near = (network for network, route in routes.items() if route.hop is not None and not route.hop.gateway)
    found = (Selector.parse(str(ip_network((network.address, network.prefix)))) for network in near)
    return [network for network in found if any(whole.contains(network) for whole in _PRIVATE)]
