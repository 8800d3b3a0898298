"""One ISAKMP message as it was seen, and what could be made of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ikev1.capture.records.packets import Datagram
from ikev1.core.records.model import Role
from ikev1.wire.errors import WireError
from ikev1.wire.header import FIELDS, HEADER_SIZE, Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload, payload_type
from ikev1.wire.registry import ExchangeType


class Envelope(NamedTuple):
    """A header, readable or not: where octets are missing they are taken for zeros. ``problem`` is what is wrong."""

    header: Header
    problem: str


def read_envelope(octets: bytes) -> Envelope:
    """The header of a message that nobody has checked; never raises."""
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
    """``octets`` are what was on the wire; ``plaintext`` the header and the payloads in the clear, empty where they
    could not be decrypted; ``message`` the same parsed, None where that failed.
    """

    datagram: Datagram
    octets: bytes
    header: Header
    sender: Role
    index: int  # among the messages of its conversation
    label: str = "?"
    plaintext: bytes = b""
    message: Message | None = None
    hidden: frozenset[int] = frozenset()  # the types of payloads whose bodies are encrypted on their own
    decrypted: bool = False
    # of a decrypted message: what its IV is made of (`ikev1.capture.decrypt.message_decryption.DecryptedMessage`)
    after: bytes | None = None
    repeats: int | None = None  # the index of the message with the same octets
    copied: bool = False  # repeated not by its sender, but by a capture that was made at two places on the way
    problems: list[str] = field(default_factory=list)

    @property
    def encrypted(self) -> bool:
        """Whether the payloads are encrypted on the wire."""
        return self.header.encrypted

    @property
    def first_block_lost(self) -> bool:
        """Whether the first block could not be decrypted, for the message before it is not in the capture."""
        return self.decrypted and self.after is None

    @property
    def in_phase_1(self) -> bool:
        """Whether it belongs to Main or Aggressive Mode (or another exchange that ends with an ISAKMP SA)."""
        return self.header.exchange < ExchangeType.INFORMATIONAL

    @property
    def frame(self) -> int:
        """The first of its frames."""
        return self.datagram.frames[0]

    def has(self, kind: int) -> bool:
        """Whether it has a payload of that type, hidden or not."""
        return self.message is not None and any(payload_type(each) == kind for each in self.message.payloads)

    def payloads(self) -> tuple[Payload, ...]:
        """What it carries, as far as that is known."""
        return self.message.payloads if self.message is not None else ()
