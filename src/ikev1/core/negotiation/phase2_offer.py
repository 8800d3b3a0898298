"""The choices in an offer: ESP or AH, alone or with IPComp (RFC 2408 §4.2, RFC 3173 §4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.core.negotiation.ipcomp import Compressed, compressed
from ikev1.core.negotiation.lifetime_attributes import PHASE_2, without_life
from ikev1.core.negotiation.phase1_proposal import same_transform
from ikev1.core.negotiation.phase2_transform import Offered, decode
from ikev1.core.records.spi import is_usable
from ikev1.wire.payloads import Proposal, Transform
from ikev1.wire.registry import Phase2Attribute, ProtocolId

_SECURING = frozenset({ProtocolId.ESP, ProtocolId.AH})


class Choice(NamedTuple):
    """One choice in a peer's offer: a transform of its ESP or AH proposal, and one of its IPComp proposal if there is
    one of the same number, since proposals of one number must be selected together (RFC 2408 §4.2).
    """

    proposal: Proposal
    transform: Transform
    found: Offered
    ipcomp: Proposal | None = None
    compressed: Compressed | None = None  # also None if no transform of ``ipcomp`` is usable


def choices(proposals: tuple[Proposal, ...]) -> Iterator[Choice]:
    """All choices in an offer that are ESP or AH, alone or with IPComp.

    Raises:
        Refusal: a life duration has no life type.
    """
    by_number: dict[int, list[Proposal]] = {}
    for proposal in proposals:
        by_number.setdefault(proposal.number, []).append(proposal)
    for together in by_number.values():
        securing, ipcomp = _parted(together)
        if securing is None:
            continue
        for transform in securing.transforms:
            found = decode(securing.protocol, transform)
            yield Choice(securing, transform, found, ipcomp, None if ipcomp is None else compressed(ipcomp, found))


def _parted(together: list[Proposal]) -> tuple[Proposal | None, Proposal | None]:
    """The ESP or AH proposal and the IPComp proposal among the proposals of one number. The first is None if the
    combination is not supported, the second if there is no IPComp.
    """
    if len(together) == 1:
        return (together[0] if _secures(together[0]) else None), None
    first, *others = sorted(together, key=_is_ipcomp)
    if len(others) != 1 or not _secures(first) or not _is_ipcomp(others[0]):
        return None, None
    return first, others[0]


def _is_ipcomp(proposal: Proposal) -> bool:
    return proposal.protocol == ProtocolId.IPCOMP


def _secures(proposal: Proposal) -> bool:
    """Whether ``proposal`` is for ESP or AH, with a usable SPI."""
    return proposal.protocol in _SECURING and len(proposal.spi) == 4 and is_usable(int.from_bytes(proposal.spi))


def only_choice(answered: tuple[Proposal, ...]) -> Choice | None:
    """The choice that an answer selected, None if it is not exactly one.

    strongSwan repeats a proposal that it selected with IPComp once more without IPComp.
    """
    if any(len(proposal.transforms) != 1 for proposal in answered):
        return None
    found = [*choices(answered)]
    if not found or len(answered) != sum(1 if choice.ipcomp is None else 2 for choice in found):
        return None
    first, *others = found
    repeated = first.proposal.spi, first.transform
    same = all(other.ipcomp is None and (other.proposal.spi, other.transform) == repeated for other in others)
    return first if not others or (first.ipcomp is not None and same) else None


def is_answer_to(ours: Choice, theirs: Choice) -> bool:
    """Whether ``theirs``, from an answer, selects ``ours``, from our offer; the SPIs and the lifetimes may differ."""
    same = ours.proposal.protocol == theirs.proposal.protocol and same_transform(
        without_life(ours.transform, PHASE_2), without_life(theirs.transform, PHASE_2)
    )
    if not same or ours.compressed is None or theirs.compressed is None:
        return same and ours.ipcomp is theirs.ipcomp
    # strongSwan's IPComp has no group; that of the transform beside it has been compared
    return same_transform(_without_group(ours.compressed.transform), _without_group(theirs.compressed.transform))


def _without_group(transform: Transform) -> Transform:
    kept = (each for each in transform.attributes if each.type != Phase2Attribute.GROUP_DESCRIPTION)
    return transform._replace(attributes=tuple(kept))
