"""Warns of what a data plane cannot do for a tunnel: packets that it drops, or that pass outside the tunnel."""

from __future__ import annotations

from ikev1.config.findings import Findings, Rule
from ikev1.config.options import GatewayOptions
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.child_sa import IpsecMode, PacketMarks
from ikev1.core.records.selector import DYNAMIC
from ikev1.core.records.settings import Connection, NatTraversal, Tunnel

_TCP = 6


def check_plane(connection: Connection, tunnel: Tunnel, path: str, findings: Findings) -> None:
    """Report packets of ``tunnel``, whose table is ``path``, that the data plane does not protect or drops."""
    local, remote = tunnel.local, tunnel.remote
    networks = tunnel.mode is IpsecMode.TUNNEL and not (local.dynamic and remote.dynamic)
    protocol = local.protocol or remote.protocol
    if networks and (local.port or remote.port) and protocol != _TCP:  # whose packets are seldom fragmented
        findings.warn(
            path,
            Rule.FRAGMENTS_OF_PORTS,
            "is restricted to a port, which only the first fragment of a packet shows (RFC 4301 §7): with "
            'data_plane = "userspace" the others are dropped, and the kernel forwards them in the clear, unless its '
            "connection tracking reassembles them first (nf_defrag_ipv4, nf_defrag_ipv6)",
        )
    if tunnel.marks != PacketMarks():  # which decide what it carries
        return
    if not local.dynamic and (local.first, local.last) == (remote.first, remote.last):
        findings.warn(
            path,
            Rule.SAME_NETWORK_AT_BOTH_ENDS,
            "has the same addresses at both ends: all packets between them are sent to the peer, also those from this "
            "host to its neighbours in the local network",
        )
    elif remote.has_all_addresses and _holds_own_address(connection, tunnel):
        findings.warn(
            path,
            Rule.ICMP_ERRORS_FROM_OUTSIDE,
            "protects all traffic of this host's own address: ICMP errors of routers on the way to the peer, which "
            "come in the clear, are dropped, so the MTU of the path is not discovered: set the MTU or the MSS by hand "
            "where the path takes less than the interface",
        )


def check_survival(options: GatewayOptions, connection: Connection, path: str, findings: Findings) -> None:
    """Report that ESP in UDP is interrupted while no gateway runs, if the configuration keeps IPsec SAs at a stop."""
    if options.state and connection.nat_traversal is NatTraversal.FORCE and options.data_plane != "userspace":
        findings.warn(
            f"{path}.nat_traversal",
            Rule.UDP_NEEDS_GATEWAY,
            "while no gateway runs, the kernel receives no ESP in UDP, because the socket of the gateway is closed: "
            "state preserves the IPsec SAs, but packets of the peer are lost until the next gateway has started",
        )


def _holds_own_address(connection: Connection, tunnel: Tunnel) -> bool:
    local = tunnel.local
    if local.dynamic:
        return True
    if not is_address(connection.local_address):
        return False
    own = DYNAMIC.at(connection.local_address).first
    return len(own) == len(local.first) and local.first <= own <= local.last
