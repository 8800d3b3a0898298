"""The variables of vpnc's scripts, which configure the interface, routes and name servers of a client.

What comes from the gateway is restricted as in `updown_environment`, because not all scripts quote their variables.
Networks and name servers that no gateway can reach, domains that are no names, and the gateway itself as a network, to
which a script would route its own packets, are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_address, ip_network

from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.daemon.remote_access.updown_environment import safe
from ikev1.daemon.remote_access.usable import is_domain, is_reachable, usable_servers

_BANNER = 50  # lines


def vpnc_variables(config: ModeConfig, gateway: str, device: str) -> dict[str, str]:
    """All variables except ``reason``, for the ``config`` that came from the address ``gateway``; ``device`` is the TUN
    device.
    """
    variables = {"VPNGATEWAY": gateway, "TUNDEV": device, "VPNPID": str(os.getpid())}
    address, address6 = config.address(4), config.address(6)
    servers = usable_servers(config)
    if address is not None:
        variables["INTERNAL_IP4_ADDRESS"] = address
        if config.netmask:
            network = IPv4Network((address, config.netmask), strict=False)
            variables |= {
                "INTERNAL_IP4_NETMASK": config.netmask,
                "INTERNAL_IP4_NETMASKLEN": str(network.prefixlen),
                "INTERNAL_IP4_NETADDR": str(network.network_address),
            }
    if address6 is not None:
        variables["INTERNAL_IP6_ADDRESS"] = address6
    variables |= {
        "INTERNAL_IP4_DNS": " ".join(server for server in servers if ip_version(server) == 4),
        "INTERNAL_IP6_DNS": " ".join(server for server in servers if ip_version(server) == 6),
        "INTERNAL_IP4_NBNS": " ".join(server for server in config.nbns if is_reachable(server)),
        "CISCO_DEF_DOMAIN": config.default_domain if is_domain(config.default_domain) else "",
        "CISCO_SPLIT_DNS": ",".join(filter(is_domain, config.split_dns)),
        "CISCO_BANNER": "\n".join(safe(line) for line in config.banner.splitlines()[:_BANNER]),
    }
    variables |= _networks("CISCO_SPLIT_INC", config.split_include, gateway)
    variables |= _networks("CISCO_SPLIT_EXC", config.split_exclude, gateway)
    return {name: value for name, value in variables.items() if value}


def _networks(prefix: str, networks: Iterable[str], gateway: str) -> dict[str, str]:
    """The variables of a list of networks. A list without a usable one has 0 entries, as no list means all traffic."""
    sent = tuple(networks)
    if not sent:
        return {}
    found = [ip_network(text) for text in sent if is_reachable(text)]
    found = [network for network in found if network != ip_network(ip_address(gateway.partition("%")[0]))]
    variables = {prefix: str(len(found))}
    for number, network in enumerate(found):
        variables |= {
            f"{prefix}_{number}_ADDR": str(network.network_address),
            f"{prefix}_{number}_MASK": str(network.netmask),
            f"{prefix}_{number}_MASKLEN": str(network.prefixlen),
            f"{prefix}_{number}_PROTOCOL": "0",
            f"{prefix}_{number}_SPORT": "0",
            f"{prefix}_{number}_DPORT": "0",
        }
    return variables
