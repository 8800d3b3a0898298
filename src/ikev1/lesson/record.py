"""What a lesson says: values that a terminal, JSON and HTML are made of.

They stand beside a `ikev1.capture.records.report.Conversation`, which has the messages, their fields and their octets.
Fields are added in later versions, and none is taken away or changes its meaning while `SCHEMA` stays the same.
"""

from __future__ import annotations

import msgspec

from ikev1.capture.records.report import Conversation, Formula

__all__ = ["SCHEMA", "Comparison", "Lesson", "Misreading", "Step", "Toy", "ToyLine"]

SCHEMA = 1
"""The version of the form that these values have."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all that is said."""


class Misreading(_Value, frozen=True, kw_only=True):
    """Where what is often written is not what the RFC says."""

    often: str  # "SKEYID = H(PSK | Ni | Nr)"
    really: str  # "SKEYID = prf(pre-shared-key, Ni_b | Nr_b)"
    why: str  # what difference it makes
    source: str  # "RFC 2409 §5"
    about: str = ""  # the name of the formula it stands beside, empty where it is about a whole message


class Step(_Value, frozen=True, kw_only=True):
    """One message of the lesson, or what both ends compute before the next one.

    ``label`` is that of a message of the conversation, or empty for a computation, which nobody sees on the wire.
    """

    label: str
    title: str  # "I can do this"
    sender: str = ""  # "initiator" or "responder", empty for a computation
    rfc: str = ""  # the RFC's line: "HDR, SA -->"
    carries: str = ""  # what is in it
    why: str = ""  # what it is good for
    seen: str = ""  # who could read it
    values: tuple[tuple[str, str], ...] = ()  # names and values of this run
    formulas: tuple[Formula, ...] = ()
    misreadings: tuple[Misreading, ...] = ()


class ToyLine(_Value, frozen=True, kw_only=True):
    """One step of Diffie-Hellman in numbers that a head can hold, and the same step in this run."""

    step: str  # "The initiator sends g^x mod p"
    small: str  # "3^4 mod 5 = 1"
    real: str  # "256 octets: 3f0c..."
    secret: bool = False  # whether it never leaves its owner


class Toy(_Value, frozen=True, kw_only=True):
    """Diffie-Hellman with small numbers beside the real group."""

    text: str
    group: str  # "modp2048 (group 14)"
    lines: tuple[ToyLine, ...]


class Comparison(_Value, frozen=True, kw_only=True):
    """SKEYID by one method of authentication, as it is often written and as it is."""

    method: str  # "signatures"
    used: bool  # in this run
    often: str
    really: str
    means: str  # what follows from the difference
    source: str


class Lesson(_Value, frozen=True, kw_only=True):
    """One exchange and all that is to be learned from it."""

    schema: int = SCHEMA
    mode: str  # "Main Mode", "Aggressive Mode" or "Quick Mode"
    title: str
    introduction: str
    suite: str  # "aes128-sha256-modp2048"
    conversation: Conversation
    steps: tuple[Step, ...]
    toy: Toy | None = None  # where there is a new Diffie-Hellman exchange
    comparisons: tuple[Comparison, ...] = ()
    closing: str = ""
