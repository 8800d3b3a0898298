"""What protects the packets of a tunnel: whether its mode, protocol and sequence numbers go together."""

from __future__ import annotations

from ikev1.config.findings import Findings
from ikev1.core.negotiation.ipsec_suite import is_ah
from ikev1.core.negotiation.userspace_limits import kernel_only
from ikev1.core.peer.connection_lookup import known_selectors
from ikev1.core.records.model import IpsecMode
from ikev1.core.records.settings import Connection, Tunnel, WhenDown


def check_protection(connection: Connection, tunnel: Tunnel, path: str, findings: Findings) -> None:
    """Report what in ``tunnel``, which stands at ``path``, does not go together."""
    if tunnel.mode is IpsecMode.TRANSPORT and not (tunnel.local.dynamic and tunnel.remote.dynamic):
        findings.error(
            f"{path}.mode",
            "'transport' protects what the two peers themselves say to one another, not networks: leave local and "
            'remote out, or narrow them to a protocol and port, such as "dynamic[udp/1701]"',
        )
    if tunnel.when_down is WhenDown.DROP and known_selectors(connection, tunnel) is None:
        findings.warn(
            f"{path}.when_down",
            "is 'drop', but which traffic that is will be known only while the tunnel is up: name local_address and "
            "remote_address of the connection as single addresses, or local and remote of the tunnel",
        )
    if tunnel.replay_window == 0 and any(proposal.suite.esn for proposal in tunnel.proposals):
        findings.error(
            f"{path}.replay_window",
            "is 0, but a proposal asks for extended sequence numbers (esn), half of which only the window tells "
            "(RFC 4303 §3.4.3): 32 or more packets, or no esn",
        )
    if connection.encapsulation and is_ah(tunnel.proposals[0].suite):
        findings.error(
            f"{path}.ah_proposals",
            f"AH cannot go in UDP, as connection.{connection.name}.encapsulation asks: ESP can, null-sha256 too",
        )


def check_userspace(tunnel: Tunnel, path: str, findings: Findings) -> None:
    """Warn of what ``tunnel`` asks for that only a kernel has."""
    suites = [proposal.suite for proposal in tunnel.proposals]
    esn = any(suite.esn for suite in suites)
    missing = kernel_only(tunnel.mode, suites[0].protocol, esn, tunnel.compress, tunnel.marks)
    if missing:
        findings.warn(
            path, f'asks for {missing}, which takes the kernel: with data_plane = "userspace" it will carry nothing'
        )
