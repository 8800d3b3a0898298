"""A check of the operator's own secret: whether a capture of Aggressive Mode allows offline guessing of it, and whether
a word list contains it.

Words are compared with the configured secret, and only if it verifies the HASH of the exchange. Exchanges with another
secret are skipped. No finding reveals the secret or its position in the list.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import ParsedConversation, ParsedMessage
from ikev1.audit.strength import MANY_GUESSES, Strength, strength_of
from ikev1.audit.topics import topic
from ikev1.audit.words import Fate, Search, search
from ikev1.core.records.record import Record
from ikev1.crypto import keymat
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.wire.payloads import Hash, Identification, KeyExchange, Nonce, SecurityAssociation
from ikev1.wire.registry import Phase1Attribute

Progress = Callable[[int], None]

_TIMED = 2_000  # guesses timed to measure the speed of this machine


class OwnSecret(Record, frozen=True):
    """A secret of the operator, and its name in findings: ``connection.branch.secret``."""

    name: str
    secret: bytes

    secret_fields = frozenset({"secret"})


class Proof(NamedTuple):
    """HASH_R of an Aggressive Mode with a pre-shared key, and its inputs except the key (RFC 2409 §5)."""

    conversation: ParsedConversation
    message: ParsedMessage
    HASH_R: bytes
    hash: int
    Ni_b: bytes
    Nr_b: bytes
    g_xi: bytes
    g_xr: bytes
    CKY_I: bytes
    CKY_R: bytes
    SAi_b: bytes
    IDir_b: bytes

    def holds(self, secret: bytes) -> bool:
        """Whether ``secret`` verifies HASH_R."""
        SKEYID = keymat.SKEYID_psk(self.hash, secret, self.Ni_b, self.Nr_b)
        expected = keymat.HASH_R(
            self.hash, SKEYID, self.g_xi, self.g_xr, self.CKY_I, self.CKY_R, self.SAi_b, self.IDir_b
        )
        return hmac.compare_digest(expected, self.HASH_R)


def proofs(conversations: Iterable[ParsedConversation]) -> Iterator[Proof]:
    """The Aggressive Modes with a pre-shared key whose HASH_R can be verified."""
    for conversation in conversations:
        calls, answers = conversation.labelled("AM1"), conversation.labelled("AM2")
        if conversation.shares_secret and calls and answers:
            proof = _proof(conversation, calls[0], answers[0])
            if proof is not None:
                yield proof


def _proof(conversation: ParsedConversation, call: ParsedMessage, answer: ParsedMessage) -> Proof | None:
    offered = call.first(SecurityAssociation)
    g_xi, g_xr = call.first(KeyExchange), answer.first(KeyExchange)
    Ni, Nr = call.first(Nonce), answer.first(Nonce)
    IDir, HASH_R = answer.first(Identification), answer.first(Hash)
    hash = conversation.chosen[1].attribute(Phase1Attribute.HASH_ALGORITHM) if conversation.chosen else None
    if offered is None or g_xi is None or g_xr is None or Ni is None or Nr is None or IDir is None or HASH_R is None:
        return None
    proof = Proof(
        conversation,
        answer,
        HASH_R.data,
        hash or 0,
        Ni.data,
        Nr.data,
        g_xi.data,
        g_xr.data,
        answer.wire.header.CKY_I,
        answer.wire.header.CKY_R,
        call.wire.body_of(offered),
        answer.wire.body_of(IDir),
    )
    try:
        proof.holds(b"")
    except UnsupportedAlgorithm:
        return None
    return proof


def check_own_secrets(
    conversations: Iterable[ParsedConversation], secrets: tuple[OwnSecret, ...], words: Path | None, progress: Progress
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Check ``secrets`` against a capture; return findings, and notes on what could not be tested.

    Raises:
        OSError: ``words`` cannot be read.
    """
    testable = tuple(proofs(conversations))
    if not testable:
        return (), (
            "the capture contains no Aggressive Mode with a pre-shared key, so no secret can be tested against it",
        )
    findings: list[Finding] = []
    notes: list[str] = []
    outcomes: dict[str, Search] = {}
    for proof in testable:
        own = next((own for own in secrets if proof.holds(own.secret)), None)
        if own is None:
            notes.append(
                f"HASH_R of conversation {proof.conversation.report.number} was computed with another secret than the "
                "configured one, so it was not tested"
            )
            continue
        if words is not None and own.name not in outcomes:
            with words.open("rb") as opened:
                outcomes[own.name] = search(opened, own.secret, progress)
        findings.append(_finding(proof, own, outcomes.get(own.name)))
    return tuple(findings), tuple(notes)


def _finding(proof: Proof, own: OwnSecret, outcome: Search | None) -> Finding:
    evidence = proof.message.evidence("HASH_R", proof.message.first(Hash))
    number = proof.conversation.report.number
    right = f"HASH_R was computed with {own.name}"
    if outcome is None or outcome.fate is Fate.ABSENT:
        strength = strength_of(own.secret)
        severity = Severity.MEDIUM if strength.guesses_log10 >= MANY_GUESSES else Severity.HIGH
        found = f"{right}. {_withstood(outcome)}{_estimate(strength)}"
        return topic("testable-secret").finding(severity, found, evidence, conversation=number)
    where = "contains the key" if outcome.fate is Fate.LISTED else "contains a word that common rules turn into it"
    rate = _guesses_per_second(proof)
    found = (
        f"{right}, and the word list {where}. This machine tests {rate:,.0f} keys per second in Python: the "
        f"{outcome.words:,} words of the list take {_seconds(outcome.words / rate)}"
    )
    return topic("guessable-secret").finding(Severity.HIGH, found, evidence, conversation=number)


def _withstood(outcome: Search | None) -> str:
    if outcome is None:
        return ""
    return (
        f"Neither the {outcome.words:,} words of the list nor their common variations are the key, which proves "
        "nothing about other lists. "
    )


def _estimate(strength: Strength) -> str:
    return (
        f"zxcvbn estimates 10^{strength.guesses_log10:.0f} guesses: {strength.time} at 10^10 guesses per second (score "
        f"{strength.score} of 4)"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 1 else "less than a second"


def _guesses_per_second(proof: Proof) -> float:
    began = time.perf_counter()
    for number in range(_TIMED):
        proof.holds(number.to_bytes(8))
    return _TIMED / (time.perf_counter() - began)
