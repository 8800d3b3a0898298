"""Dissection of payload bodies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ikev1.wire.describe import describe_payload
from ikev1.wire.dissect.attributes import CONFIG, attribute_fields, vocabulary_of
from ikev1.wire.dissect.chains import Body, chain_fields, reserved_field
from ikev1.wire.dissect.meanings import MEANINGS, Meaning
from ikev1.wire.dissect.plan import Part, plan_of
from ikev1.wire.dissect.tree import DissectedField, end_of, rest
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
    """Dissect the body of a payload of type ``kind``; ``hidden`` if it is encrypted individually."""
    if hidden:
        return Body(f"{octet_count(octets[start:end])}, encrypted", _Reader(Encrypted, octets, start, end, {}).fields())
    if kind in INSIDE_SA:
        return Body("out of place", rest(start, end))
    try:
        value = _without_name(describe_payload(parse_body(kind, octets[start:end])))
    except WireError:
        value = "malformed"
    return Body(value, _Reader(CLASSES.get(kind, Unknown), octets, start, end, {}).fields())


def _without_name(description: str) -> str:
    """The text in the brackets of ``KE(256 octets)``, because the name of the field precedes it."""
    return description.partition("(")[2].removesuffix(")")


class _Reader:
    """Reads the fields of one body, ``octets[start:end]``, by the plan of its class.

    ``around`` are numbers that stand around it and give its own a meaning.
    """

    def __init__(self, payload: PayloadClass, octets: bytes, start: int, end: int, around: Known) -> None:
        self._payload = payload
        self._octets = octets
        self._start = start
        self._end = end
        self._known = dict(around)
        self._numbers: dict[str, list[int]] = {}

    def fields(self) -> list[DissectedField]:
        """The fields, followed by the unparsed octets."""
        plan = plan_of(self._payload)
        position = self._start + plan.head
        if position > self._end:
            return rest(self._start, self._end)
        fields = [field for part in plan.parts for field in self._in_head(part)]
        for part in plan.parts:
            more = self._after_head(part, position)
            fields += more
            position = end_of(more, position)
        return fields + rest(position, self._end)

    def _in_head(self, part: Part) -> Iterator[DissectedField]:
        position = self._start
        for place, meaning in zip(part.numbers, self._meaning(part).numbers, strict=True):
            position = self._start + place.offset
            number = int.from_bytes(self._octets[position : position + place.size], "big")
            self._known[part.name] = number
            self._numbers.setdefault(part.name, []).append(number)
            words = meaning.words(number, self._known)
            yield DissectedField(meaning.name, words, position, place.size, meaning.about)
            position += place.size
        if part.reserved:
            yield reserved_field(self._octets, position, part.reserved)

    def _meaning(self, part: Part) -> Meaning:
        return MEANINGS[self._payload][part.name]

    def _after_head(self, part: Part, position: int) -> list[DissectedField]:
        """The complete fields of a declared field after the head."""
        match part.kind:
            case SubPayloads() as kind:
                return self._sub_payloads(kind, position)
            case DataAttributes():
                vocabulary = vocabulary_of(self._known["protocol"]) if self._payload is Transform else CONFIG
                return attribute_fields(self._octets, position, self._end, vocabulary)
            case SpiList():
                return self._spis(part, position)
            case Sized():
                return self._plain(part, position, min(position + self._numbers[part.name][0], self._end))
            case Remaining():
                return [self._with_parts(field) for field in self._plain(part, position, self._end)]
            case _:
                return []

    def _plain(self, part: Part, start: int, end: int) -> list[DissectedField]:
        """A field of octets; none if there are no octets."""
        meaning = self._meaning(part).octets
        assert meaning is not None
        if start == end:
            return []
        words = meaning.words(self._octets[start:end], self._known)
        return [DissectedField(meaning.name, words, start, end - start, meaning.about)]

    def _spis(self, part: Part, position: int) -> list[DissectedField]:
        size, count = self._numbers[part.name]
        if not size:
            return []
        places = range(position, self._end - size + 1, size)[: min(count, MAX_SPIS)]
        return [field for start in places for field in self._plain(part, start, start + size)]

    def _with_parts(self, field: DissectedField) -> DissectedField:
        """Add the subfields of ``field`` that the numbers in the head define."""
        start, end = field.offset, field.offset + field.length
        if self._payload is Notification and self._known["type"] == NotifyType.RESPONDER_LIFETIME:
            lifetimes = attribute_fields(self._octets, start, end, vocabulary_of(self._known["protocol"]))
            return field._replace(fields=(*lifetimes, *rest(end_of(lifetimes, start), end))) if lifetimes else field
        if self._payload is Identification and self._known["id_type"] in HALVES and field.length in (8, 32):
            middle = start + field.length // 2
            first, second = HALVES[self._known["id_type"]]
            return field._replace(fields=(self._address(first, start, middle), self._address(second, middle, end)))
        return field

    def _address(self, name: str, start: int, end: int) -> DissectedField:
        return DissectedField(name, address(self._octets[start:end]), start, end - start)

    def _sub_payloads(self, kind: SubPayloads, position: int) -> list[DissectedField]:
        """The proposals of an SA, or the transforms of a proposal, whose protocol defines the transform numbers."""
        fields, _, _ = chain_fields(
            self._octets, position, self._end, kind.payload_type, kind.most, partial(self._sub_payload, kind)
        )
        return fields

    def _sub_payload(self, kind: SubPayloads, number: int, start: int, end: int) -> Body:
        if number != kind.payload_type:
            return Body("out of place", rest(start, end))
        try:
            value = _sub_payload_words(kind.layout.parse(self._octets[start:end]), self._known)
        except WireError:
            value = "malformed"
        return Body(value, _Reader(INSIDE_SA[number], self._octets, start, end, self._known).fields())


def _sub_payload_words(payload: Proposal | Transform, known: Known) -> str:
    if isinstance(payload, Transform):
        return transform_words(known["protocol"], payload)
    protocol = spi_words(payload.protocol, payload.spi)
    return f"{protocol}, {len(payload.transforms)} transform{'s' if len(payload.transforms) != 1 else ''}"
