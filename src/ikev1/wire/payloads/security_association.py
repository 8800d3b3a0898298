"""Security Association payload: proposals, and in each its transforms (RFC 2408 §3.4 to §3.6, RFC 2407 §4.6.1)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from ikev1.wire.chain import join_chain, parse_chain
from ikev1.wire.errors import WireError
from ikev1.wire.layout import AttributeList, Field, Layout, Number, Reserved, SizedBytes, UInt8
from ikev1.wire.registry import DOI, NotifyType, PayloadType, ProtocolId, Situation

MAX_PROPOSALS = 128
"""Proposals in one SA payload; the peers seen send one to a few dozen."""

MAX_TRANSFORMS = 255
"""Transforms in one proposal: the field that counts them is one octet."""

MAX_UNPROVED_TRANSFORMS = 40
"""Transforms in phase 1, whose sender has proved nothing yet; clients that offer all that they can send up to 28."""

KNOWN_DOIS = frozenset((DOI.ISAKMP, DOI.IPSEC))
REMEMBERED = 64  # lists of transforms, and of those that peers send only such of up to
REMEMBERED_LONG = 2  # message 1 of Aggressive Mode is read twice: first for the method that says how to read the rest
LONGEST_REMEMBERED = 512  # octets: a dozen transforms
PROPOSALS_AT = 8  # octets of DOI and situation before the proposals
PROPOSAL_HEAD = struct.Struct("!B6xB")  # of the first proposal: what follows it, and how many transforms it has
LABELLED = Situation.SECRECY | Situation.INTEGRITY
SPI_SIZES: dict[int, tuple[int, ...]] = {
    # "the SPI Size is irrelevant and MAY be from zero (0) to sixteen (16)" (RFC 2408 §3.5)
    ProtocolId.ISAKMP: tuple(range(17)),
    ProtocolId.AH: (4,),
    ProtocolId.ESP: (4,),
    ProtocolId.IPCOMP: (2, 4),  # a CPI, or one in an SPI's place (RFC 3173 §4.1)
}


class KnownDoi(Number):
    """A DOI whose situation is a bit mask: with any other DOI, the start of the proposals is unknown."""

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[int, int]:
        if numbers[slot] not in KNOWN_DOIS:
            raise WireError(f"DOI {DOI.IPSEC} (IPsec)", numbers[slot], notify=NotifyType.DOI_NOT_SUPPORTED)
        return numbers[slot], position


class UnlabelledSituation(Number):
    """A situation after which the proposals follow at once.

    "If an initiator requests SIT_SECRECY [...] and the responder does not support it, a
    SITUATION-NOT-SUPPORTED Notification Payload SHOULD be returned" (RFC 2407 §4.2.2, §4.2.3).
    """

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[int, int]:
        if numbers[slot] & LABELLED:
            raise WireError(
                "a situation without labels", f"0x{numbers[slot]:x}", 4, notify=NotifyType.SITUATION_NOT_SUPPORTED
            )
        return numbers[slot], position


class SubPayloads(Field):
    """Payloads of one type inside another, chained up to its end; ``counted`` if the head says how many."""

    def __init__(self, payload_type: PayloadType, layout: Layout[Any], most: int, counted: bool) -> None:
        self.payload_type = payload_type.value
        self.name = payload_type.name
        self.layout = layout
        self.most = most
        self.head = "B" if counted else ""

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[Any, int]:
        most = min(self.most, numbers[slot]) if self.head else self.most
        try:
            payloads, end = self._read(body[position:], most)
        except WireError as error:
            error.offset += position
            raise
        if self.head and numbers[slot] != len(payloads):
            raise WireError(
                f"{numbers[slot]} {self.name} payloads", len(payloads), position, notify=NotifyType.BAD_PROPOSAL_SYNTAX
            )
        return payloads, position + end

    def _read(self, octets: bytes, most: int) -> tuple[tuple[Any, ...], int]:
        payloads, _, end = parse_chain(octets, self.payload_type, most, self._parse_one, NotifyType.BAD_PROPOSAL_SYNTAX)
        return tuple(payloads), end

    def _parse_one(self, payload_type: int, body: bytes) -> Any:
        # "This field MUST only contain the value "2" or "0"" of proposals, "3" or "0" of transforms (RFC 2408 §3.5 f.)
        if payload_type != self.payload_type:
            raise WireError(
                f"nothing but {self.name} payloads",
                PayloadType(payload_type).name,
                notify=NotifyType.BAD_PROPOSAL_SYNTAX,
            )
        return self.layout.parse(body)

    def build(self, value: tuple[Any, ...]) -> tuple[tuple[int, ...], bytes]:
        octets = join_chain([(self.payload_type, self.layout.build(payload)) for payload in value])
        return ((len(value),) if self.head else ()), octets


class RememberedSubPayloads(SubPayloads):
    """Payloads that peers send to the octet as they, and others, sent them before: transforms.

    A proposal has a new SPI each time, but its transforms come from a configuration.
    """

    def __init__(self, payload_type: PayloadType, layout: Layout[Any], most: int, counted: bool) -> None:
        super().__init__(payload_type, layout, most, counted)
        self._recall = lru_cache(maxsize=REMEMBERED)(super()._read)
        self._recall_long = lru_cache(maxsize=REMEMBERED_LONG)(super()._read)
        self._recall_built = lru_cache(maxsize=REMEMBERED)(super().build)

    def _read(self, octets: bytes, most: int) -> tuple[tuple[Any, ...], int]:
        return (self._recall if len(octets) <= LONGEST_REMEMBERED else self._recall_long)(octets, most)

    def build(self, value: tuple[Any, ...]) -> tuple[tuple[int, ...], bytes]:
        return self._recall_built(value)


class Transform(NamedTuple):
    """Transform payload (RFC 2408 §3.6)."""

    number: UInt8
    id: Annotated[UInt8, Reserved(2)]
    attributes: AttributeList


TRANSFORMS = RememberedSubPayloads(
    PayloadType.TRANSFORM, Layout(Transform, malformed=NotifyType.BAD_PROPOSAL_SYNTAX), MAX_TRANSFORMS, counted=True
)


class Proposal(NamedTuple):
    """Proposal payload (RFC 2408 §3.5); proposals of the same number belong together, all of them or none (§4.2)."""

    number: UInt8
    protocol: UInt8
    spi: SizedBytes
    transforms: Annotated[tuple[Transform, ...], TRANSFORMS]

    def check(self) -> None:
        """Raises WireError (INVALID_SPI) for an SPI of a size that the protocol does not have."""
        sizes = SPI_SIZES.get(self.protocol)
        if sizes is not None and len(self.spi) not in sizes:
            raise WireError(
                f"an SPI size of {ProtocolId(self.protocol).name}", len(self.spi), 2, notify=NotifyType.INVALID_SPI
            )


PROPOSALS = SubPayloads(
    PayloadType.PROPOSAL, Layout(Proposal, malformed=NotifyType.BAD_PROPOSAL_SYNTAX), MAX_PROPOSALS, counted=False
)


class SecurityAssociation(NamedTuple):
    """Security Association payload (RFC 2408 §3.4) with a situation without labels (RFC 2407 §4.6.1)."""

    doi: Annotated[int, KnownDoi("I")]
    situation: Annotated[int, UnlabelledSituation("I")]
    proposals: Annotated[tuple[Proposal, ...], PROPOSALS]


def check_unproved(body: bytes) -> None:
    """Check, before parsing it, that the body of a phase 1 SA payload offers no more than real peers do.

    Raises:
        WireError: it has several proposals, or too many transforms.
    """
    if len(body) < PROPOSALS_AT + PROPOSAL_HEAD.size:
        return  # there is no whole proposal in it, as will be said when it is read
    following, transforms = PROPOSAL_HEAD.unpack_from(body, PROPOSALS_AT)
    if following != PayloadType.NONE:
        # RFC 2409 §5: "there MUST NOT be multiple Proposal Payloads for a single SA payload"
        raise WireError("one proposal in phase 1", "several", PROPOSALS_AT, notify=NotifyType.BAD_PROPOSAL_SYNTAX)
    if transforms > MAX_UNPROVED_TRANSFORMS:
        at_most = f"at most {MAX_UNPROVED_TRANSFORMS} transforms in phase 1"
        raise WireError(
            at_most, transforms, PROPOSALS_AT + PROPOSAL_HEAD.size - 1, notify=NotifyType.BAD_PROPOSAL_SYNTAX
        )
