"""The report on a capture: the stable values behind the text, JSON and HTML output.

Octets are hexadecimal, times are in seconds since the epoch, addresses are text. Later versions may add fields; no
field is removed or changes its meaning while `SCHEMA` stays the same.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "SCHEMA",
    "Answer",
    "Check",
    "Conversation",
    "EspFlow",
    "Field",
    "Formula",
    "Message",
    "Party",
    "Report",
]

SCHEMA = 1
"""The version of this format."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all report values."""


class Field(_Value, frozen=True, kw_only=True):
    """A field of a message: ``length`` octets at ``offset`` of its plaintext, or of its octets if there is none."""

    name: str  # as in the RFC: "Initiator Cookie", "Key Exchange Payload", "Life Duration"
    value: str  # readable: "AES_CBC (7)", "86400 s = 24 h", "20 octets"
    offset: int
    length: int
    about: str = ""  # the meaning, in a sentence; empty if the name says it
    fields: tuple[Field, ...] = ()


class Check(_Value, frozen=True, kw_only=True):
    """The verification of a HASH, a signature or a NAT-D hash in a message."""

    name: str  # "HASH_I", "HASH(1)", "NAT-D of the source"
    right: bool | None  # None: could not be checked
    text: str  # what the result means, or what is missing to check it


class Formula(_Value, frozen=True, kw_only=True):
    """One formula of the key derivation with the values of this conversation, if its secrets are known."""

    name: str  # "SKEYID"
    expression: str  # "prf(pre-shared-key, Ni_b | Nr_b)"
    source: str  # "RFC 2409 §5"
    inputs: tuple[tuple[str, str], ...]  # name and octets
    result: str  # octets


class Message(_Value, frozen=True, kw_only=True):
    """One ISAKMP message. ``plaintext`` is the header with the decrypted payloads; it is empty for a message that could
    not be decrypted, and equals ``octets`` for an unencrypted one.
    """

    label: str  # MM1..MM6, AM1..AM3, QM1..QM3, INFO, CFG (transaction), NGM1, NGM2, or "?" if its position is unknown
    exchange: str  # "Main Mode", "Quick Mode", "Informational", "Transaction"
    message_id: str  # 8 hexadecimal digits
    sender: str  # "initiator" or "responder", of the ISAKMP SA
    frames: tuple[int, ...]
    time: float
    source: str  # 192.0.2.1[500]
    destination: str
    encrypted: bool
    decrypted: bool
    line: str  # the payloads, in one line
    security: str  # what it proves or reveals, and who can read it
    retransmission_of: int | None = None  # index of the message that this one retransmits
    problems: tuple[str, ...] = ()  # what is malformed or unexpected
    checks: tuple[Check, ...] = ()
    formulas: tuple[Formula, ...] = ()
    fields: tuple[Field, ...] = ()
    octets: str = ""  # on the wire, starting at the ISAKMP header; reassembled if it was fragmented
    plaintext: str = ""


class Party(_Value, frozen=True, kw_only=True):
    """One peer of a conversation."""

    address: str
    ports: tuple[int, ...]
    maker: str = ""  # the implementation, by its vendor IDs; empty if unknown
    vendor_ids: tuple[str, ...] = ()
    identity: str = ""  # empty if unknown
    identity_visible: bool = False  # to an eavesdropper without keys
    behind_nat: bool | None = None  # None: unknown


class EspFlow(_Value, frozen=True, kw_only=True):
    """The ESP packets of one SPI."""

    spi: str
    source: str  # with the port if encapsulated in UDP
    destination: str
    packets: int
    octets: int  # of ESP, from the SPI to the ICV
    first_frame: int
    last_frame: int
    first_time: float
    last_time: float
    suite: str = ""  # "AES_CBC-128/HMAC_SHA2_256", if known
    opened: int = 0  # packets whose ICV is right with a known key
    wrong: int = 0  # packets whose ICV is wrong with that key
    unopened: int = 0  # packets that the key does not decrypt, and whose ICV could not be checked
    missing: int = 0  # sequence numbers missing from the capture
    inner: str = ""  # the decrypted contents, in one line


class Answer(_Value, frozen=True, kw_only=True):
    """The answer to one question about a conversation. ``question`` and ``codes`` are stable, the texts are not."""

    question: str  # group, identities, offline-guess, pfs, lifetimes, refusal, silence, nat, makers, traffic, keys
    title: str  # the question in words
    text: str
    frames: tuple[int, ...] = ()  # the evidence
    codes: tuple[str, ...] = ()  # the statements of the text: "initiator-behind-nat" (docs/explain.md lists them)


class Conversation(_Value, frozen=True, kw_only=True):
    """All messages of two peers with one pair of cookies."""

    number: int  # from 1
    initiator: Party
    responder: Party
    initiator_cookie: str
    responder_cookie: str
    mode: str  # "Main Mode", "Aggressive Mode", or "" if phase 1 is not in the capture
    authentication: str  # "PRE_SHARED_KEY", ...; "" if unknown
    suite: str  # selected in phase 1: "AES_CBC-128/SHA1/MODP_1024/PRE_SHARED_KEY"; "" if unknown
    outcome: str  # established, failed, unfinished
    summary: str  # one line
    first_time: float
    last_time: float
    messages: tuple[Message, ...]
    answers: tuple[Answer, ...]
    esp: tuple[EspFlow, ...] = ()


class Report(_Value, frozen=True, kw_only=True):
    """A whole capture."""

    schema: int = SCHEMA
    source: str
    frames: int  # read, of any kind
    conversations: tuple[Conversation, ...]
    esp: tuple[EspFlow, ...] = ()  # without a conversation in the capture
    notes: tuple[str, ...] = ()  # what could not be read, and why: truncated frames, unknown link types ...
