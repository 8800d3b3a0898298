"""The contents of a lesson: the stable values behind the text, JSON and HTML output.

They complement a `ikev1.capture.records.report.Conversation`, which contains the messages, their fields and octets.
Later versions may add fields; no field is removed or changes its meaning while `SCHEMA` stays the same.
"""

from __future__ import annotations

import msgspec

from ikev1.capture.records.report import Conversation, Formula

__all__ = ["SCHEMA", "Comparison", "Lesson", "Misreading", "Step", "Toy", "ToyLine"]

SCHEMA = 1
"""The version of this format."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all lesson values."""


class Misreading(_Value, frozen=True, kw_only=True):
    """A common statement that differs from the RFC."""

    often: str  # "SKEYID = H(PSK | Ni | Nr)"
    really: str  # "SKEYID = prf(pre-shared-key, Ni_b | Nr_b)"
    why: str  # why the difference matters
    source: str  # "RFC 2409 §5"
    about: str = ""  # the name of the formula it concerns; empty if it concerns the message


class Step(_Value, frozen=True, kw_only=True):
    """One message of the lesson, or a computation of both peers.

    ``label`` is the label of a message of the conversation; it is empty for a computation, which is not on the wire.
    """

    label: str
    title: str  # "The initiator offers"
    sender: str = ""  # "initiator" or "responder", empty for a computation
    rfc: str = ""  # the RFC's line: "HDR, SA -->"
    carries: str = ""  # the contents
    why: str = ""  # the purpose
    seen: str = ""  # who can read it
    values: tuple[tuple[str, str], ...] = ()  # names and values of this run
    formulas: tuple[Formula, ...] = ()
    misreadings: tuple[Misreading, ...] = ()


class ToyLine(_Value, frozen=True, kw_only=True):
    """One step of Diffie-Hellman in small numbers, and the same step in this run."""

    step: str  # "The initiator sends g^x mod p"
    small: str  # "3^4 mod 5 = 1"
    real: str  # "256 octets: 3f0c..."
    secret: bool = False  # whether only its owner knows it


class Toy(_Value, frozen=True, kw_only=True):
    """Diffie-Hellman with small numbers, compared with the real group."""

    text: str
    group: str  # "modp2048 (group 14)"
    lines: tuple[ToyLine, ...]


class Comparison(_Value, frozen=True, kw_only=True):
    """The SKEYID formula of one authentication method, as often written and as defined."""

    method: str  # "signatures"
    used: bool  # in this run
    often: str
    really: str
    means: str  # the consequence
    source: str


class Lesson(_Value, frozen=True, kw_only=True):
    """One exchange, explained."""

    schema: int = SCHEMA
    mode: str  # "Main Mode", "Aggressive Mode" or "Quick Mode"
    title: str
    introduction: str
    suite: str  # "aes128-sha256-modp2048"
    conversation: Conversation
    steps: tuple[Step, ...]
    toy: Toy | None = None  # if there is a new Diffie-Hellman exchange
    comparisons: tuple[Comparison, ...] = ()
    closing: str = ""
