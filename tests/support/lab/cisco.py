"""Our gateway as a gateway of Cisco's: groups, users, and virtual addresses."""

from __future__ import annotations

from dataclasses import replace

from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.users import check_user
from lab.vpnc import GROUP, GROUP_SECRET, Vpnc, VpncOptions

POOL = """
[pools.office]
addresses = "10.99.0.10-10.99.0.20"
netmask = "255.255.255.0"
dns = "10.10.2.53"
banner = "Welcome to the lab"
default_domain = "lab.example"
"""


def as_virtual(node: Node, address: str) -> Node:
    """The node with its virtual address as the one that it sends from."""
    return replace(node, host=address)


def leases(ours: OurGateway) -> dict[str, str]:
    """The addresses that clients have, and whose they are."""
    return {lease["address"]: lease["identity"] for lease in ours.control.leases() if lease["status"] == "online"}


def cisco(
    lab: Lab, node: Node, *, unique: str = "replace", local: str = "0.0.0.0/0", pool: str = "", more: str = ""
) -> OurOptions:
    """A gateway for vpnc: a group secret, a user, and a virtual address."""
    return OurOptions(
        configuration=f"""
[gateway]
data_plane = "userspace"
log_level = "debug"
delete_rekeyed_delay = 5

[command]
run = "{check_user(lab)}"
{POOL}
{pool}
[connection.peer]
local_address = "{node.address}"
local_id = "gw.lab"
remote_id = "keyid:{GROUP}"
secret = "{GROUP_SECRET}"
aggressive = "accept-psk"
proposals = ["aes256-sha1-modp1536"]
xauth = "server"
xauth_backend = "command"
pools = "office"
unique = "{unique}"
{more}

[connection.peer.tunnel.net]
local = "{local}"
proposals = ["aes256-sha1"]
"""
    )


def connect(lab: Lab, node: Node, ours: OurGateway, options: VpncOptions | None = None) -> Vpnc:
    """Start vpnc, and wait until its pair carries traffic at our end as well."""
    before = {child["uniqueid"] for child in ours.control.children()}
    vpnc = lab.vpnc(node, options or VpncOptions())
    ours.wait_for(lambda: {child["uniqueid"] for child in ours.control.children()} - before, "its pair")
    return vpnc
