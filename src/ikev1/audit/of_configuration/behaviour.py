"""How the gateway treats its peers: who decides, and who notices that the other is gone."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.of_configuration.subject import Subject, key_of
from ikev1.audit.topics import topic
from ikev1.core.records.settings import ProposalCheck


def obedience(subject: Subject) -> Iterator[Finding]:
    """Connections that take whatever a caller says."""
    for connection in subject.settings.connections:
        policies = (policy.check for policy in connection.policies)
        if ProposalCheck.OBEY in (*policies, *(tunnel.check for tunnel in connection.tunnels)):
            yield topic("obey").finding(
                Severity.MEDIUM,
                f"connection {connection.name} takes whatever lifetimes and key lengths its peer proposes",
                subject.evidence(f"{key_of(connection)}.proposal_check", ProposalCheck.OBEY.value),
            )


def dead_peer_detection(subject: Subject) -> Iterator[Finding]:
    """There is no setting for it: peers that ask are answered."""
    if subject.settings.connections:
        yield topic("no-dpd").finding(
            Severity.INFO,
            "this gateway answers a peer that asks whether it is alive, and does not ask itself",
            remedy="Switch dead peer detection on at the peers. Here a dead peer is noticed at the next rekeying, so "
            "keep the lifetimes of phase 2 short.",
        )
