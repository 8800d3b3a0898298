"""Data attributes (RFC 2408 §3.3), field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ikev1.wire.attributes import AF, MAX_ATTRIBUTES, Attribute
from ikev1.wire.dissect.attribute_types import CONFIG_ABOUT, PHASE1_ABOUT, PHASE2_ABOUT
from ikev1.wire.dissect.tree import DissectedField, bits, node
from ikev1.wire.dissect.values import duration
from ikev1.wire.registry import (
    PHASE1_VALUES,
    PHASE2_VALUES,
    ConfigAttribute,
    OpenEnum,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
)
from ikev1.wire.words import config_value, plain_value


class Vocabulary(NamedTuple):
    """The meaning of attributes: their names, the names of their values, the lifetime attributes, their purposes."""

    names: type[OpenEnum]
    values: Mapping[int, type[OpenEnum]]
    life_type: int | None
    life_duration: int | None
    about: Mapping[int, str]


PHASE1 = Vocabulary(
    Phase1Attribute, PHASE1_VALUES, Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION, PHASE1_ABOUT
)
PHASE2 = Vocabulary(
    Phase2Attribute, PHASE2_VALUES, Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION, PHASE2_ABOUT
)
ACRONYMS = frozenset(("SA", "PRF", "ECN", "ESN"))
CONFIG = Vocabulary(ConfigAttribute, {}, None, None, CONFIG_ABOUT)


def vocabulary_of(protocol: int) -> Vocabulary:
    """The vocabulary of attributes in a proposal of ``protocol``."""
    return PHASE1 if protocol == ProtocolId.ISAKMP else PHASE2


def attribute_fields(octets: bytes, position: int, end: int, vocabulary: Vocabulary) -> list[DissectedField]:
    """The attributes from ``position`` up to the first malformed one."""
    fields: list[DissectedField] = []
    unit: int | None = None  # "Life Duration [...] MUST always follow Life Type" (RFC 2409 Appendix A)
    while end - position >= 4 and len(fields) < MAX_ATTRIBUTES:
        kind = int.from_bytes(octets[position : position + 2], "big")
        number = int.from_bytes(octets[position + 2 : position + 4], "big")
        if kind & AF:
            attribute, stop = Attribute(kind ^ AF, number), position + 4
        else:
            stop = position + 4 + number
            if stop > end:
                break
            attribute = Attribute(kind, octets[position + 4 : stop])
        if attribute.type == vocabulary.life_type:
            unit = attribute.number
        fields.append(_attribute(attribute, position, stop, vocabulary, unit))
        position = stop
    return fields


def _attribute(
    attribute: Attribute, position: int, stop: int, vocabulary: Vocabulary, unit: int | None
) -> DissectedField:
    name = _name(attribute.type, vocabulary)
    value = _value(attribute, vocabulary, unit)
    about = vocabulary.about.get(attribute.type, "")
    fields = [_type(attribute, position, name)]
    if isinstance(attribute.value, bytes):
        size = DissectedField("Attribute Length", f"{len(attribute.value)} octets", position + 2, 2)
        fields.append(size)
        position += 2
    if stop > position + 2:
        fields.append(DissectedField("Attribute Value", value, position + 2, stop - position - 2, about))
    return node(name, value, fields, about)


def _name(type: int, vocabulary: Vocabulary) -> str:
    """The name as spelled in the RFC: "Life Duration", but INTERNAL_IP4_ADDRESS."""
    name = vocabulary.names(type).name
    if vocabulary is CONFIG:
        return name
    return " ".join([word if word in ACRONYMS else word.capitalize() for word in name.split("_")])


def _type(attribute: Attribute, position: int, name: str) -> DissectedField:
    short = isinstance(attribute.value, int)
    kind = f"{name} ({attribute.type})"
    form = "type and value (1)" if short else "type, length and value (0)"
    about = "1: a value of two octets follows at once; 0: its length comes first (RFC 2408 §3.3)."
    parts = [("Attribute Format", form, about), ("Attribute Type", kind, "What the value is of.")]
    return bits(DissectedField("Attribute Format and Type", kind, position, 2), parts)


def _value(attribute: Attribute, vocabulary: Vocabulary, unit: int | None) -> str:
    if vocabulary is CONFIG:
        return config_value(attribute)
    if attribute.type == vocabulary.life_duration:
        return duration(unit, attribute)
    names = vocabulary.values.get(attribute.type)
    if names is None or not 0 <= attribute.number <= 0xFFFF:
        return plain_value(attribute)
    return f"{names(attribute.number).name} ({attribute.number})"
