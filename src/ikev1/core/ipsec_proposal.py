"""Phase 2 proposals: which ESP suite, lifetime and group a Quick Mode agrees upon (RFC 2407 §4.4.4, §4.5)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ikev1.core.events import Code
from ikev1.core.life import PHASE_2, Life, life_attributes, number_of, offered_life
from ikev1.core.model import IpsecSuite
from ikev1.core.private_use import PRIVATE_IN_PHASE_2, private_use
from ikev1.core.proposal import check_situation, same_transform
from ikev1.core.proposal_check import agreed_life, allows_group, allows_key, life_differences
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.settings import IpsecProposal, Tunnel
from ikev1.crypto.algorithms import esp_cipher, registered_name
from ikev1.crypto.suites import esp_name
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import (
    DOI,
    EncapsulationMode,
    EspTransform,
    NotifyType,
    Phase2Attribute,
    ProtocolId,
    Situation,
)

__all__ = ["Agreed", "accept", "as_before", "choose", "offer"]

_VARIABLE_KEY = frozenset(
    {
        EspTransform.AES_CBC,
        EspTransform.AES_CTR,
        EspTransform.AES_GCM_8,
        EspTransform.AES_GCM_12,
        EspTransform.AES_GCM_16,
        EspTransform.CAMELLIA,
    }
)


_KNOWN = frozenset(
    {
        *PHASE_2,
        Phase2Attribute.GROUP_DESCRIPTION,
        Phase2Attribute.ENCAPSULATION_MODE,
        Phase2Attribute.AUTHENTICATION_ALGORITHM,
        Phase2Attribute.KEY_LENGTH,
    }
)


class Agreed(NamedTuple):
    """What a Quick Mode agreed upon; ``spi`` is the peer's, for what we send."""

    suite: IpsecSuite
    group: int
    life: Life
    spi: int
    shortened: bool  # the life is less than was offered
    ignored: tuple[int, ...]  # the attributes for private use in the offer


class _Offered(NamedTuple):
    proposal: IpsecProposal
    mode: int
    life: Life
    ignored: tuple[int, ...]
    unknown: tuple[int, ...]


# Peers offer the same transforms again and again: what they say is worked out once.
_remembered = lru_cache(maxsize=64)


def offer(tunnel: Tunnel, spi: int, mode: EncapsulationMode) -> SecurityAssociation:
    """The SA payload that offers the proposals of ``tunnel``, each with the inbound SPI ``spi``.

    "If a KE payload is sent, the attribute describing the Diffie-Hellman group MUST be included in every transform of
    every proposal" (RFC 2409 §5.5): only proposals with the group of the preferred one are offered.
    """
    group = tunnel.proposals[0].group
    offered = [proposal for proposal in tunnel.proposals if proposal.group == group]
    proposals = tuple(
        Proposal(number, ProtocolId.ESP, spi.to_bytes(4), (_transform(proposal, tunnel, mode),))
        for number, proposal in enumerate(offered, 1)
    )
    return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, proposals)


def as_before(tunnel: Tunnel, suite: IpsecSuite, group: int) -> Tunnel:
    """``tunnel`` with what an earlier pair has as the preferred proposal, if a caller may still ask for that.

    A caller that got more than we ask for would refuse less when we are the one who replaces its pair.
    """
    earlier = IpsecProposal(suite, group)
    if earlier in tunnel.proposals or not any(_allows(tunnel, wanted, earlier) for wanted in tunnel.proposals):
        return tunnel
    return replace(tunnel, proposals=(earlier, *tunnel.proposals))


def _transform(proposal: IpsecProposal, tunnel: Tunnel, mode: EncapsulationMode) -> Transform:
    suite = proposal.suite
    attributes = [
        *life_attributes(PHASE_2, Life(tunnel.lifetime, tunnel.lifetime_kilobytes)),
        Attribute(Phase2Attribute.ENCAPSULATION_MODE, mode),
    ]
    if suite.key_length:
        attributes.append(Attribute(Phase2Attribute.KEY_LENGTH, suite.key_length))
    if suite.integrity:
        attributes.append(Attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM, suite.integrity))
    if proposal.group:
        attributes.append(Attribute(Phase2Attribute.GROUP_DESCRIPTION, proposal.group))
    return Transform(1, suite.encryption, tuple(attributes))


def choose(
    tunnel: Tunnel, offered: SecurityAssociation, mode: EncapsulationMode, spi: int
) -> tuple[Agreed, SecurityAssociation]:
    """The first of the tunnel's proposals that the offer meets, and the SA payload that answers it.

    The answer is the transform "as offered" (RFC 2409 §5) under our inbound SPI ``spi``. Where several transforms meet
    the proposal, the one that equals it is taken before those with longer keys.

    Raises:
        Refusal: it meets none; the text names what was missing of the nearest miss.
    """
    check_situation(offered)
    choices = [
        (proposal, transform, _decode(transform))
        for proposal in _single(offered.proposals)
        for transform in proposal.transforms
    ]
    misses: list[tuple[int, str]] = []
    for wanted in tunnel.proposals:
        fitting = []
        for choice in choices:
            differences = _differences(tunnel, wanted, mode, choice[2])
            if not differences:
                fitting.append(choice)
            else:
                misses.append((len(differences), f"{_name(wanted)} wants " + " and ".join(differences)))
        if fitting:
            equal = [choice for choice in fitting if choice[2].proposal == wanted]
            proposal, transform, found = (equal or fitting)[0]
            answer = Proposal(proposal.number, ProtocolId.ESP, spi.to_bytes(4), (transform,))
            return _agreed(proposal, found, tunnel), SecurityAssociation(offered.doi, offered.situation, (answer,))
    nearest = min(misses, key=lambda miss: miss[0])[1] if misses else "nothing in it is a single ESP SA"
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        f"no proposal of tunnel {tunnel.name!r} fits the offer; nearest miss: {nearest}",
        notify=NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _single(proposals: tuple[Proposal, ...]) -> Iterable[Proposal]:
    """The proposals that ask for ESP alone: those that share a number ask for all of them at once (RFC 2408 §4.2)."""
    numbers = [proposal.number for proposal in proposals]
    for proposal in proposals:
        if _is_esp(proposal) and numbers.count(proposal.number) == 1:
            yield proposal


@_remembered
def _is_esp(proposal: Proposal) -> bool:
    """Whether ``proposal`` is for ESP under a usable SPI: RFC 4303 §2.1 reserves those up to 255."""
    return proposal.protocol == ProtocolId.ESP and len(proposal.spi) == 4 and int.from_bytes(proposal.spi) > 255


@_remembered
def _decode(transform: Transform) -> _Offered:
    attributes = transform.attributes
    values = {attribute.type: number_of(attribute) for attribute in attributes}
    key_length = values.get(Phase2Attribute.KEY_LENGTH, 128) if transform.id in _VARIABLE_KEY else 0
    suite = IpsecSuite(transform.id, key_length, values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM, 0))
    return _Offered(
        IpsecProposal(suite, values.get(Phase2Attribute.GROUP_DESCRIPTION, 0)),
        values.get(Phase2Attribute.ENCAPSULATION_MODE, 0),
        offered_life(attributes, PHASE_2),
        private_use(attributes, PRIVATE_IN_PHASE_2),
        tuple(kind for kind in values if kind not in _KNOWN and kind < PRIVATE_IN_PHASE_2),
    )


def _differences(tunnel: Tunnel, wanted: IpsecProposal, mode: int, found: _Offered) -> list[str]:
    differences = []
    if not _allows_suite(tunnel, wanted.suite, found.proposal.suite):
        differences.append(f"it, offered was {_name(found.proposal)}")
    if not allows_group(tunnel.check, wanted.group, found.proposal.group):
        differences.append(f"{_pfs(wanted.group)}, offered was {_pfs(found.proposal.group)}")
    if mode != found.mode:
        differences.append(f"{_mode(mode)}, offered was {_mode(found.mode)}")
    # RFC 2407 §4.5.3: "a defined IPSEC DOI attribute [...] which it does not support": the setup "MUST be aborted"
    unknown = [f"no attribute {Phase2Attribute(kind).name}" for kind in found.unknown]
    return differences + life_differences(tunnel, found.life) + unknown


def _allows(tunnel: Tunnel, wanted: IpsecProposal, found: IpsecProposal) -> bool:
    return _allows_suite(tunnel, wanted.suite, found.suite) and allows_group(tunnel.check, wanted.group, found.group)


def _allows_suite(tunnel: Tunnel, wanted: IpsecSuite, found: IpsecSuite) -> bool:
    if wanted == found:
        return True
    same = (wanted.encryption, wanted.integrity) == (found.encryption, found.integrity)
    return same and allows_key(tunnel.check, wanted.key_length, esp_cipher(found.encryption, found.key_length))


def _agreed(proposal: Proposal, found: _Offered, tunnel: Tunnel) -> Agreed:
    suite, group = found.proposal.suite, found.proposal.group
    life = agreed_life(tunnel, found.life)
    return Agreed(suite, group, life, int.from_bytes(proposal.spi), life != found.life, found.ignored)


def accept(tunnel: Tunnel, offered: SecurityAssociation, answer: SecurityAssociation) -> Agreed:
    """What the responder's ``answer`` chose of what we ``offered``.

    Raises:
        Refusal: it is not one of the transforms that we offered, or has no SPI of its own.
    """
    check_situation(answer)
    if len(answer.proposals) == 1 and len(answer.proposals[0].transforms) == 1:
        (chosen,) = answer.proposals
        (transform,) = chosen.transforms
        if _is_esp(chosen) and any(same_transform(proposal.transforms[0], transform) for proposal in offered.proposals):
            return _agreed(chosen, _decode(transform), tunnel)
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        "the peer answered with something that was not offered",
        notify=NotifyType.BAD_PROPOSAL_SYNTAX,
        ends=True,
    )


def _name(proposal: IpsecProposal) -> str:
    suite = proposal.suite
    return esp_name(suite.encryption, suite.key_length, suite.integrity)


def _pfs(group: int) -> str:
    return f"perfect forward secrecy with group {group}" if group else "no perfect forward secrecy"


def _mode(mode: int) -> str:
    return f"mode {registered_name(EncapsulationMode, mode)}"
