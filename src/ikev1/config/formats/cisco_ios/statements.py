"""The commands of each router in a text, with the subcommands of those that open a mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from ikev1.config.formats.cisco_ios.lexer import EXEC, GLOBAL, SUBMODE, Line, Word
from ikev1.config.formats.settings_lexer import SyntaxFault

MOST_ROUTERS = 200
_MOST_COMPARED = 1_000_000  # commands with what is removed
_LEAVES = frozenset({"exit", "ex", "end", "quit"})
_TYPED = frozenset({"configure", "conf", "enable", "do", "write", "wr", "copy", "show", "sh"})  # no configuration
_OF_CRYPTO = frozenset({"isakmp", "ipsec", "map", "ikev1", "keyring", "dynamic-map"})
_SHORTEST = 2  # characters of a keyword that is abbreviated
_UNNAMED = {"ios": "Router", "asa": "ciscoasa"}  # until a hostname is configured


class Command(NamedTuple):
    """What reads a command of at most ``most`` words. If the command opens a mode, ``inner`` are its subcommands, and
    ``handle`` returns what these change. ``others`` reads any other in the mode; without it, they are reported.
    """

    handle: Callable[[Any, Any], object]
    inner: Grammar | None = None
    others: Callable[[Any, Any], object] | None = None
    most: int = 1000


class Grammar:
    """Commands by their keywords, such as ``crypto isakmp policy``."""

    def __init__(self, commands: Mapping[str, Command], shortest: int = _SHORTEST) -> None:
        self._shortest = shortest  # characters of the first word
        self._by_first: dict[str, list[tuple[tuple[str, ...], Command]]] = {}
        for keywords, command in commands.items():
            parts = tuple(keywords.split())
            self._by_first.setdefault(parts[0], []).append((parts, command))
        self._found: dict[str, list[tuple[tuple[str, ...], Command]]] = {}

    @property
    def commands(self) -> tuple[str, ...]:
        """The keywords of all commands."""
        return tuple(" ".join(parts) for commands in self._by_first.values() for parts, _ in commands)

    @property
    def first_words(self) -> tuple[str, ...]:
        """The first keywords of all commands."""
        return tuple(self._by_first)

    def find(self, words: tuple[Word, ...]) -> tuple[tuple[str, ...], Command] | None:
        """The keywords of the command that the words begin with; the one with most keywords, spelled exactly."""
        best, rank = None, (0, 0)
        for parts, command in self._candidates(words[0].text.lower()) if words else ():
            if not len(parts) <= len(words) <= command.most or not all(
                fits(word.text, part) for word, part in zip(words, parts, strict=False)
            ):
                continue
            exact = sum(word.text.lower() == part for word, part in zip(words, parts, strict=False))
            if (len(parts), exact) > rank:
                best, rank = (parts, command), (len(parts), exact)
        return best

    def _candidates(self, first: str) -> list[tuple[tuple[str, ...], Command]]:
        if first in self._by_first:
            return self._by_first[first]
        if len(self._found) > 1000:
            self._found.clear()
        if first not in self._found:
            self._found[first] = [
                each
                for word, commands in self._by_first.items()
                if len(first) >= self._shortest and fits(first, word)
                for each in commands
            ]
        return self._found[first]


def fits(written: str, keyword: str) -> bool:
    """Whether a word is a keyword, or the beginning of it."""
    lower = written.lower()
    return lower == keyword or (len(lower) >= _SHORTEST and keyword.startswith(lower))


@dataclass
class Statement:
    """A command in line ``number``; ``inner`` are the subcommands."""

    words: tuple[Word, ...]
    number: int
    comments: tuple[str, ...] = ()
    inner: list[Statement] = field(default_factory=list)

    def begins(self, words: tuple[Word, ...]) -> bool:
        """Whether the command begins with these words."""
        return len(words) <= len(self.words) and all(
            one.text.lower() == other.text.lower() for one, other in zip(words, self.words, strict=False)
        )


@dataclass
class Router:
    """The commands of the router ``name``, which is configured from line ``number`` on."""

    name: str
    number: int
    statements: list[Statement] = field(default_factory=list)


def routers(lines: Iterable[Line], grammar: Grammar, kind: str) -> dict[str, Router]:
    """The routers in a text, by their names: each begins with its ``hostname``, or has its name in the prompt."""
    reader = _Reader(grammar, _UNNAMED[kind])
    for line in lines:
        reader.read(line)
    return {name: router for name, router in reader.routers.items() if router.statements}


class _Reader:
    def __init__(self, grammar: Grammar, unnamed: str) -> None:
        self._grammar = grammar
        self._router = Router(unnamed, 1)
        self._unnamed = True
        self.routers: dict[str, Router] = {unnamed: self._router}
        self._block: Statement | None = None
        # the last block that is no output of the router
        self._last: tuple[Statement | None, Grammar | None, bool] = (None, None, False)
        self._inner: Grammar | None = None
        self._loose = False
        self._indent = 0
        self._compared = 0

    def read(self, line: Line) -> None:
        if line.device and line.device != self._router.name:
            self._switch(line.device, line.number)
        if not line.words:
            if line.indent <= self._indent:
                self._block = None
            return
        if line.mode == SUBMODE:
            self._block, self._inner, self._loose = self._last
        first = line.words[0].text.lower()
        if line.mode == EXEC or first in _LEAVES or (first in _TYPED and (line.device or not line.indent)):
            self._block = None
        elif first == "hostname" and len(line.words) > 1 and (self._block is None or not line.indent):
            self._name(line.words[1].text.strip('"'), line)
        elif not self._is_inside(line):
            self._open(line)
        elif first == "no" and len(line.words) > 1:
            assert self._block is not None
            self._remove(self._block.inner, line)
        else:
            assert self._block is not None
            self._block.inner.append(Statement(line.words, line.number, line.comments))

    def _is_inside(self, line: Line) -> bool:
        """Whether a line is a subcommand of the open block. Without indentation, its words decide."""
        if self._block is None or self._inner is None or line.mode == GLOBAL:
            return False
        words = line.words[1:] if line.words[0].text.lower() == "no" and len(line.words) > 1 else line.words
        known = self._inner.find(words) is not None
        if known or self._grammar.find(words) is not None or words[0].text.lower() == "crypto" or _is_misspelled(words):
            return known
        if line.mode == SUBMODE or line.indent > self._indent or self._loose:
            return True
        return bool(get_close_matches(words[0].text.lower(), self._inner.first_words, n=1, cutoff=0.75))

    def _open(self, line: Line) -> None:
        self._block = None
        words = line.words
        if words[0].text.lower() == "no" and len(words) > 1:
            if self._grammar.find(words[1:]) is not None or words[1].text.lower() == "crypto":
                self._remove(self._router.statements, line)
            return
        found = self._grammar.find(words)
        statement = Statement(words, line.number, line.comments)
        if found is not None or words[0].text.lower() == "crypto" or _is_misspelled(words):
            self._router.statements.append(statement)
        self._block, self._indent = statement, line.indent
        self._inner = found[1].inner if found is not None else _ANYTHING
        self._loose = found is None or found[1].others is not None
        if found is not None or line.device:
            self._last = (statement, self._inner, self._loose)

    def _remove(self, statements: list[Statement], line: Line) -> None:
        """Carry out ``no``: what was configured before is removed, and else the command is kept, because it switches
        off a default.
        """
        self._compared += len(statements)
        if self._compared > _MOST_COMPARED:
            raise SyntaxFault(0, "has too many lines that begin with 'no'")
        kept = [each for each in statements if not each.begins(line.words[1:])]
        if len(kept) == len(statements):
            statements.append(Statement(line.words, line.number, line.comments))
        else:
            statements[:] = kept

    def _name(self, name: str, line: Line) -> None:
        """The router is called ``name``, or another one begins."""
        self._block = None
        if line.device or self._unnamed:
            router = self.routers.pop(self._router.name)
            if name in self.routers:
                self.routers[name].statements += router.statements
                router = self.routers[name]
            router.name, router.number = name, line.number
            self.routers[name] = self._router = router
            self._unnamed = False
        else:
            self._switch(name, line.number)

    def _switch(self, name: str, number: int) -> None:
        self._block, self._last = None, (None, None, False)
        if len(self.routers) >= MOST_ROUTERS:
            raise SyntaxFault(0, f"contains more than {MOST_ROUTERS} routers")
        if self._unnamed and not self._router.statements:
            self.routers.pop(self._router.name)
        self._unnamed = False
        self._router = self.routers.setdefault(name, Router(name, number))


def _is_misspelled(words: tuple[Word, ...]) -> bool:
    """Whether a command is meant to begin with crypto."""
    of_crypto = len(words) > 2 and words[1].text.lower() in _OF_CRYPTO
    return of_crypto and bool(get_close_matches(words[0].text.lower(), ("crypto",), cutoff=0.75))


_ANYTHING = Grammar({})
