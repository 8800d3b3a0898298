"""Checks that the mode, protocol and sequence numbers of a tunnel fit together."""

from __future__ import annotations

from ikev1.config.findings import Findings, Rule
from ikev1.core.negotiation.ipsec_suite import is_ah, kernel_only
from ikev1.core.peer.connection_lookup import protected_selectors
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.settings import Connection, NatTraversal, Tunnel, WhenDown


def check_protection(connection: Connection, tunnel: Tunnel, path: str, findings: Findings) -> None:
    """Report contradictions in ``tunnel``, whose table is ``path``."""
    if tunnel.mode is IpsecMode.TRANSPORT and not (tunnel.local.dynamic and tunnel.remote.dynamic):
        findings.error(
            f"{path}.mode",
            Rule.TRANSPORT_OF_NETWORKS,
            "'transport' protects only traffic between the two peers themselves: remove local and remote, or restrict "
            'them to a protocol and port, such as "dynamic[udp/1701]"',
        )
    if tunnel.when_down is WhenDown.DROP and protected_selectors(connection, tunnel) is None:
        findings.warn(
            f"{path}.when_down",
            Rule.DROP_OF_UNKNOWN_TRAFFIC,
            "'drop' has no effect while the tunnel is down, because its addresses are not known then: set "
            "local_address and remote_address of the connection to single addresses (for a port in transport mode, "
            "local_address is enough), or set local and remote of the tunnel",
        )
    if tunnel.replay_window == 0 and any(proposal.suite.esn for proposal in tunnel.proposals):
        findings.error(
            f"{path}.replay_window",
            Rule.ESN_WITHOUT_WINDOW,
            "is 0, but a proposal has extended sequence numbers (esn), whose upper half is derived from the window "
            "(RFC 4303 §3.4.3): set it to 32 or more packets, or remove esn",
        )
    if connection.nat_traversal is NatTraversal.FORCE and is_ah(tunnel.proposals[0].suite):
        findings.error(
            f"{path}.ah_proposals",
            Rule.AH_IN_UDP,
            f"AH cannot be encapsulated in UDP, which nat_traversal of connection.{connection.name} requires: use ESP, "
            "for example null-sha256",
        )


def check_userspace(tunnel: Tunnel, path: str, findings: Findings) -> None:
    """Refuse features of ``tunnel`` that only the kernel's data plane supports."""
    missing = kernel_only((proposal.suite for proposal in tunnel.proposals), tunnel.compress, tunnel.marks)
    if missing:
        findings.error(
            path,
            Rule.NEEDS_KERNEL,
            f'requires {missing}, which only the kernel supports: with data_plane = "userspace" it cannot carry '
            "traffic",
        )
