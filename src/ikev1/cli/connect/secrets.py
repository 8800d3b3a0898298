"""Secrets for `ikev1 connect`: from a file, the keyring of the desktop, or the terminal, never the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from ikev1.cli.connect.configuration import XAUTH_TIMEOUT
from ikev1.core.records.events import ConfigReceived, Event, XauthUp
from ikev1.core.records.remote_access import XauthQuestions
from ikev1.files.private import read_private
from ikev1.wire.registry import ConfigAttribute, XauthType
from ikev1.wire.words import printable

_LONGEST = 4096  # octets
_LIMIT = f"within {XAUTH_TIMEOUT // 60} minutes"
_HIDDEN = {
    ConfigAttribute.XAUTH_USER_PASSWORD: "Password",
    ConfigAttribute.XAUTH_PASSCODE: "Passcode",
    ConfigAttribute.XAUTH_NEXT_PIN: "New PIN",
    ConfigAttribute.XAUTH_ANSWER: "Answer",
}
_REPEATED = {
    ConfigAttribute.XAUTH_USER_NAME.value,
    ConfigAttribute.XAUTH_USER_PASSWORD.value,
    ConfigAttribute.XAUTH_DOMAIN.value,
}

Prompter = Callable[[XauthQuestions], dict[int, bytes] | None]


def secret_in_file(file: Path) -> bytes:
    """The first line of ``file``, which nobody else may be able to read.

    Raises:
        click.UsageError: it cannot be used.
    """
    try:
        secret = read_private(file).split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error
    if not secret or len(secret) > _LONGEST:
        raise click.UsageError(f"{file}: expected a secret of 1 to {_LONGEST} octets in the first line")
    return secret


def secret_in_keyring(gateway: str, kind: str, name: str) -> bytes:
    """The secret that `secret-tool` finds for the attributes ``service`` ikev1, ``gateway``, ``kind`` and ``name``;
    empty if there is none, or no `secret-tool`.
    """
    tool = shutil.which("secret-tool")
    if tool is None:
        return b""
    command = [tool, "lookup", "service", "ikev1", "gateway", gateway, kind, name]
    try:
        found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return found.stdout[:_LONGEST].rstrip(b"\n") if found.returncode == 0 else b""


def ask_hidden(text: str) -> bytes:
    """What the user types at the terminal, without echo; without a terminal, the next line of standard input.

    Raises:
        click.Abort: the user gave up, or there is nothing to read.
    """
    if not _has_terminal():
        line = sys.stdin.readline(_LONGEST).rstrip("\r\n")
        if not line:
            raise click.Abort
        return line.encode()
    typed: str = click.prompt(text, hide_input=True, err=True)
    return typed.encode()


def _has_terminal() -> bool:
    """Whether there is a terminal that can be asked; `getpass` prefers that of the process to standard input."""
    if sys.stdin.isatty():
        return True
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return True
    return False


def ask_secret(label: str, option: str) -> bytes:
    """A secret that ``option`` can give, too.

    Raises:
        click.Abort: the user gave up.
        click.UsageError: there is no terminal, and nothing to read instead.
    """
    try:
        return ask_hidden(label)
    except click.Abort:
        if _has_terminal():
            raise
        raise click.UsageError(f"no terminal to ask for a secret ({label}): use {option}") from None


@contextmanager
def kept_terminal() -> Iterator[None]:
    """Restore the settings of the terminal at the end: a question without echo may be open then, in another thread."""
    if not sys.stdin.isatty():
        yield
        return
    settings = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        if sys.stdin.isatty():  # a process in the background has left it
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def ask_user(questions: XauthQuestions) -> dict[int, bytes] | None:
    """Ask at the terminal for what a gateway wants to know; None if the user gave up."""
    if questions.message:
        click.echo(questions.message, err=True)
    if questions.challenge:
        click.echo(f"Challenge: {printable(questions.challenge.decode(errors='replace'), ' ')}", err=True)
    values: dict[int, bytes] = {}
    try:
        for kind in questions.kinds:
            if kind in _HIDDEN:
                values[kind] = ask_hidden(f"{_HIDDEN[ConfigAttribute(kind)]} ({_LIMIT})")
            elif kind == ConfigAttribute.XAUTH_USER_NAME and questions.user and not questions.again:
                values[kind] = questions.user.encode()
            else:
                label = "User" if kind == ConfigAttribute.XAUTH_USER_NAME else "Domain"
                typed: str = click.prompt(label, default=questions.user if label == "User" else "", err=True)
                values[kind] = typed.encode()
    except click.Abort:
        return None
    return values


class Prompt:
    """Asks at the terminal. When phase 1 is renewed, it repeats what the user has entered, if the gateway has accepted
    that and permits it (Cisco's SAVE_PASSWD).

    Only a user name, a domain and a password are repeated, and only if they were all that the gateway asked for: the
    answer to another question is valid once. They are kept in memory.
    """

    def __init__(self, ask: Prompter = ask_user) -> None:
        self._ask = ask
        self._entered: dict[int, bytes] | None = None
        self._questions = 0  # since the gateway accepted the user
        self._accepted = False
        self._permitted = False

    def __call__(self, questions: XauthQuestions) -> dict[int, bytes] | None:
        """The values that the gateway asks for; None if the user gave up."""
        known, accepted, self._accepted = self._entered, self._accepted, False
        usual = set(questions.kinds) <= _REPEATED and not questions.challenge
        usual = usual and questions.xauth_type in (None, XauthType.GENERIC)  # others ask for one-time passwords
        if usual and known is not None and accepted and self._permitted and set(questions.kinds) <= set(known):
            return {kind: known[kind] for kind in questions.kinds}
        self._questions += 1
        self._entered = self._ask(questions)
        return self._entered

    def observe(self, event: Event) -> None:
        """Note what the gateway accepts and permits."""
        if isinstance(event, XauthUp):
            self._accepted, self._questions = self._questions < 2, 0
        elif isinstance(event, ConfigReceived) and event.sa.received is not None:
            self._permitted = event.sa.received.save_password
