"""The command hook: its protocol, and what a program that breaks it can do."""

from __future__ import annotations

import asyncio
import json
import os
import select
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.aaa.command import CommandBackend, question_for
from ikev1.aaa.programs import LARGEST_OUTPUT
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
)

ATTEMPT = XauthAttempt("alice", b"s3cret", domain="EX", address="192.0.2.7", connection="rw")
Script = Callable[[str], str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(body: str) -> str:
        file = tmp_path / "hook"
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o700)
        return str(file)

    return write


def check(command: str, attempt: XauthAttempt = ATTEMPT, seconds: float = 20.0) -> Verdict:
    async def run() -> Verdict:
        return await CommandBackend([command, "argument"], seconds).check(attempt)

    return asyncio.run(run())


def answers(script: Script, answer: object) -> Verdict:
    return check(script(f"cat > /dev/null; cat <<'END'\n{json.dumps(answer)}\nEND"))


def ends(pid: int, milliseconds: int = 60_000) -> bool:
    """Whether the process `pid` ends: a signal that was sent has not always arrived when kill(2) returns."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(process, select.POLLIN)
        return bool(poll.poll(milliseconds))
    finally:
        os.close(process)


def test_the_program_gets_one_line_of_json_and_nothing_else(script: Script, tmp_path: Path) -> None:
    os.environ["IKEV1_TEST_SECRET"] = "x"
    try:
        check(script(f'cat > {tmp_path}/in; env > {tmp_path}/env; echo "$@" > {tmp_path}/arguments'))
    finally:
        del os.environ["IKEV1_TEST_SECRET"]
    (line,) = (tmp_path / "in").read_text().splitlines()
    assert json.loads(line) == {
        "version": 1,
        "user": "alice",
        "domain": "EX",
        "address": "192.0.2.7",
        "connection": "rw",
        "password": "s3cret",
    }
    variables = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert variables <= {"PATH", "LC_ALL", "PWD", "_", "SHLVL", "OLDPWD"}
    assert (tmp_path / "arguments").read_text() == "argument\n"


def test_octets_that_are_no_text_are_hexadecimal() -> None:
    question = json.loads(question_for(XauthAttempt("alice", b"\xff\x00", passcode=b"123")))
    assert question["password_hex"] == "ff00"
    assert question["passcode"] == "123"
    assert "password" not in question


@pytest.mark.parametrize(("body", "verdict"), [("exit 0", Accepted), ("exit 1", Rejected), ("exit 2", Unavailable)])
def test_the_status_is_enough(script: Script, body: str, verdict: type[Verdict]) -> None:
    assert isinstance(check(script(body)), verdict)


def test_all_of_a_profile(script: Script) -> None:
    verdict = answers(
        script,
        {
            "verdict": "accepted",
            "groups": ["staff"],
            "addresses": ["fd00:0::9", "10.99.0.9"],
            "netmask": "255.255.255.0",
            "dns": ["10.0.0.53"],
            "nbns": ["10.0.0.54"],
            "session_timeout": 600,
        },
    )
    user = User(
        "alice",
        "EX",
        groups=("staff",),
        backend="command",
        address="10.99.0.9",
        netmask="255.255.255.0",
        address6="fd00::9",
        dns=("10.0.0.53",),
        nbns=("10.0.0.54",),
        session_timeout=600,
    )
    assert verdict == Accepted(user)


def test_the_command_names_the_user(script: Script) -> None:
    verdict = answers(script, {"verdict": "accepted", "user": "Alice"})
    assert verdict == Accepted(User("Alice", "", backend="command"))


@pytest.mark.parametrize("name", ["", "EX\\alice", "al\nice", "x" * 256])
def test_without_a_usable_name_the_one_of_the_client_stays(name: str) -> None:
    assert XauthAttempt("alice", domain="EX").known_as(name) == ("alice", "EX")


def test_rejection_challenge_and_unavailability(script: Script) -> None:
    assert answers(script, {"verdict": "rejected", "reason": "no"}) == Rejected("no")
    challenge = {"verdict": "challenged", "prompt": "answer", "message": "Pet?", "state": "s1"}
    assert answers(script, challenge) == Challenged(Prompt.ANSWER, "Pet?", state=b"s1")
    assert answers(script, {"verdict": "unavailable", "reason": "down"}) == Unavailable("down")


def test_the_answer_to_a_challenge_comes_with_its_state() -> None:
    question = json.loads(question_for(XauthAttempt("alice", answer=b"Rex", state=b"s1")))
    assert (question["answer"], question["state"]) == ("Rex", "s1")


@pytest.mark.parametrize(
    "answer",
    [
        "yes",
        {},
        {"verdict": "maybe"},
        {"verdict": "accepted", "address": "10.0.0.1"},
        {"verdict": "accepted", "addresses": ["10.0.0.300"]},
        {"verdict": "accepted", "user": "al\nice"},
        {"verdict": "accepted", "addresses": ["10.0.0.1", "10.0.0.2"]},
        {"verdict": "accepted", "addresses": "10.0.0.1"},
        {"verdict": "accepted", "netmask": "255.0.255.0"},
        {"verdict": "accepted", "dns": ["resolver"]},
        {"verdict": "accepted", "session_timeout": "600"},
        {"verdict": "challenged", "prompt": "pin"},
        {"verdict": "challenged", "state": "x" * 2000},
        {"verdict": "challenged", "message": "x" * 300},
    ],
)
def test_what_is_not_in_the_protocol_accepts_nobody(script: Script, answer: object) -> None:
    assert isinstance(answers(script, answer), Unavailable)


def test_a_verdict_of_a_program_that_fails_is_none(script: Script) -> None:
    assert isinstance(check(script("""echo '{"verdict": "accepted"}'; exit 1""")), Unavailable)


def test_too_much_output_is_refused(script: Script) -> None:
    assert isinstance(check(script(f"head -c {LARGEST_OUTPUT + 1} /dev/zero; exit 0")), Unavailable)
    assert isinstance(check(script("yes")), Unavailable)


def test_no_pipe_stays_open_although_a_process_that_cannot_be_killed_has_it(script: Script) -> None:
    async def left_open() -> set[str]:
        before = set(os.listdir("/proc/self/fd"))
        verdict = await CommandBackend([script("setsid sleep 2 & yes")]).check(ATTEMPT)
        assert isinstance(verdict, Unavailable)
        await asyncio.sleep(0)  # asyncio closes a pipe in the next turn of the loop
        return set(os.listdir("/proc/self/fd")) - before

    assert asyncio.run(left_open()) == set()


def test_a_program_that_takes_too_long_is_killed_with_its_children(script: Script, tmp_path: Path) -> None:
    begin = time.monotonic()
    verdict = check(script(f"sleep 600 & echo $! > {tmp_path}/pid; wait"), seconds=1.0)
    assert isinstance(verdict, Unavailable)
    assert time.monotonic() - begin < 60
    assert ends(int((tmp_path / "pid").read_text()))


def test_a_program_that_does_not_read_is_no_failure(script: Script) -> None:
    assert isinstance(check(script("exec < /dev/null; exit 0"), XauthAttempt("a", b"x" * 500_000)), Accepted)


def test_a_program_that_is_missing_or_no_program_checks_nobody(tmp_path: Path) -> None:
    assert isinstance(check(str(tmp_path / "missing")), Unavailable)
    plain = tmp_path / "plain"
    plain.write_text("x")
    plain.chmod(stat.S_IRUSR)
    assert isinstance(check(str(plain)), Unavailable)


def test_the_password_is_in_no_text(script: Script) -> None:
    verdict = check(script("cat; cat >&2"))
    assert isinstance(verdict, Unavailable)
    assert "s3cret" not in verdict.reason
    assert "s3cret" not in repr(ATTEMPT)
