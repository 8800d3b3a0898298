"""One captured ISAKMP message with its interpretation so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ikev1.capture.records.packets import Datagram
from ikev1.core.records.exchange import Role
from ikev1.wire.errors import WireError
from ikev1.wire.header import FIELDS, HEADER_SIZE, Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload, payload_type
from ikev1.wire.registry import ExchangeType


class Envelope(NamedTuple):
    """A header; missing octets count as zeros. ``problem`` is the reason why it is malformed, or empty."""

    header: Header
    problem: str


def read_envelope(octets: bytes) -> Envelope:
    """Read the header of an unchecked message; never raises."""
    try:
        return Envelope(Header.parse(octets), "")
    except WireError as error:
        CKY_I, CKY_R, following, version, exchange, flags, message_id, length = FIELDS.unpack(
            octets[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
        )
        header = Header(CKY_I, CKY_R, following, exchange, flags, message_id, length, version)
        return Envelope(header, str(error))


@dataclass(slots=True, eq=False)
class MessageRecord:
    """``octets`` are the message on the wire. ``plaintext`` is the header with the decrypted payloads, empty if they
    could not be decrypted. ``message`` is the parsed plaintext, None if it is malformed.
    """

    datagram: Datagram
    octets: bytes
    header: Header
    sender: Role
    index: int  # among the messages of its conversation
    label: str = "?"
    plaintext: bytes = b""
    message: Message | None = None
    hidden: frozenset[int] = frozenset()  # payload types whose bodies are encrypted individually (RFC 2409 §5.2)
    decrypted: bool = False
    # of a decrypted message: the source of its IV (`ikev1.capture.decrypt.message_decryption.DecryptedMessage`)
    after: bytes | None = None
    repeats: int | None = None  # the index of the message that this one retransmits
    copied: bool = False  # not retransmitted, but captured at two points of the path
    problems: list[str] = field(default_factory=list)

    @property
    def encrypted(self) -> bool:
        """Whether the payloads are encrypted on the wire."""
        return self.header.encrypted

    @property
    def first_block_lost(self) -> bool:
        """Whether the first block could not be decrypted, because the previous message is missing from the capture."""
        return self.decrypted and self.after is None

    @property
    def in_phase_1(self) -> bool:
        """Whether the message belongs to an exchange that establishes an ISAKMP SA: Main or Aggressive Mode."""
        return self.header.exchange < ExchangeType.INFORMATIONAL

    @property
    def frame(self) -> int:
        """The number of its first frame."""
        return self.datagram.frames[0]

    def has(self, kind: int) -> bool:
        """Whether the message has a payload of this type, with a readable or an encrypted body."""
        return self.message is not None and any(payload_type(each) == kind for each in self.message.payloads)

    def payloads(self) -> tuple[Payload, ...]:
        """The payloads; empty if the message could not be parsed."""
        return self.message.payloads if self.message is not None else ()
