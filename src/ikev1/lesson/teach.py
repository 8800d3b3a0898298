"""A complete lesson: the messages of a run, and the computations of the peers between them."""

from __future__ import annotations

from ikev1.capture.records.report import Formula
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
    "Two peers have to agree on algorithms, establish a shared secret that nobody else knows, and authenticate each "
    "other. "
)
_INTRODUCTIONS = {
    Subject.MAIN: f"{_PHASE_1}Main Mode uses one pair of messages for each of the three tasks.",
    Subject.AGGRESSIVE: f"{_PHASE_1}Aggressive Mode needs only three messages, but at a price: it sends the "
    "identities in the clear and, with a pre-shared key, also a hash that allows offline guessing.",
    Subject.QUICK: "Phase 1 established an ISAKMP SA, a protected channel. Within it, Quick Mode negotiates the SAs "
    "that carry traffic: a pair of IPsec SAs, one for each direction. It is repeated for each tunnel and rekeying.",
}
_REAL = (
    " Everything below is real: two engines have just negotiated over UDP on this machine, with fresh random numbers, "
    "and every value shown was compared with the state of the engines."
)
_CLOSINGS = {
    Subject.MAIN: "The ISAKMP SA is established. The two cookies identify it, SKEYID_e encrypts its messages, SKEYID_a "
    "authenticates them, and Quick Mode will derive the traffic keys from SKEYID_d. Both peers have erased their "
    "private values, g^xy and SKEYID. Continue with `ikev1 learn quick`, or see the price of fewer messages with "
    "`ikev1 learn aggressive`.",
    Subject.AGGRESSIVE: "The result is the same ISAKMP SA, with the same keys from the same formulas, in half the "
    "messages. The price: both identities are public, and the pre-shared key is only as safe as it is hard to guess. "
    "Check a capture of your own with `ikev1 audit`.",
    Subject.QUICK: "The tunnel is established, with an SPI and a key for each direction. For the next tunnel, the same "
    "three messages are exchanged in the same ISAKMP SA, with new nonces, new public values and a new message ID.",
}
_BEFORE_MESSAGE_2 = "The responder computes the keys now, the initiator after message 2"
_AFTER_MESSAGE_4 = "Both peers compute the keys"


def lesson_of(evidence: Evidence) -> Lesson:
    """Build the lesson about a run."""
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
    before = _derivation(evidence, "MM4", "The keys of phase 1, after Main Mode")
    steps = [_step(evidence, label) for label in ("QM1", "QM2")]
    return [before, *steps, _keys_of_traffic(evidence), _step(evidence, "QM3")]


_STEPS = {Subject.MAIN: _main, Subject.AGGRESSIVE: _aggressive, Subject.QUICK: _quick}


def _step(evidence: Evidence, label: str) -> Step:
    """The step of a message, with the formula of its HASH."""
    place = next(n for n, message in enumerate(evidence.conversation.messages) if message.label == label)
    message = evidence.conversation.messages[place]
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
        values=values_of(evidence.records[place]),
        formulas=formulas,
        misreadings=misreadings_of(label, tuple(formula.name for formula in formulas)),
    )


def _derivation(evidence: Evidence, label: str, title: str) -> Step:
    """The step that derives all keys from the Diffie-Hellman exchange of phase 1 and the pre-shared key."""
    derived = (formula for formula in evidence.formulas(label) if not formula.name.startswith("HASH"))
    formulas = (evidence.first.formula("g^xy", "RFC 2409 §5"), *derived)
    return Step(
        label="",
        title=title,
        carries="None of these values is sent. Each peer uses its own private value, the public value of the other "
        "peer, and the pre-shared key.",
        why="SKEYID combines the pre-shared key with the nonces of this exchange. Three keys are derived from it, each "
        "depending on the previous one, and each with its own purpose: SKEYID_d is the source of the traffic keys, "
        "SKEYID_a authenticates ISAKMP messages after phase 1, and SKEYID_e encrypts them. All three depend on g^xy, "
        "so a pre-shared key that leaks later does not decrypt recorded traffic.",
        seen="Nobody. An eavesdropper knows the nonces, the public values and the cookies, but neither g^xy nor the "
        "pre-shared key.",
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
        title="The keys of the IPsec SAs",
        carries="None of these values is sent.",
        why="Each of the two SAs has the SPI chosen by its receiver, and therefore its own keys. KEYMAT is split into "
        "the keys of the algorithms: here, for AES-GCM, 16 octets of key and 4 octets of salt.",
        seen="Nobody. Because of g(qm)^xy, this holds even if SKEYID_d is compromised later: that is perfect forward "
        "secrecy.",
        formulas=formulas,
        misreadings=_about(formulas),
    )


def _about(formulas: tuple[Formula, ...]) -> tuple[Misreading, ...]:
    return misreadings_of("", tuple(formula.name for formula in formulas))
