"""How long an SA lives, as attributes of both phases say it: seconds, kilobytes, or both (RFC 2407 §4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.core.records.events import Code
from ikev1.core.records.model import Life
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.registry import LifeType, NotifyType, Phase1Attribute, Phase2Attribute

PHASE_1 = (Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)
PHASE_2 = (Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION)
"""The two attributes that state a lifetime: its type, and behind it the duration."""

_DEFAULT = 28_800  # seconds; RFC 2407 §4.5: "If unspecified, the default value shall be assumed to be 28800 seconds"
_LARGEST = 0xFFFFFFFF  # what four octets hold


def life_attributes(names: tuple[int, int], life: Life) -> Iterator[Attribute]:
    """The attributes that state ``life`` under ``names``; a limit of 0 is left out."""
    life_type, life_duration = names
    for kind, amount in ((LifeType.SECONDS, life.seconds), (LifeType.KILOBYTES, life.kilobytes)):
        if amount:
            yield Attribute(life_type, kind)
            yield Attribute.of_number(life_duration, amount)


def stated_life(attributes: Iterable[Attribute], names: tuple[int, int]) -> Life:
    """The lifetime that ``attributes`` state; each duration counts in the type before it.

    Raises:
        Refusal: a duration without a type.
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
                    Code.MALFORMED, "a life duration without its type", notify=NotifyType.ATTRIBUTES_NOT_SUPPORTED
                )
            amounts[kind] = number_of(attribute)
    return Life(amounts.get(LifeType.SECONDS, 0), amounts.get(LifeType.KILOBYTES, 0))


def offered_life(attributes: Iterable[Attribute], names: tuple[int, int]) -> Life:
    """The lifetime that a transform with ``attributes`` offers, which always has an end.

    0 seconds are taken for none given: no SA can be meant to end as it begins.

    Raises:
        Refusal: a duration without a type.
    """
    stated = stated_life(attributes, names)
    return stated if stated.seconds else Life(_DEFAULT, stated.kilobytes)


def shorter(one: Life, other: Life) -> Life:
    """The limits that hold where both are to be kept."""
    return Life(*(min(pair) or max(pair) for pair in zip(one, other, strict=True)))


def number_of(attribute: Attribute) -> int:
    """The value of ``attribute`` as a number; one that four octets do not hold counts as the largest that they do.

    A peer may write a number in thousands of octets, and what it writes is printed and stored.
    """
    value = attribute.value
    return value if isinstance(value, int) else min(int.from_bytes(value), _LARGEST)
