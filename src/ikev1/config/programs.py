"""Programs that the configuration names: a file that can be executed, and its arguments."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from ikev1.config.files import changeable, why_unreadable
from ikev1.config.findings import Invalid, Rule
from ikev1.config.values import text


def program(folder: Path) -> Callable[[object], tuple[str, ...]]:
    """A converter: a program and its arguments, as a string with the quoting of a shell or as a list of strings. The
    program's name is relative to ``folder``; it must be executable, and others must not be able to change it.
    """

    def convert(value: object) -> tuple[str, ...]:
        file, *arguments = _words(value)
        path = folder / Path(file).expanduser()
        try:
            status = path.stat()
        except OSError as error:
            raise Invalid(Rule.UNREADABLE_FILE, f"{path} {why_unreadable(error)}") from error
        if not path.is_file() or not status.st_mode & 0o111:
            raise Invalid(Rule.INVALID_FILE, f"{path} is not an executable file")
        change = changeable(status)
        if change is not None:
            raise Invalid(
                Rule.CHANGEABLE_BY_OTHERS, f"{path} is not used because {change.text}: run `chmod go-w` on it"
            )
        return str(path), *arguments

    return convert


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        words = [text(word) for word in value]
    else:
        try:
            words = shlex.split(text(value))
        except ValueError as error:
            raise ValueError(f"{value!r} is not a command: {error}") from None
    if not words or any("\0" in word for word in words):
        raise ValueError(f"{value!r} is not allowed: expected a program and its arguments")
    return words
