"""Lifetimes, perfect forward secrecy and replay protection."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.limits import LONGEST_PHASE1, LONGEST_PHASE2, duration
from ikev1.audit.of_configuration.subject import Subject, key_of
from ikev1.audit.topics import topic


def phase1_lifetimes(subject: Subject) -> Iterator[Finding]:
    """Policies with a lifetime of more than a day."""
    for connection in subject.settings.connections:
        longest = [policy for policy in connection.policies if policy.lifetime > LONGEST_PHASE1]
        if longest:
            seconds = max(policy.lifetime for policy in longest)
            keys = dict.fromkeys(subject.policy_key(connection, policy, "lifetime") for policy in longest)
            yield topic("phase1-lifetime").finding(
                Severity.LOW,
                f"the ISAKMP SAs of connection {connection.name} have a lifetime of {duration(seconds)}",
                *(subject.place(key, f"up to {seconds} s") for key in keys),
            )


def phase2_lifetimes(subject: Subject) -> Iterator[Finding]:
    """Tunnels with a lifetime of more than eight hours."""
    for connection, tunnel in subject.tunnels():
        if tunnel.lifetime > LONGEST_PHASE2:
            yield topic("phase2-lifetime").finding(
                Severity.MEDIUM,
                f"tunnel {tunnel.name} of connection {connection.name} has a lifetime of {duration(tunnel.lifetime)}",
                subject.evidence(f"{key_of(connection, tunnel)}.lifetime", tunnel.lifetime),
            )


def forward_secrecy(subject: Subject) -> Iterator[Finding]:
    """Tunnels without perfect forward secrecy."""
    for connection, tunnel in subject.tunnels():
        if any(not proposal.group for proposal in tunnel.proposals):
            yield topic("no-pfs").finding(
                Severity.MEDIUM,
                f"tunnel {tunnel.name} of connection {connection.name} has no group for perfect forward secrecy",
                subject.evidence(f"{key_of(connection, tunnel)}.pfs"),
            )


def replays(subject: Subject) -> Iterator[Finding]:
    """Tunnels without replay protection."""
    for connection, tunnel in subject.tunnels():
        if tunnel.replay_window == 0:
            yield topic("anti-replay-off").finding(
                Severity.MEDIUM,
                f"tunnel {tunnel.name} of connection {connection.name} accepts replayed packets",
                subject.evidence(f"{key_of(connection, tunnel)}.replay_window", 0),
            )
