"""The parsed messages of a conversation, for rules that examine values and octets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.audit.finding import Evidence
from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.records.report import Conversation, Report
from ikev1.capture.records.report import Message as Reported
from ikev1.core.records.methods import ENCRYPTING
from ikev1.wire.attributes import Attribute
from ikev1.wire.attributes import find as find_attribute
from ikev1.wire.chain import GENERIC_HEADER_SIZE
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, PayloadClass, parse_message
from ikev1.wire.payloads import Payload, Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import LifeType, Phase1Attribute, Phase2Attribute

_PROPOSALS_AT = GENERIC_HEADER_SIZE + 8  # after DOI and situation, from the start of the SA payload
_PROPOSAL_HEAD = 8  # octets before its SPI (RFC 2408 §3.5)
_OPEN_TO_ALL = frozenset({"MM1", "MM2", "AM1", "AM2"})  # readable with every authentication method


class Offer(NamedTuple):
    """One transform with its proposal, and its place in the message."""

    proposal: Proposal
    transform: Transform
    offset: int
    length: int

    def attribute(self, type: int) -> int | None:
        """The number in an attribute; None if it is absent."""
        found = find_attribute(self.transform.attributes, type)
        return None if found is None else found.number

    def seconds(self, life_type: int, life_duration: int) -> int | None:
        """The lifetime in seconds, or None; the arguments are the types of its two attributes."""
        unit = None
        for attribute in self.transform.attributes:
            if attribute.type == life_type:
                unit = attribute.number
            elif attribute.type == life_duration and unit == LifeType.SECONDS:
                return _bounded(attribute)
        return None

    @property
    def phase1_seconds(self) -> int | None:
        """The lifetime in a phase 1 transform."""
        return self.seconds(Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)

    @property
    def phase2_seconds(self) -> int | None:
        """The lifetime in a phase 2 transform."""
        return self.seconds(Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION)


def _bounded(attribute: Attribute) -> int | None:
    """The number, unless it is too long to be a plausible lifetime."""
    return attribute.number if isinstance(attribute.value, int) or len(attribute.value) <= 8 else None


class ParsedMessage(NamedTuple):
    """One readable message: its report, and the parsed message."""

    report: Reported
    wire: Message

    def evidence(self, text: str, payload: Payload | None = None) -> Evidence:
        """The whole message, or one payload of it, as evidence."""
        offset, length = (0, 0) if payload is None else self._place(payload)
        return self.at(text, offset, length)

    def at(self, text: str, offset: int, length: int) -> Evidence:
        """Some octets of the message as evidence."""
        return Evidence(text=text, frames=self.report.frames, message=self.report.label, offset=offset, length=length)

    def first(self, kind: type[PayloadClass]) -> PayloadClass | None:
        """The first payload of a class, or None."""
        return self.wire.first(kind)

    def offers(self) -> Iterator[Offer]:
        """All transforms of the SA payloads."""
        for payload in self.wire.all(SecurityAssociation):
            offset = self._place(payload)[0] + _PROPOSALS_AT
            for proposal in payload.proposals:
                at = offset + _PROPOSAL_HEAD + len(proposal.spi)
                for transform in proposal.transforms:
                    length = self._length_at(at)
                    yield Offer(proposal, transform, at, length)
                    at += length
                offset += self._length_at(offset)

    def _place(self, payload: Payload) -> tuple[int, int]:
        """The offset and the length of a payload, including its generic header."""
        offset = HEADER_SIZE
        for candidate, body in zip(self.wire.payloads, self.wire.bodies, strict=True):
            length = GENERIC_HEADER_SIZE + len(body)
            if candidate is payload:
                return offset, length
            offset += length
        raise ValueError("the payload does not belong to this message")

    def _length_at(self, offset: int) -> int:
        """The Payload Length of the proposal or transform at an offset (RFC 2408 §3.5, §3.6)."""
        octets = bytes.fromhex(self.report.plaintext[2 * offset + 4 : 2 * offset + 8])
        return int.from_bytes(octets)


class ParsedConversation(NamedTuple):
    """A conversation and its readable messages, without retransmissions."""

    report: Conversation
    messages: tuple[ParsedMessage, ...]

    def labelled(self, *labels: str) -> tuple[ParsedMessage, ...]:
        """The messages with one of these labels."""
        return tuple(message for message in self.messages if message.report.label in labels)

    @property
    def chosen(self) -> tuple[ParsedMessage, Offer] | None:
        """The transform that the responder selected in phase 1, and its message."""
        for message in self.labelled("MM2", "AM2"):
            for offer in message.offers():
                return message, offer
        return None

    @property
    def method(self) -> int | None:
        """The authentication method of phase 1; None if unknown."""
        chosen = self.chosen
        return None if chosen is None else chosen[1].attribute(Phase1Attribute.AUTHENTICATION_METHOD)

    @property
    def shares_secret(self) -> bool:
        """Whether a pre-shared key authenticates phase 1, with or without XAUTH after it."""
        return self.method in PSK_METHODS

    @property
    def ends(self) -> str:
        """Both addresses, in words."""
        return f"{self.report.initiator.address} and {self.report.responder.address}"


def parse_report(report: Report) -> tuple[ParsedConversation, ...]:
    """Parse the readable messages of all conversations of ``report``."""
    return tuple(_parse_conversation(conversation) for conversation in report.conversations)


def _parse_conversation(report: Conversation) -> ParsedConversation:
    messages = [
        ParsedMessage(message, wire)
        for message in report.messages
        if message.retransmission_of is None and (wire := _parse_message(message)) is not None
    ]
    conversation = ParsedConversation(report, tuple(messages))
    if conversation.method not in ENCRYPTING:
        return conversation
    # The individually encrypted bodies (RFC 2409 §5.2) are not identities, nonces or public values
    return conversation._replace(messages=conversation.labelled(*_OPEN_TO_ALL))


def _parse_message(report: Reported) -> Message | None:
    octets = bytes.fromhex(report.plaintext)
    if not octets:
        return None
    try:
        return parse_message(Header.parse(octets), octets[HEADER_SIZE:])
    except WireError:
        return None  # the report contains the problem
