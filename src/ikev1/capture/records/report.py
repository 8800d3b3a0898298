"""What is said of a capture: values that text, JSON and HTML are made of, and that programs may rely on.

All of it can be written as JSON as it is: octets are in hexadecimal, times in seconds since the epoch, addresses in
text. Fields are added in later versions, and none is taken away or changes its meaning while `SCHEMA` stays the same.
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
"""The version of the form that these values have."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all that is said."""


class Field(_Value, frozen=True, kw_only=True):
    """A part of a message: ``length`` octets from ``offset`` on, in the message's plaintext if it has one."""

    name: str  # as in the RFC: "Initiator Cookie", "Key Exchange Payload", "Life Duration"
    value: str  # for people: "AES_CBC (7)", "86400 s = 24 h", "20 octets"
    offset: int
    length: int
    about: str = ""  # what it means, in a sentence; empty where the name says it
    fields: tuple[Field, ...] = ()


class Check(_Value, frozen=True, kw_only=True):
    """Something in a message that proves something: a HASH, a signature, a NAT-D hash."""

    name: str  # "HASH_I", "HASH(1)", "NAT-D of the source"
    right: bool | None  # None: nobody could check it
    text: str  # what follows from that, or what was missing to check it


class Formula(_Value, frozen=True, kw_only=True):
    """One line of key derivation with the values of this conversation: only where its secrets are known."""

    name: str  # "SKEYID"
    expression: str  # "prf(pre-shared-key, Ni_b | Nr_b)"
    source: str  # "RFC 2409 §5"
    inputs: tuple[tuple[str, str], ...]  # name and octets
    result: str  # octets


class Message(_Value, frozen=True, kw_only=True):
    """One ISAKMP message. ``plaintext`` is the header and the payloads in the clear: for an encrypted message only if
    it could be decrypted, else empty; without encryption the same as ``octets``.
    """

    label: str  # MM1..MM6, AM1..AM3, QM1..QM3, INFO, CFG (transaction), NGM1, NGM2, or "?" where its place is unknown
    exchange: str  # "Main Mode", "Quick Mode", "Informational", "Transaction"
    message_id: str  # 8 hexadecimal digits
    sender: str  # "initiator" or "responder", of the ISAKMP SA
    frames: tuple[int, ...]
    time: float
    source: str  # 192.0.2.1[500]
    destination: str
    encrypted: bool
    decrypted: bool
    line: str  # what it carries, in one plain line
    security: str  # what it adds to the security of the conversation, and who can read it
    retransmission_of: int | None = None  # index of the message that this one repeats
    problems: tuple[str, ...] = ()  # what is malformed, or should not be there
    checks: tuple[Check, ...] = ()
    formulas: tuple[Formula, ...] = ()
    fields: tuple[Field, ...] = ()
    octets: str = ""  # on the wire, from the ISAKMP header on; of a fragmented message, put together
    plaintext: str = ""


class Party(_Value, frozen=True, kw_only=True):
    """One end of a conversation."""

    address: str
    ports: tuple[int, ...]
    maker: str = ""  # from its vendor IDs; empty if nothing names it
    vendor_ids: tuple[str, ...] = ()
    identity: str = ""  # empty where the capture does not tell
    identity_visible: bool = False  # to an eavesdropper without any key
    behind_nat: bool | None = None  # None: the capture does not tell


class EspFlow(_Value, frozen=True, kw_only=True):
    """All packets under one SPI in one direction."""

    spi: str
    source: str  # with the port where it travelled in UDP
    destination: str
    packets: int
    octets: int  # of ESP, from the SPI to the ICV
    first_frame: int
    last_frame: int
    first_time: float
    last_time: float
    suite: str = ""  # "AES_CBC-128/HMAC_SHA2_256", if known
    opened: int = 0  # packets whose ICV is right under a known key
    wrong: int = 0  # packets whose ICV is wrong under it
    unopened: int = 0  # packets that make no sense under it, and whose ICV could not be checked
    missing: int = 0  # sequence numbers that the capture skips
    inner: str = ""  # what was inside, in a line, if it could be opened


class Answer(_Value, frozen=True, kw_only=True):
    """The answer to a question that people ask of a conversation; ``question`` is stable, ``title`` is for people."""

    question: str  # group, identities, offline-guess, pfs, lifetimes, refusal, silence, nat, makers, traffic, keys
    title: str  # "Which group, and which p and g?"
    text: str
    frames: tuple[int, ...] = ()  # the evidence


class Conversation(_Value, frozen=True, kw_only=True):
    """All that two parties said under one pair of cookies."""

    number: int  # from 1
    initiator: Party
    responder: Party
    initiator_cookie: str
    responder_cookie: str
    mode: str  # "Main Mode", "Aggressive Mode", or "" where phase 1 is not in the capture
    authentication: str  # "PRE_SHARED_KEY", ...; "" if unknown
    suite: str  # what was chosen in phase 1: "AES_CBC-128/SHA1/MODP_1024/PRE_SHARED_KEY"; "" if unknown
    outcome: str  # established, failed, unfinished
    summary: str  # a sentence
    first_time: float
    last_time: float
    messages: tuple[Message, ...]
    answers: tuple[Answer, ...]
    esp: tuple[EspFlow, ...] = ()


class Report(_Value, frozen=True, kw_only=True):
    """A whole capture."""

    schema: int = SCHEMA
    source: str
    frames: int  # read, of whatever kind
    conversations: tuple[Conversation, ...]
    esp: tuple[EspFlow, ...] = ()  # of no conversation in the capture
    notes: tuple[str, ...] = ()  # what was not understood, and why: frames cut short, unknown link types ...
