"""Weak algorithms: selected in phase 1 and phase 2, or only offered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ikev1.audit.algorithms import (
    ESP_CIPHERS,
    GROUPS,
    IKE_CIPHERS,
    IKE_HASHES,
    INTEGRITY,
    Judgement,
    group_in_quick_mode,
)
from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import Offer, ParsedConversation, ParsedMessage
from ikev1.audit.topics import topic
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.registry import (
    AhTransform,
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    IntegrityAlgorithm,
    OpenEnum,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
)

_NEED_NO_INTEGRITY = frozenset(
    {
        *(EspTransform.AES_CCM_8, EspTransform.AES_CCM_12, EspTransform.AES_CCM_16),
        *(EspTransform.AES_GCM_8, EspTransform.AES_GCM_12, EspTransform.AES_GCM_16),
        EspTransform.NULL_AUTH_AES_GMAC,
    }
)


class _Kind(NamedTuple):
    """One attribute of a phase 1 transform, with the names and the judgements of its values."""

    attribute: Phase1Attribute
    names: type[OpenEnum]
    judgements: Mapping[int, Judgement]


_PHASE_1 = (
    _Kind(Phase1Attribute.ENCRYPTION_ALGORITHM, Encryption, IKE_CIPHERS),
    _Kind(Phase1Attribute.HASH_ALGORITHM, HashAlgorithm, IKE_HASHES),
    _Kind(Phase1Attribute.GROUP_DESCRIPTION, Group, GROUPS),
)


def chosen_in_phase1(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Weak algorithms of an ISAKMP SA."""
    for conversation in conversations:
        if conversation.chosen is None:
            continue
        message, offer = conversation.chosen
        for name, judgement in _weak(offer):
            yield judgement.topic.finding(
                judgement.severity,
                f"the ISAKMP SA of {conversation.ends} uses {name}: {judgement.reason}",
                message.at(f"selected: {name}", offer.offset, offer.length),
                conversation=conversation.report.number,
            )


def offered_in_phase1(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Weak algorithms that an initiator offered and that were not selected."""
    for conversation in conversations:
        chosen = {name for name, _ in _weak(conversation.chosen[1])} if conversation.chosen else set()
        for message in conversation.labelled("MM1", "AM1"):
            offers = [(offer, name, judgement) for offer in message.offers() for name, judgement in _weak(offer)]
            others = [(offer, name) for offer, name, judgement in offers if name not in chosen and _matters(judgement)]
            if others:
                names = ", ".join(dict.fromkeys(name for _, name in others))
                yield topic("weak-offer").finding(
                    Severity.LOW,
                    f"{conversation.report.initiator.address} also offers {names}",
                    *(message.at(f"offered: {name}", offer.offset, offer.length) for offer, name in others),
                    conversation=conversation.report.number,
                )


def _weak(offer: Offer) -> Iterator[tuple[str, Judgement]]:
    """The weak algorithms of a phase 1 transform, with their judgements."""
    if offer.proposal.protocol != ProtocolId.ISAKMP:
        return
    for kind in _PHASE_1:
        number = offer.attribute(kind.attribute)
        if number is not None and number in kind.judgements:
            yield registered_name(kind.names, number), kind.judgements[number]


def _matters(judgement: Judgement) -> bool:
    return judgement.severity.rank < Severity.LOW.rank


def chosen_in_phase2(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Weak algorithms of IPsec SAs, if Quick Mode could be decrypted."""
    for conversation in conversations:
        for message in conversation.labelled("QM2"):
            offers = tuple(message.offers())
            for offer in offers:
                yield from _judge_phase2(
                    conversation, message, offer, frozenset(each.proposal.protocol for each in offers)
                )


def _judge_phase2(
    conversation: ParsedConversation, message: ParsedMessage, offer: Offer, together: frozenset[int]
) -> Iterator[Finding]:
    for name, judgement in _weak_in_phase2(offer, together):
        yield judgement.topic.finding(
            judgement.severity,
            f"{ProtocolId(offer.proposal.protocol).name} between {conversation.ends} uses {name}: {judgement.reason}",
            message.at(f"selected: {name}", offer.offset, offer.length),
            conversation=conversation.report.number,
        )


def _weak_in_phase2(offer: Offer, together: frozenset[int]) -> Iterator[tuple[str, Judgement]]:
    """The weak algorithms of a phase 2 transform. ``together`` are the protocols that protect the same packets: AH can
    supply the integrity that ESP lacks, and ESP the encryption ("protection suite", RFC 2408 §2.1).
    """
    protocol, transform = offer.proposal.protocol, offer.transform.id
    integrity = offer.attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM)
    if protocol == ProtocolId.ESP:
        if transform in ESP_CIPHERS:
            yield EspTransform(transform).name, ESP_CIPHERS[transform]
        if integrity is None and transform not in _NEED_NO_INTEGRITY and ProtocolId.AH not in together:
            reason = "modified packets are not detected"
            yield EspTransform(transform).name, Judgement(topic("no-integrity"), Severity.HIGH, reason)
    elif protocol == ProtocolId.AH and ProtocolId.ESP not in together:
        reason = "AH protects the integrity of packets, but does not encrypt them"
        yield AhTransform(transform).name, Judgement(topic("null-encryption"), Severity.MEDIUM, reason)
    if integrity in INTEGRITY:
        yield IntegrityAlgorithm(integrity).name, INTEGRITY[integrity]
    group = offer.attribute(Phase2Attribute.GROUP_DESCRIPTION)
    if group in GROUPS:
        yield f"{registered_name(Group, group)} for perfect forward secrecy", group_in_quick_mode(GROUPS[group])
