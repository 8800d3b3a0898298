"""Payload bodies, field by field, by the plan of each."""

from __future__ import annotations

from typing import Any

from ikev1.wire.describe import describe_payload
from ikev1.wire.dissect.attributes import CONFIG, attribute_fields, vocabulary_of
from ikev1.wire.dissect.chains import Body, chain_fields, reserved_field
from ikev1.wire.dissect.meanings import MEANINGS, OctetMeaning
from ikev1.wire.dissect.plan import Part, plan_of
from ikev1.wire.dissect.tree import DissectedField, rest
from ikev1.wire.dissect.values import Known
from ikev1.wire.errors import WireError
from ikev1.wire.layout import DataAttributes, Remaining, Sized
from ikev1.wire.payloads import (
    CLASSES,
    Encrypted,
    Identification,
    Notification,
    Proposal,
    Transform,
    Unknown,
    parse_body,
)
from ikev1.wire.payloads.notification import MAX_SPIS, SpiList
from ikev1.wire.payloads.security_association import SubPayloads
from ikev1.wire.registry import IdType, NotifyType, PayloadType
from ikev1.wire.words import address, spi_words, transform_words
from ikev1.wire.words import octets as octet_count

__all__ = ["read_payload"]

PayloadClass = type[tuple[Any, ...]]

INSIDE_SA: dict[int, PayloadClass] = {PayloadType.PROPOSAL: Proposal, PayloadType.TRANSFORM: Transform}
NETWORK, RANGE = ("Network", "Mask"), ("First Address", "Last Address")
HALVES: dict[int, tuple[str, str]] = {
    IdType.IPV4_ADDR_SUBNET: NETWORK,
    IdType.IPV6_ADDR_SUBNET: NETWORK,
    IdType.IPV4_ADDR_RANGE: RANGE,
    IdType.IPV6_ADDR_RANGE: RANGE,
}


def read_payload(octets: bytes, kind: int, start: int, end: int, hidden: bool) -> Body:
    """The body of a payload of type ``kind`` in a message; ``hidden`` if it is encrypted on its own."""
    if hidden:
        return Body(f"{octet_count(octets[start:end])}, encrypted", _fields(Encrypted, octets, start, end, {}))
    if kind in INSIDE_SA:
        return Body("out of place", rest(start, end))
    try:
        value = _without_name(describe_payload(parse_body(kind, octets[start:end])))
    except WireError:
        value = "malformed"
    return Body(value, _fields(CLASSES.get(kind, Unknown), octets, start, end, {}))


def _without_name(description: str) -> str:
    """What stands in the brackets of ``KE(256 octets)``: a field's name is told before its value already."""
    return description.partition("(")[2].removesuffix(")")


def _fields(payload: PayloadClass, octets: bytes, start: int, end: int, around: Known) -> list[DissectedField]:
    """The fields of a body, and at the end what could not be understood of it."""
    plan = plan_of(payload)
    if end - start < plan.head:
        return rest(start, end)
    fields: list[DissectedField] = []
    known = dict(around)
    numbers: dict[str, list[int]] = {}
    for part in plan.parts:
        meanings = MEANINGS[payload][part.name].numbers
        position = start
        for place, meaning in zip(part.numbers, meanings, strict=True):
            position = start + place.offset
            known[part.name] = number = int.from_bytes(octets[position : position + place.size], "big")
            numbers.setdefault(part.name, []).append(number)
            fields.append(
                DissectedField(meaning.name, meaning.words(number, known), position, place.size, meaning.about)
            )
            position += place.size
        if part.reserved:
            fields.append(reserved_field(octets, position, part.reserved))
    position = start + plan.head
    for part in plan.parts:
        more = _after_head(payload, part, numbers.get(part.name, []), octets, position, end, known)
        if more:
            fields += more
            position = more[-1].offset + more[-1].length
    return fields + rest(position, end)


def _after_head(
    payload: PayloadClass, part: Part, numbers: list[int], octets: bytes, position: int, end: int, known: Known
) -> list[DissectedField]:
    """The fields that a declared field has after the head: none if it has none, or none that are whole."""
    meaning = MEANINGS[payload][part.name].octets
    match part.kind:
        case SubPayloads() as kind:
            return _sub_payloads(kind, octets, position, end, known)
        case DataAttributes():
            vocabulary = vocabulary_of(known["protocol"]) if payload is Transform else CONFIG
            return attribute_fields(octets, position, end, vocabulary)
        case SpiList():
            size, count = numbers
            return _spis(meaning, octets, position, end, size, count, known)
        case Sized():
            return _octets(meaning, octets, position, min(position + numbers[0], end), known)
        case Remaining():
            fields = _octets(meaning, octets, position, end, known)
            return [_with_parts(payload, field, octets, known) for field in fields]
        case _:
            return []


def _octets(meaning: OctetMeaning | None, octets: bytes, start: int, end: int, known: Known) -> list[DissectedField]:
    assert meaning is not None
    if start == end:
        return []
    return [DissectedField(meaning.name, meaning.words(octets[start:end], known), start, end - start, meaning.about)]


def _spis(
    meaning: OctetMeaning | None, octets: bytes, position: int, end: int, size: int, count: int, known: Known
) -> list[DissectedField]:
    if not size:
        return []
    places = range(position, end - size + 1, size)[: min(count, MAX_SPIS)]
    return [field for start in places for field in _octets(meaning, octets, start, start + size, known)]


def _with_parts(payload: PayloadClass, field: DissectedField, octets: bytes, known: Known) -> DissectedField:
    """``field`` with the parts that some octets have by what stands in the head."""
    start, end = field.offset, field.offset + field.length
    if payload is Notification and known["type"] == NotifyType.RESPONDER_LIFETIME:
        lifetimes = attribute_fields(octets, start, end, vocabulary_of(known["protocol"]))
        return field._replace(fields=tuple(lifetimes + rest(_end_of(lifetimes, start), end))) if lifetimes else field
    if payload is Identification and known["id_type"] in HALVES and field.length in (8, 32):
        middle = start + field.length // 2
        first, second = HALVES[known["id_type"]]
        return field._replace(
            fields=(
                DissectedField(first, address(octets[start:middle]), start, middle - start),
                DissectedField(second, address(octets[middle:end]), middle, end - middle),
            )
        )
    return field


def _end_of(fields: list[DissectedField], start: int) -> int:
    return fields[-1].offset + fields[-1].length if fields else start


def _sub_payloads(kind: SubPayloads, octets: bytes, position: int, end: int, known: Known) -> list[DissectedField]:
    """Proposals of an SA, or transforms of a proposal, whose protocol gives the transforms' numbers their meaning."""
    payload = INSIDE_SA[kind.payload_type]

    def read_body(number: int, start: int, stop: int) -> Body:
        if number != kind.payload_type:
            return Body("out of place", rest(start, stop))
        try:
            value = _sub_payload_words(kind.layout.parse(octets[start:stop]), known)
        except WireError:
            value = "malformed"
        return Body(value, _fields(payload, octets, start, stop, known))

    fields, _, _ = chain_fields(octets, position, end, kind.payload_type, kind.most, read_body)
    return fields


def _sub_payload_words(payload: Proposal | Transform, known: Known) -> str:
    if isinstance(payload, Transform):
        return transform_words(known["protocol"], payload)
    protocol = spi_words(payload.protocol, payload.spi)
    return f"{protocol}, {len(payload.transforms)} transform{'s' if len(payload.transforms) != 1 else ''}"
