"""The options of commands with another syntax than ours: long names, with or without a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ikev1.errors import LocalError


class Options(NamedTuple):
    """The options that were given by their names without dashes, flags with an empty value, and the other words."""

    values: dict[str, str]
    words: list[str]


class WrongUsage(LocalError):
    """Words that the command does not have; the text says which."""

    code = "wrong-usage"


def parse(words: Sequence[str], known: Mapping[str, bool]) -> Options:
    """The options in ``words``. ``known`` are their names, and whether they have a value, behind ``=`` or as next word.

    Raises:
        WrongUsage: an option is unknown, or lacks its value.
    """
    values: dict[str, str] = {}
    rest: list[str] = []
    given = iter(words)
    for word in given:
        if word == "--":
            rest += given
        elif not word.startswith("--"):
            rest.append(word)
        else:
            name, equals, value = word[2:].partition("=")
            if name not in known or (equals and not known[name]):
                raise WrongUsage(f"unknown option {word!r}")
            if known[name] and not equals:
                try:
                    value = next(given)
                except StopIteration:
                    raise WrongUsage(f"option --{name} needs a value") from None
            values[name] = value
    return Options(values, rest)
