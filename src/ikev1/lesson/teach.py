"""A whole lesson: the run, message by message, with what both ends compute between them."""

from __future__ import annotations

from ikev1.capture.records.report import Formula, Message
from ikev1.lesson.evidence import Evidence
from ikev1.lesson.misreadings import comparisons, misreadings_of
from ikev1.lesson.prose import TEXTS
from ikev1.lesson.record import Lesson, Misreading, Step
from ikev1.lesson.run import Subject
from ikev1.lesson.small_numbers import toy
from ikev1.lesson.values import values_of

_TITLES = {
    Subject.MAIN: "Main Mode: six messages to an ISAKMP SA",
    Subject.AGGRESSIVE: "Aggressive Mode: three messages to an ISAKMP SA",
    Subject.QUICK: "Quick Mode: three messages to a tunnel",
}
_MODES = {Subject.MAIN: "Main Mode", Subject.AGGRESSIVE: "Aggressive Mode", Subject.QUICK: "Quick Mode"}
_PHASE_1 = (
    "Two strangers have to agree on algorithms, make a common secret that nobody else has, and prove to each other who "
    "they are. "
)
_INTRODUCTIONS = {
    Subject.MAIN: f"{_PHASE_1}Main Mode takes one pair of messages for each of the three.",
    Subject.AGGRESSIVE: f"{_PHASE_1}Aggressive Mode does all of it in three messages, and pays for it: identities "
    "and, with a pre-shared key, a hash that guesses can be tested by, pass in the clear.",
    Subject.QUICK: "Phase 1 made an ISAKMP SA, a protected channel. Under it Quick Mode makes what carries traffic: a "
    "pair of IPsec SAs, one in each direction, as often as one is needed.",
}
_REAL = (
    " Everything below is real: two ends talked over UDP on this machine just now, with random numbers of their own, "
    "and every value shown was compared with what they hold."
)
_CLOSINGS = {
    Subject.MAIN: "The ISAKMP SA is up: two cookies name it, SKEYID_e encrypts it, SKEYID_a authenticates it, and "
    "SKEYID_d waits for Quick Mode. Both ends have forgotten their exponents, g^xy and SKEYID. Go on with "
    "`ikev1 learn quick`, or see what the short cut costs with `ikev1 learn aggressive`.",
    Subject.AGGRESSIVE: "The same ISAKMP SA, with the same keys by the same formulas, in half the messages. What it "
    "cost: both names are public, and the pre-shared key is as safe as it is unguessable. Try it on a capture of your "
    "own with `ikev1 audit`.",
    Subject.QUICK: "Two SPIs and a key for each later the tunnel is up. For the next one the same three messages run "
    "again, under the same ISAKMP SA, with new nonces, new public values and a new message ID.",
}
_BEFORE_MESSAGE_2 = "What the responder computes now, and the initiator after the answer"
_AFTER_MESSAGE_4 = "What both compute now"


def lesson_of(evidence: Evidence) -> Lesson:
    """The lesson on a run."""
    subject = evidence.run.subject
    return Lesson(
        mode=_MODES[subject],
        title=_TITLES[subject],
        introduction=_INTRODUCTIONS[subject] + _REAL,
        suite=evidence.run.suite,
        conversation=evidence.conversation,
        steps=tuple(_STEPS[subject](evidence)),
        toy=toy(evidence.second or evidence.first),
        comparisons=() if subject is Subject.QUICK else comparisons(),
        closing=_CLOSINGS[subject],
    )


def _main(evidence: Evidence) -> list[Step]:
    derived = _derivation(evidence, "MM4", _AFTER_MESSAGE_4)
    steps = [_step(evidence, label) for label in ("MM1", "MM2", "MM3", "MM4")]
    return [*steps, derived, _step(evidence, "MM5"), _step(evidence, "MM6")]


def _aggressive(evidence: Evidence) -> list[Step]:
    derived = _derivation(evidence, "AM2", _BEFORE_MESSAGE_2)
    return [_step(evidence, "AM1"), derived, _step(evidence, "AM2"), _step(evidence, "AM3")]


def _quick(evidence: Evidence) -> list[Step]:
    before = _derivation(evidence, "MM4", "What phase 1 left: Main Mode has just run")
    steps = [_step(evidence, label) for label in ("QM1", "QM2")]
    return [before, *steps, _keys_of_traffic(evidence), _step(evidence, "QM3")]


_STEPS = {Subject.MAIN: _main, Subject.AGGRESSIVE: _aggressive, Subject.QUICK: _quick}


def _step(evidence: Evidence, label: str) -> Step:
    """A message, with the HASH that proves it."""
    message = _message(evidence, label)
    text = TEXTS[label]
    formulas = tuple(formula for formula in message.formulas if formula.name.startswith("HASH"))
    return Step(
        label=label,
        title=text.title,
        sender=message.sender,
        rfc=text.rfc,
        carries=text.carries,
        why=text.why,
        seen=text.seen,
        values=values_of(message),
        formulas=formulas,
        misreadings=misreadings_of(label, tuple(formula.name for formula in formulas)),
    )


def _message(evidence: Evidence, label: str) -> Message:
    return next(message for message in evidence.conversation.messages if message.label == label)


def _derivation(evidence: Evidence, label: str, title: str) -> Step:
    """From the Diffie-Hellman exchange of phase 1 and the pre-shared key to all keys."""
    derived = (formula for formula in evidence.formulas(label) if not formula.name.startswith("HASH"))
    formulas = (evidence.first.formula("g^xy", "RFC 2409 §5"), *derived)
    return Step(
        label="",
        title=title,
        carries="Nothing of this is ever sent. Each end takes its own exponent, the other's public value, and the "
        "pre-shared key.",
        why="SKEYID is where the secret that was agreed upon before meets this exchange. Three keys follow from it, "
        "each computed from the one before, and each with a task of its own: SKEYID_d is the parent of the keys of "
        "traffic, SKEYID_a authenticates ISAKMP messages after phase 1, SKEYID_e encrypts them. g^xy is in all three, "
        "so that a pre-shared key that leaks later does not open what was recorded.",
        seen="Nobody. A listener has the nonces, the public values and the cookies, and lacks g^xy and the key.",
        values=(("pre-shared key", evidence.run.pre_shared_key.decode(errors="backslashreplace")),),
        formulas=formulas,
        misreadings=_about(formulas),
    )


def _keys_of_traffic(evidence: Evidence) -> Step:
    """KEYMAT of both directions."""
    second = () if evidence.second is None else (evidence.second.formula("g(qm)^xy", "RFC 2409 §5.5"),)
    formulas = (*second, *evidence.keymat)
    return Step(
        label="",
        title="The keys of the traffic",
        carries="Nothing of this is ever sent.",
        why="Each of the two SAs has the SPI that its receiver chose, and so keys of its own. KEYMAT is cut into what "
        "the algorithms need: here, for AES-GCM, 16 octets of key and 4 of salt.",
        seen="Nobody. And because of g(qm)^xy not even somebody who gets SKEYID_d later: that is perfect forward "
        "secrecy.",
        formulas=formulas,
        misreadings=_about(formulas),
    )


def _about(formulas: tuple[Formula, ...]) -> tuple[Misreading, ...]:
    return misreadings_of("", tuple(formula.name for formula in formulas))
