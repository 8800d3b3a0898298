"""Our gateway as a gateway of Cisco's: groups, users, and virtual addresses."""

from __future__ import annotations

from dataclasses import replace

from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import answered, ping
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
    lab: Lab,
    node: Node,
    *,
    unique: str = "replace",
    local: str = "0.0.0.0/0",
    further: str = "",
    pool: str = "",
    more: str = "",
    data_plane: str = "userspace",
) -> OurOptions:
    """A gateway for vpnc: a group secret, a user, a virtual address; ``further`` is the network of another tunnel."""
    tunnels = {"net": local, "further": further} if further else {"net": local}
    return OurOptions(
        configuration=f"""
[gateway]
data_plane = "{data_plane}"
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
"""
        + "".join(
            f'[connection.peer.tunnel.{name}]\nlocal = "{network}"\nproposals = ["aes256-sha1"]\n'
            for name, network in tunnels.items()
        )
    )


SPLIT = 'split_include = ["10.10.2.0/24", "10.10.9.0/24", "10.10.8.0/24"]'


def assert_split_networks(lab: Lab, data_plane: str) -> None:
    """vpnc has one pair and sends three networks into it: it reaches those of the two tunnels, and not the third. So
    does what is sent to it.
    """
    a, b = lab.direct()
    for address in ("10.10.9.1/32", "10.10.8.1/32"):
        b.run("ip", "addr", "add", address, "dev", "lo")
    options = cisco(lab, b, local="10.10.2.0/24", further="10.10.9.0/24", pool=SPLIT, data_plane=data_plane)
    ours = lab.ours(b, options)
    told = connect(lab, a, ours).told("connect")
    assert told["CISCO_SPLIT_INC"] == "3"
    assert ours.control.child()["local-ts"] == ["10.10.2.0/24", "10.10.9.0/24"]
    at_work = as_virtual(a, "10.99.0.10")
    for there, reached in (("10.10.2.1", True), ("10.10.8.1", False), ("10.10.9.1", True)):
        assert answered(replace(at_work, remote_host=there)) is reached
        assert answered(replace(b, host=there, remote_host="10.99.0.10")) is reached
    first = ours.control.child()["uniqueid"]
    ours.control.rekey(child="net")
    # once vpnc has sent message 2 it drops what comes by the older pair
    ours.wait_for(lambda: answered(replace(at_work, remote_host="10.10.2.1")), "an answer")
    await_another_pair(ours, first)
    for there in ("10.10.2.1", "10.10.9.1"):
        ping(replace(at_work, remote_host=there))


def await_another_pair(ours: OurGateway, number: str) -> None:
    """Wait until the only pair that sends is another one than that with this number."""
    ours.wait_for(lambda: ours.control.child()["uniqueid"] != number, "another pair")


def connect(lab: Lab, node: Node, ours: OurGateway, options: VpncOptions | None = None) -> Vpnc:
    """Start vpnc, and wait until its pair carries traffic at our end as well."""
    before = {child["uniqueid"] for child in ours.control.children()}
    vpnc = lab.vpnc(node, options or VpncOptions())
    ours.wait_for(lambda: {child["uniqueid"] for child in ours.control.children()} - before, "its pair")
    return vpnc
