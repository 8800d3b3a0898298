"""The backend ``command``: an external program, one process for each attempt (protocol: docs/users.md)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec

from ikev1.aaa.check_places import CheckPlaces
from ikev1.aaa.programs import ProgramFailed, run
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

_MOST = 32  # processes at a time
_LONGEST_TEXT = 255  # characters of a text for the user


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The output of the program. Unknown fields are errors, because they may be misspelled."""

    verdict: Literal["accepted", "rejected", "challenged", "unavailable"]
    reason: str = ""
    message: str = ""
    user: str = ""
    groups: list[str] = []
    addresses: list[str] = []
    netmask: str = ""
    dns: list[str] = []
    nbns: list[str] = []
    session_timeout: int = 0
    prompt: Prompt = Prompt.PASSCODE
    state: str = ""


_DECODER = msgspec.json.Decoder(Answer)


class CommandBackend:
    """Runs ``command``, a program and its arguments, for each attempt, for at most ``seconds``."""

    name = "command"

    def __init__(self, command: Sequence[str], seconds: float = 10.0) -> None:
        self._command = tuple(command)
        self._seconds = seconds
        self._places = CheckPlaces(_MOST)

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """The verdict of the program. Without output, exit status 0 accepts and 1 rejects."""
        place = self._places.take(attempt)
        if isinstance(place, str):
            return Unavailable(place)
        try:
            status, output = await run(self._command, question_for(attempt), self._seconds)
        except ProgramFailed as error:
            return Unavailable(f"{self._command[0]}: {error}")
        finally:
            self._places.give_back(place)
        return self._verdict(status, output, attempt)

    async def close(self) -> None:
        """Do nothing: each process is killed when the task that awaits its verdict ends."""

    def _verdict(self, status: int, output: bytes, attempt: XauthAttempt) -> Verdict:
        if not output.strip() and status in (0, 1):
            user = User(attempt.user, attempt.domain, backend=self.name)
            return Accepted(user) if status == 0 else Rejected("rejected by the command")
        if status:
            return Unavailable(f"{self._command[0]} ended with status {status}")
        try:
            return verdict_of(_DECODER.decode(output), attempt, self.name)
        except (msgspec.DecodeError, ValueError) as error:
            return Unavailable(f"{self._command[0]} answered what is not in the protocol: {error}")


def question_for(attempt: XauthAttempt) -> bytes:
    """``attempt`` as one line of JSON. Values that are not UTF-8 text are written in hexadecimal."""
    question: dict[str, object] = {
        "version": 1,
        "user": attempt.user,
        "domain": attempt.domain,
        "address": attempt.address,
        "connection": attempt.connection,
    }
    for name in ("password", "passcode", "next_pin", "answer"):
        if value := getattr(attempt, name):
            question |= _octets(name, value)
    if attempt.state:
        question["state"] = attempt.state.decode()
    return msgspec.json.encode(question)


def verdict_of(answer: Answer, attempt: XauthAttempt, backend: str) -> Verdict:
    """The verdict in ``answer``.

    Raises:
        ValueError: an address is invalid, or the state or a text is too long.
    """
    if answer.verdict == "unavailable":
        return Unavailable(_text(answer.reason) or "the command could not check the user")
    if answer.verdict == "rejected":
        return Rejected(_text(answer.reason) or "rejected by the command")
    if answer.verdict == "challenged":
        if len(answer.state) > 1024:
            raise ValueError("the state has more than 1024 characters")
        return Challenged(answer.prompt, _text(answer.message), state=answer.state.encode())
    addresses = {address.version: str(address) for address in map(ip_address, answer.addresses)}
    if len(addresses) != len(answer.addresses):
        raise ValueError("a user has at most one IPv4 and one IPv6 address")
    if answer.netmask:
        ip_network(f"0.0.0.0/{answer.netmask}")
    if not answer.user.isprintable():
        raise ValueError("the name of the user is no printable text")
    return Accepted(
        User(
            *attempt.known_as(_text(answer.user)),
            groups=tuple(answer.groups),
            backend=backend,
            address=addresses.get(4, ""),
            netmask=answer.netmask,
            address6=addresses.get(6, ""),
            dns=tuple(str(ip_address(address)) for address in answer.dns),
            nbns=tuple(str(ip_address(address)) for address in answer.nbns),
            session_timeout=max(0, answer.session_timeout),
        )
    )


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a text has more than {_LONGEST_TEXT} characters")
    return text


def _octets(name: str, value: bytes) -> dict[str, str]:
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_hex": value.hex()}
