"""The proposal check and dead peer detection."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.of_configuration.subject import Subject, key_of
from ikev1.audit.topics import topic
from ikev1.core.records.settings import ProposalCheck


def obedience(subject: Subject) -> Iterator[Finding]:
    """Connections that accept any lifetime and shorter keys."""
    for connection in subject.settings.connections:
        policies = (policy.check for policy in connection.policies)
        if ProposalCheck.OBEY in (*policies, *(tunnel.check for tunnel in connection.tunnels)):
            yield topic("obey").finding(
                Severity.MEDIUM,
                f"connection {connection.name} accepts the lifetimes and key lengths that its peer proposes",
                subject.evidence(f"{key_of(connection)}.proposal_check", ProposalCheck.OBEY.value),
            )


def dead_peer_detection(subject: Subject) -> Iterator[Finding]:
    """Connections without dead peer detection: the gateway then only responds to requests."""
    for connection in subject.settings.connections:
        if not connection.dpd_delay:
            yield topic("no-dpd").finding(
                Severity.INFO,
                f"connection {connection.name} responds to DPD requests, but sends none",
                subject.evidence(f"{key_of(connection)}.dpd_delay", "0"),
                remedy="Set dpd_delay, or leave it out. Without it, a dead peer is detected at the next rekeying.",
            )
