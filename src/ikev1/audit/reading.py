"""The parsed messages of a conversation, for rules that examine values and octets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.audit.finding import Evidence
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
from ikev1.wire.registry import AuthenticationMethod, LifeType, Phase1Attribute, Phase2Attribute

_PROPOSALS_AT = GENERIC_HEADER_SIZE + 8  # behind DOI and situation, from the start of the SA payload on
_PROPOSAL_HEAD = 8  # octets before its SPI (RFC 2408 §3.5)
_OPEN_TO_ALL = frozenset({"MM1", "MM2", "AM1", "AM2"})  # readable as usual whatever the method of authentication


class Offer(NamedTuple):
    """One transform with the proposal it stands in, and where it is in its message."""

    proposal: Proposal
    transform: Transform
    offset: int
    length: int

    def attribute(self, type: int) -> int | None:
        """The number that an attribute has, None if it is absent."""
        found = find_attribute(self.transform.attributes, type)
        return None if found is None else found.number

    def seconds(self, life_type: int, life_duration: int) -> int | None:
        """The lifetime in seconds, None if there is none; the two arguments are the attributes that tell it."""
        unit = None
        for attribute in self.transform.attributes:
            if attribute.type == life_type:
                unit = attribute.number
            elif attribute.type == life_duration and unit == LifeType.SECONDS:
                return _bounded(attribute)
        return None

    @property
    def phase1_seconds(self) -> int | None:
        """The lifetime that a transform of phase 1 tells."""
        return self.seconds(Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)

    @property
    def phase2_seconds(self) -> int | None:
        """The lifetime that a transform of phase 2 tells."""
        return self.seconds(Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION)


def _bounded(attribute: Attribute) -> int | None:
    """The number, unless it is one of so many octets that nobody meant it as a time."""
    return attribute.number if isinstance(attribute.value, int) or len(attribute.value) <= 8 else None


class Seen(NamedTuple):
    """One message that could be read: what was reported of it, and what is in it."""

    reported: Reported
    message: Message

    def evidence(self, text: str, payload: Payload | None = None) -> Evidence:
        """The whole message, or one payload of it, as what shows something."""
        offset, length = (0, 0) if payload is None else self._place(payload)
        return self.at(text, offset, length)

    def at(self, text: str, offset: int, length: int) -> Evidence:
        """Some octets of it as what shows something."""
        return Evidence(
            text=text, frames=self.reported.frames, message=self.reported.label, offset=offset, length=length
        )

    def first(self, kind: type[PayloadClass]) -> PayloadClass | None:
        """The first payload of a kind."""
        return self.message.first(kind)

    def offers(self) -> Iterator[Offer]:
        """All transforms of its SA payloads."""
        for payload in self.message.all(SecurityAssociation):
            offset = self._place(payload)[0] + _PROPOSALS_AT
            for proposal in payload.proposals:
                at = offset + _PROPOSAL_HEAD + len(proposal.spi)
                for transform in proposal.transforms:
                    length = self._length_at(at)
                    yield Offer(proposal, transform, at, length)
                    at += length
                offset += self._length_at(offset)

    def _place(self, payload: Payload) -> tuple[int, int]:
        """Where a payload begins, with its generic header, and how long it is."""
        offset = HEADER_SIZE
        for candidate, body in zip(self.message.payloads, self.message.bodies, strict=True):
            length = GENERIC_HEADER_SIZE + len(body)
            if candidate is payload:
                return offset, length
            offset += length
        raise ValueError("the payload is not of this message")

    def _length_at(self, offset: int) -> int:
        """The Payload Length of the proposal or transform at an offset (RFC 2408 §3.5, §3.6)."""
        octets = bytes.fromhex(self.reported.plaintext[2 * offset + 4 : 2 * offset + 8])
        return int.from_bytes(octets)


class Reading(NamedTuple):
    """A conversation, and those of its messages that could be read, without repetitions."""

    conversation: Conversation
    messages: tuple[Seen, ...]

    def labelled(self, *labels: str) -> tuple[Seen, ...]:
        """The messages with one of these labels."""
        return tuple(seen for seen in self.messages if seen.reported.label in labels)

    @property
    def chosen(self) -> tuple[Seen, Offer] | None:
        """What the responder chose in phase 1, and the message that says so."""
        for seen in self.labelled("MM2", "AM2"):
            for offer in seen.offers():
                return seen, offer
        return None

    @property
    def method(self) -> int | None:
        """The Authentication Method that was chosen in phase 1, None if the capture does not tell."""
        chosen = self.chosen
        return None if chosen is None else chosen[1].attribute(Phase1Attribute.AUTHENTICATION_METHOD)

    @property
    def shares_secret(self) -> bool:
        """Whether a pre-shared key authenticates phase 1, with or without XAUTH after it."""
        return self.method in PRE_SHARED

    @property
    def ends(self) -> str:
        """Both ends, for people."""
        return f"{self.conversation.initiator.address} and {self.conversation.responder.address}"


PRE_SHARED = frozenset(
    {
        AuthenticationMethod.PRE_SHARED_KEY,
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
    }
)


def read(report: Report) -> tuple[Reading, ...]:
    """All conversations of a report, each with what can be read of it."""
    return tuple(_read(conversation) for conversation in report.conversations)


def _read(conversation: Conversation) -> Reading:
    seen = [
        Seen(reported, message)
        for reported in conversation.messages
        if reported.retransmission_of is None and (message := _parsed(reported)) is not None
    ]
    reading = Reading(conversation, tuple(seen))
    if reading.method not in ENCRYPTING:
        return reading
    # Bodies that are encrypted on their own (RFC 2409 §5.2) are no identities and no keys
    return reading._replace(messages=reading.labelled(*_OPEN_TO_ALL))


def _parsed(reported: Reported) -> Message | None:
    octets = bytes.fromhex(reported.plaintext)
    if not octets:
        return None
    try:
        return parse_message(Header.parse(octets), octets[HEADER_SIZE:])
    except WireError:
        return None  # the report says what is malformed
