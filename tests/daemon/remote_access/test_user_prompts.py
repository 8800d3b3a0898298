"""Questions to the user of this process: one at a time, and none for what has ended."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ikev1.core.records.actions import AskUser
from ikev1.core.records.answers import UserInput
from ikev1.core.records.events import Code, IkeDown
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.remote_access import XauthQuestions
from ikev1.core.records.settings import Connection
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.remote_access.user_prompts import Prompter, UserPrompts
from ikev1.wire.registry import ConfigAttribute

PASSCODE = int(ConfigAttribute.XAUTH_PASSCODE)
PATH = UdpPath("192.0.2.1", 500, "198.51.100.7", 500)


def question(request: int, sa: int = 1) -> AskUser:
    record = IkeSa(sa, "office", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, 0.0)
    return AskUser(request, record, Connection("office", (), ()), XauthQuestions(7, (PASSCODE,)))


class Asked:
    """The answers by request, as they come."""

    def __init__(self) -> None:
        self.answers: dict[int, UserInput] = {}
        self.lines: list[Line] = []
        self._came = asyncio.Event()

    def prompts(self, prompter: Prompter) -> UserPrompts:
        log = EventLog()
        log.attach(Level.DEBUG, self._line)
        return UserPrompts(prompter, self._answer, log)

    def _answer(self, request: int, answer: UserInput) -> None:
        self.answers[request] = answer
        self._came.set()

    def _line(self, line: Line) -> None:
        self.lines.append(line)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.answers) < count:
                await self._came.wait()
                self._came.clear()


@pytest.mark.parametrize("values", [{PASSCODE: b"123456"}, None], ids=["answered", "given up"])
def test_an_answer(values: dict[int, bytes] | None) -> None:
    async def run() -> None:
        asked = Asked()
        asked.prompts(lambda _: values).ask(question(1))
        assert asked.answers == {}, "never before the question has been handed over"
        await asked.until(1)
        assert asked.answers == {1: UserInput(values)}

    asyncio.run(run())


def test_one_question_at_a_time() -> None:
    async def run() -> None:
        asked, free, begun = Asked(), threading.Event(), []

        def prompter(_: XauthQuestions) -> dict[int, bytes]:
            begun.append(1)
            assert free.wait(60)
            return {PASSCODE: str(len(begun)).encode()}

        prompts = asked.prompts(prompter)
        prompts.ask(question(1))
        prompts.ask(question(2, sa=2))
        free.set()
        await asked.until(2)
        assert {answer.values[PASSCODE] for answer in asked.answers.values() if answer.values} == {b"1", b"2"}

    asyncio.run(run())


def test_no_answer_for_an_sa_that_has_ended() -> None:
    async def run() -> None:
        asked, free = Asked(), threading.Event()

        def prompter(_: XauthQuestions) -> dict[int, bytes]:
            assert free.wait(60)
            return {PASSCODE: b"1"}

        prompts = asked.prompts(prompter)
        first = question(1)
        prompts.ask(first)
        prompts.ask(question(2, sa=2))
        prompts.observe(IkeDown(first.sa, "closed"))
        free.set()
        await asked.until(1)
        assert list(asked.answers) == [2]

    asyncio.run(run())


def test_an_error_of_the_prompter_answers_nothing_and_is_logged_without_its_text() -> None:
    async def run() -> None:
        asked = Asked()

        def prompter(_: XauthQuestions) -> dict[int, bytes]:
            raise ValueError("with a secret")

        asked.prompts(prompter).ask(question(1))
        await asked.until(1)
        assert asked.answers == {1: UserInput(None)}
        (line,) = (line for line in asked.lines if line.code is Code.INTERNAL_ERROR)
        assert "with a secret" not in line.text

    asyncio.run(run())
