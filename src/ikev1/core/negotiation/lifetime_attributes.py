"""Lifetimes of SAs as attributes of both phases: seconds, kilobytes, or both (RFC 2407 §4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import Life
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import SecurityAssociation, Transform
from ikev1.wire.registry import LifeType, NotifyType, Phase1Attribute, Phase2Attribute, ProtocolId

PHASE_1 = (Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)
PHASE_2 = (Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION)
"""The two attributes that encode a lifetime: the life type, followed by the life duration."""

_DEFAULT = 28_800  # seconds; RFC 2407 §4.5: "If unspecified, the default value shall be assumed to be 28800 seconds"
_LARGEST = 0xFFFFFFFF  # the largest number in four octets


def life_attributes(names: tuple[int, int], life: Life) -> Iterator[Attribute]:
    """The attributes that encode ``life`` with the attribute types ``names``; a limit of 0 is omitted."""
    life_type, life_duration = names
    for kind, amount in ((LifeType.SECONDS, life.seconds), (LifeType.KILOBYTES, life.kilobytes)):
        if amount:
            yield Attribute(life_type, kind)
            yield Attribute.of_number(life_duration, amount)


def stated_life(attributes: Iterable[Attribute], names: tuple[int, int]) -> Life:
    """The lifetime that ``attributes`` specify; the unit of each life duration is the life type before it.

    Raises:
        Refusal: a life duration has no life type.
    """
    life_type, life_duration = names
    amounts: dict[int, int] = {}
    kind = 0
    for attribute in attributes:
        if attribute.type == life_type:
            kind = number_of(attribute)
        elif attribute.type == life_duration:
            if not kind:
                raise Refusal(
                    Code.MALFORMED, "life duration without life type", notify=NotifyType.ATTRIBUTES_NOT_SUPPORTED
                )
            amounts[kind] = number_of(attribute)
    return Life(amounts.get(LifeType.SECONDS, 0), amounts.get(LifeType.KILOBYTES, 0))


def without_life(transform: Transform, names: tuple[int, int]) -> Transform:
    """``transform`` without its lifetime."""
    return transform._replace(attributes=tuple([each for each in transform.attributes if each.type not in names]))


def note_changed_life(
    context: ExchangeContext,
    offered: SecurityAssociation,
    answer: SecurityAssociation,
    names: tuple[int, int],
    used: Life,
) -> None:
    """Report that the transform in the peer's ``answer`` has a lifetime that no transform in ``offered`` has (contrary
    to RFC 2409 §5). ``used`` is the lifetime that the SA gets.

    Raises:
        Refusal: a life duration has no life type.
    """
    theirs = next(_lives(answer, names))
    if theirs not in _lives(offered, names) and any(theirs):
        ours = next(_lives(offered, names))
        text = (
            f"the peer selected a transform with another lifetime: {_text(theirs)} instead of {_text(ours)}; using "
            f"{_text(used)}"
        )
        context.report(Note(Code.OTHER_LIFETIME, text, context.sa))


def _lives(payload: SecurityAssociation, names: tuple[int, int]) -> Iterator[Life]:
    for proposal in payload.proposals:
        if proposal.protocol != ProtocolId.IPCOMP:
            for transform in proposal.transforms:
                yield stated_life(transform.attributes, names)


def _text(life: Life) -> str:
    parts = [f"{amount} {unit}" for amount, unit in zip(life, ("s", "kB"), strict=True) if amount]
    return ", ".join(parts) or "none"


def offered_life(attributes: Iterable[Attribute], names: tuple[int, int]) -> Life:
    """The lifetime that a transform with ``attributes`` offers; its seconds are never 0.

    An offer of 0 seconds means the default, like no offer: no SA can expire when it is established.

    Raises:
        Refusal: a life duration has no life type.
    """
    stated = stated_life(attributes, names)
    return stated if stated.seconds else Life(_DEFAULT, stated.kilobytes)


def shorter(one: Life, other: Life) -> Life:
    """The shorter of two lifetimes, for each unit; 0 is no limit."""
    return Life(_least(one.seconds, other.seconds), _least(one.kilobytes, other.kilobytes))


def _least(one: int, other: int) -> int:
    return min(one, other) or one or other


def number_of(attribute: Attribute) -> int:
    """The value of ``attribute`` as a number, at most the largest number in four octets.

    A peer may encode a number in thousands of octets, and the number is logged and stored.
    """
    value = attribute.value
    return value if isinstance(value, int) else min(int.from_bytes(value), _LARGEST)
