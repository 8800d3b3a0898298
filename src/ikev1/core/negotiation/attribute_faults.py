"""Attributes of a transform that contradict one another, in both phases."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ikev1.core.negotiation.lifetime_attributes import number_of
from ikev1.wire.attributes import Attribute


def contradictions(attributes: Sequence[Attribute], repeated: Collection[int], private: int) -> list[int]:
    """The types of attributes that occur with different values, but for those that may be ``repeated``, and those from
    ``private`` on, which are ignored.

    An implementation "MUST correctly parse an attribute list that contains multiple instances of the same attribute
    class, so long as the different attribute entries do not conflict with one another" (RFC 2407 §4.5.3).
    """
    first: dict[int, int] = {}
    found = []
    for attribute in attributes:
        kind, number = attribute.type, number_of(attribute)
        if kind < private and first.setdefault(kind, number) != number and kind not in repeated:
            found.append(kind)
    return found
