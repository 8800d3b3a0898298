"""The backend ``pam``: the system's PAM, in a process of its own for each attempt (`ikev1.aaa.pam_conversation`).

The process remains between a challenge and its answer, because PAM keeps the conversation open, and counts towards the
limit on processes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ikev1.aaa.backend import BackendError
from ikev1.aaa.check_places import CheckPlaces, Place
from ikev1.aaa.programs import Program, ProgramFailed
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

_MOST = 16  # processes at a time, of 15 MiB each
_PROGRAM = Path(__file__).with_name("pam_conversation.py")


class PamBackend:
    """Checks users by the PAM ``service``. Each step of a conversation may last ``seconds``; a challenge must be
    answered within ``answer_within`` seconds.
    """

    name = "pam"

    def __init__(self, service: str, seconds: float = 20.0, answer_within: float = 120.0) -> None:
        if find_spec("pamela") is None:
            raise BackendError("the backend 'pam' needs the package pamela: pip install 'ikev1[gateway]'")
        self._service = service
        self._seconds = seconds
        self._answer_within = answer_within
        self._open: dict[bytes, tuple[Program, Place, asyncio.TimerHandle]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._places = CheckPlaces(_MOST)

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """Check the user by PAM's authentication, then by its account management."""
        try:
            secret = attempt.secret.decode()
        except UnicodeDecodeError:
            return Rejected("the password is not UTF-8 text")
        if "\0" in attempt.login or "\0" in secret:
            return Rejected("a NUL character, which PAM does not support")
        if attempt.state:
            return await self._answer(attempt, secret)
        place = self._places.take(attempt)
        if isinstance(place, str):
            return Unavailable(place)
        try:
            program = await self._start()
        except BaseException as error:
            self._places.give_back(place)
            if isinstance(error, ProgramFailed):
                return Unavailable(str(error))
            raise
        question = {"service": self._service, "user": attempt.login, "address": attempt.address, "secret": secret}
        return await self._step(program, place, question, attempt)

    async def close(self) -> None:
        """End the conversations that wait for an answer."""
        for state in tuple(self._open):
            self._give_up(state)
        await asyncio.gather(*self._ending)

    async def _start(self) -> Program:
        # the module search path of this process; -P leaves out the directory of the script
        environment = {"PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
        return await Program.start([sys.executable, "-P", "-s", str(_PROGRAM)], environment)

    async def _answer(self, attempt: XauthAttempt, secret: str) -> Verdict:
        found = self._open.pop(attempt.state, None)
        if found is None:
            return Rejected("the challenge is not open any longer")
        program, place, timer = found
        timer.cancel()
        return await self._step(program, place, {"secret": secret}, attempt)

    async def _step(self, program: Program, place: Place, question: dict[str, str], attempt: XauthAttempt) -> Verdict:
        """Send the question to ``program`` and return its verdict. The process and its place are kept only after a
        challenge.
        """
        goes_on = False
        try:
            async with asyncio.timeout(self._seconds):
                await program.tell(msgspec.json.encode(question))
                answer = msgspec.json.decode(await program.line() or b"{}", type=dict[str, str | bool])
            verdict = self._verdict(answer, attempt)
            goes_on = isinstance(verdict, Challenged)
            if isinstance(verdict, Challenged):
                timer = asyncio.get_running_loop().call_later(self._answer_within, self._give_up, verdict.state)
                self._open[verdict.state] = program, place, timer
            return verdict
        except TimeoutError:
            return Unavailable(f"PAM took more than {self._seconds:g} s")
        except ProgramFailed as error:
            return Unavailable(str(error))
        except msgspec.DecodeError:
            return Unavailable("the process that talks to PAM failed")
        finally:
            if not goes_on:
                try:
                    await program.end()
                finally:
                    self._places.give_back(place)

    def _verdict(self, answer: dict[str, str | bool], attempt: XauthAttempt) -> Verdict:
        reason = str(answer.get("reason", "the process that talks to PAM failed"))
        match answer.get("verdict"):
            case "accepted":
                return Accepted(User(*attempt.known_as(str(answer.get("user", ""))), backend=self.name))
            case "rejected":
                return Rejected(reason)
            case "challenged":
                kind = Prompt.PASSCODE if answer["hidden"] else Prompt.ANSWER
                return Challenged(kind, str(answer["text"]), state=secrets.token_bytes(16))
            case _:
                return Unavailable(reason)

    def _give_up(self, state: bytes) -> None:
        program, place, timer = self._open.pop(state)
        timer.cancel()
        task = asyncio.get_running_loop().create_task(program.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.add_done_callback(lambda _: self._places.give_back(place))
