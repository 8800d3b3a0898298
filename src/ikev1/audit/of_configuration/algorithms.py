"""Weak algorithms that connections and tunnels allow."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.audit.algorithms import (
    ESP_CIPHERS,
    GROUPS,
    IKE_CIPHERS,
    IKE_HASHES,
    INTEGRITY,
    Judgement,
    group_in_quick_mode,
)
from ikev1.audit.finding import Evidence, Finding, Severity
from ikev1.audit.of_configuration.subject import Subject, key_of
from ikev1.audit.topics import topic
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.settings import IpsecProposal
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.registry import (
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    IntegrityAlgorithm,
    OpenEnum,
    ProtocolId,
)


def phase1(subject: Subject) -> Iterator[Finding]:
    """Weak algorithms in policies: one finding per algorithm, with all keys that allow it."""
    uses = [
        (name, judgement, subject.place(subject.policy_key(connection, policy, "proposals"), name))
        for connection in subject.settings.connections
        for policy in connection.policies
        for name, judgement in _weak_phase1(policy.suite)
    ]
    yield from _once_each("phase 1", uses)


def phase2(subject: Subject) -> Iterator[Finding]:
    """Weak algorithms in tunnel proposals: one finding per algorithm, with all keys that allow it."""
    uses = [
        (name, judgement, subject.place(f"{key_of(connection, tunnel)}.{_key(proposal)}", name))
        for connection, tunnel in subject.tunnels()
        for proposal in tunnel.proposals
        for name, judgement in _weak_phase2(proposal)
    ]
    yield from _once_each("phase 2", uses)


def _key(proposal: IpsecProposal) -> str:
    return "ah_proposals" if proposal.suite.protocol == ProtocolId.AH else "proposals"


def _once_each(phase: str, uses: list[tuple[str, Judgement, Evidence]]) -> Iterator[Finding]:
    for name, judgement in dict.fromkeys((name, judgement) for name, judgement, _ in uses):
        evidence = dict.fromkeys(evidence for other, _, evidence in uses if other == name)
        yield judgement.topic.finding(judgement.severity, f"{phase} allows {name}: {judgement.reason}", *evidence)


def _listed(names: type[OpenEnum], number: int, judgements: dict[int, Judgement]) -> Iterator[tuple[str, Judgement]]:
    if number in judgements:
        yield registered_name(names, number), judgements[number]


def _weak_phase1(suite: Phase1Suite) -> Iterator[tuple[str, Judgement]]:
    yield from _listed(Encryption, suite.encryption, IKE_CIPHERS)
    yield from _listed(HashAlgorithm, suite.hash, IKE_HASHES)
    yield from _listed(Group, suite.group, GROUPS)


def _weak_phase2(proposal: IpsecProposal) -> Iterator[tuple[str, Judgement]]:
    suite = proposal.suite
    if suite.protocol == ProtocolId.AH:
        reason = "AH protects the integrity of packets, but does not encrypt them"
        yield "AH", Judgement(topic("null-encryption"), Severity.MEDIUM, reason)
    else:
        yield from _listed(EspTransform, suite.encryption, ESP_CIPHERS)
    yield from _listed(IntegrityAlgorithm, suite.integrity, INTEGRITY)
    if proposal.group in GROUPS:
        name = f"{registered_name(Group, proposal.group)} for perfect forward secrecy"
        yield name, group_in_quick_mode(GROUPS[proposal.group])
