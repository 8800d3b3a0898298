"""Lessons: every formula with its inputs gives its result, computed here from RFC 2409 by hashlib and hmac alone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest

from ikev1.capture.records.report import Formula
from ikev1.core.records.record import replace
from ikev1.lesson.evidence import Disagreement, evidence_of
from ikev1.lesson.record import Lesson, Step
from ikev1.lesson.run import Run, Subject, run
from ikev1.lesson.teach import lesson_of

SUITE = "aes128-sha256-modp2048"
SECRET = b"only the two of us know this"


@pytest.fixture(scope="module")
def runs() -> dict[Subject, Run]:
    return {subject: run(subject, SUITE, SECRET) for subject in Subject}


@pytest.fixture(scope="module")
def lessons(runs: dict[Subject, Run]) -> dict[Subject, Lesson]:
    return {subject: lesson_of(evidence_of(each)) for subject, each in runs.items()}


def formulas(lesson: Lesson) -> dict[str, Formula]:
    return {formula.name.split(" of ")[0]: formula for step in lesson.steps for formula in step.formulas}


def octets(formula: Formula, name: str) -> bytes:
    return bytes.fromhex(dict(formula.inputs)[name])


def prf(key: bytes, *data: bytes) -> bytes:
    return hmac.digest(key, b"".join(data), hashlib.sha256)


def labels(lesson: Lesson) -> list[str]:
    return [step.label for step in lesson.steps]


def test_the_steps_of_each_lesson(lessons: dict[Subject, Lesson]) -> None:
    assert labels(lessons[Subject.MAIN]) == ["MM1", "MM2", "MM3", "MM4", "", "MM5", "MM6"]
    assert labels(lessons[Subject.AGGRESSIVE]) == ["AM1", "", "AM2", "AM3"]
    assert labels(lessons[Subject.QUICK]) == ["", "QM1", "QM2", "", "QM3"]


@pytest.mark.parametrize("subject", [Subject.MAIN, Subject.AGGRESSIVE, Subject.QUICK])
def test_skeyid_and_its_keys(lessons: dict[Subject, Lesson], subject: Subject) -> None:
    told = formulas(lessons[subject])
    SKEYID = prf(SECRET, octets(told["SKEYID"], "Ni_b"), octets(told["SKEYID"], "Nr_b"))
    assert told["SKEYID"].result == SKEYID.hex()
    g_xy = bytes.fromhex(told["g^xy"].result)
    CKY = octets(told["SKEYID_d"], "CKY-I") + octets(told["SKEYID_d"], "CKY-R")
    SKEYID_d = prf(SKEYID, g_xy, CKY, b"\x00")
    SKEYID_a = prf(SKEYID, SKEYID_d, g_xy, CKY, b"\x01")
    SKEYID_e = prf(SKEYID, SKEYID_a, g_xy, CKY, b"\x02")
    assert [told[name].result for name in ("SKEYID_d", "SKEYID_a", "SKEYID_e")] == [
        SKEYID_d.hex(),
        SKEYID_a.hex(),
        SKEYID_e.hex(),
    ]
    assert told["encryption key"].result == SKEYID_e[:16].hex()
    g_x = octets(told["first IV"], "g^xi") + octets(told["first IV"], "g^xr")
    assert told["first IV"].result == hashlib.sha256(g_x).digest()[:16].hex()


@pytest.mark.parametrize(
    ("subject", "message", "name", "order"),
    [
        (Subject.MAIN, "MM5", "HASH_I", ("g^xi", "g^xr", "CKY-I", "CKY-R", "SAi_b", "IDii_b")),
        (Subject.MAIN, "MM6", "HASH_R", ("g^xr", "g^xi", "CKY-R", "CKY-I", "SAi_b", "IDir_b")),
        (Subject.AGGRESSIVE, "AM3", "HASH_I", ("g^xi", "g^xr", "CKY-I", "CKY-R", "SAi_b", "IDii_b")),
        (Subject.AGGRESSIVE, "AM2", "HASH_R", ("g^xr", "g^xi", "CKY-R", "CKY-I", "SAi_b", "IDir_b")),
    ],
)
def test_hash_i_and_hash_r(
    lessons: dict[Subject, Lesson], subject: Subject, message: str, name: str, order: tuple[str, ...]
) -> None:
    step = step_of(lessons[subject], message)
    (formula,) = step.formulas
    computed = prf(octets(formula, "SKEYID"), *(octets(formula, each) for each in order))
    assert formula.name == name
    assert formula.result == computed.hex() == dict(step.values)[name]


def step_of(lesson: Lesson, label: str) -> Step:
    return next(step for step in lesson.steps if step.label == label)


def test_the_hashes_of_quick_mode(lessons: dict[Subject, Lesson]) -> None:
    lesson = lessons[Subject.QUICK]
    told = formulas(lesson)
    rest = "the rest of the message"
    for label, name, order in (
        ("QM1", "HASH(1)", ("M-ID", rest)),
        ("QM2", "HASH(2)", ("M-ID", "Ni_b", rest)),
        ("QM3", "HASH(3)", ("0", "M-ID", "Ni_b", "Nr_b")),
    ):
        formula = told[name]
        computed = prf(octets(formula, "SKEYID_a"), *(octets(formula, each) for each in order))
        assert formula.result == computed.hex() == dict(step_of(lesson, label).values)[name]


def test_the_keys_of_the_traffic(lessons: dict[Subject, Lesson], runs: dict[Subject, Run]) -> None:
    told = [formula for step in lessons[Subject.QUICK].steps for formula in step.formulas if "KEYMAT" in formula.name]
    assert len(told) == 2
    for formula in told:
        seed = b"".join(octets(formula, each) for each in ("g(qm)^xy", "protocol", "SPI", "Ni_b", "Nr_b"))
        K1 = prf(octets(formula, "SKEYID_d"), seed)
        assert formula.result == K1[:20].hex()  # 16 octets of key and 4 of salt: one round is enough
    children = (runs[Subject.QUICK].responder.child, runs[Subject.QUICK].initiator.child)
    held = [child.inbound.encryption_key.hex() for child in children if child is not None]
    assert [formula.result for formula in told] == held


@pytest.mark.parametrize(
    "suite", ["3des-md5-modp1024", "aes256-sha1-ecp256", "camellia256-sha512-curve25519", "aes192-sha384-modp2048s256"]
)
@pytest.mark.parametrize("subject", list(Subject))
def test_any_suite_can_be_the_subject(suite: str, subject: Subject) -> None:
    lesson = lesson_of(evidence_of(run(subject, suite, SECRET)))
    assert lesson.conversation.outcome == "established"
    assert all(check.right for message in lesson.conversation.messages for check in message.checks)


def test_what_a_lesson_says_of_articles(lessons: dict[Subject, Lesson]) -> None:
    about = {each.about for step in lessons[Subject.MAIN].steps for each in step.misreadings}
    assert {"SKEYID", "HASH_I", "HASH_R", "encryption key"} <= about
    for comparison in lessons[Subject.AGGRESSIVE].comparisons:
        assert comparison.often != comparison.really
    assert [comparison.method for comparison in lessons[Subject.MAIN].comparisons] == [
        "pre-shared keys",
        "signatures",
        "public key encryption",
    ]


def spoiled_key(done: Run) -> Run:
    *before, last = done.responder.states
    assert last.keys is not None
    wrong = replace(last, keys=replace(last.keys, SKEYID_a=bytes(32)))
    return replace(done, responder=replace(done.responder, states=(*before, wrong)))


def spoiled_message(done: Run) -> Run:
    *before, last = done.datagrams
    changed = last._replace(payload=last.payload[:-1] + bytes((last.payload[-1] ^ 1,)))
    return replace(done, datagrams=(*before, changed))


def spoiled_child(done: Run) -> Run:
    child = done.initiator.child
    assert child is not None
    wrong = replace(child, outbound=replace(child.outbound, encryption_key=bytes(20)))
    return replace(done, initiator=replace(done.initiator, child=wrong))


@pytest.mark.parametrize("spoil", [spoiled_key, spoiled_message, spoiled_child])
def test_what_is_not_so_is_not_told(runs: dict[Subject, Run], spoil: Callable[[Run], Run]) -> None:
    with pytest.raises(Disagreement):
        evidence_of(spoil(runs[Subject.QUICK]))
