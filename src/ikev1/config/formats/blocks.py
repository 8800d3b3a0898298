"""The statements of a block while they are converted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part, Place

Value = TypeVar("Value")


class Block:
    """The statements of a block by their keywords; of several with one keyword that may stand once, the last counts.
    ``format`` is the name of the format.
    """

    format = ""

    def __init__(self, statements: Iterable[Statement], place: Place, reports: Reports) -> None:
        self.place = place
        self.reports = reports
        self._asked: dict[str, None] = {}
        self._left: dict[str, list[Statement]] = {}
        for statement in statements:
            self._left.setdefault(statement.keyword, []).append(statement)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._left

    def all(self, keyword: str) -> list[Statement]:
        """All statements with this keyword."""
        self._asked[keyword] = None
        return self._left.pop(keyword, [])

    def one(self, keyword: str) -> Statement | None:
        """The last statement with this keyword, None if there is none."""
        found = self.all(keyword)
        return found[-1] if found else None

    def take(self, keyword: str, convert: Callable[[Sequence[str]], Value], default: Value) -> Value:
        """The converted words behind ``keyword``; the ``default`` if it is absent, or wrong, which is reported."""
        statement = self.one(keyword)
        return default if statement is None else self.converted(statement, convert, default)

    def copy(
        self, keyword: str, into: Part, name: str, convert: Callable[[Sequence[str]], object], default: object = None
    ) -> None:
        """Set ``name`` of ``into`` to the converted words behind ``keyword``, or to the ``default`` of the program;
        None is left out.
        """
        statement = self.one(keyword)
        value = default if statement is None else self.converted(statement, convert, default)
        if value is not None:
            into.put(name, value, self.place if statement is None else statement.place)

    def converted(self, statement: Statement, convert: Callable[[Sequence[str]], Value], default: Value) -> Value:
        """The converted words of ``statement``; the ``default`` if they are wrong, which is reported."""
        try:
            return convert(statement.values)
        except Invalid as error:
            self.reports.error(statement.place, error.rule, str(error))
            return default

    def lose(self, *lost: Lost) -> None:
        """Report statements without a counterpart, unless their values change nothing."""
        for keyword, meaning, usual, matters in lost:
            for statement in self.all(keyword):
                if " ".join(statement.values) in usual:
                    continue
                if matters:
                    self.reports.error(statement.place, Rule.NOT_SUPPORTED, f"is not supported: {meaning}")
                else:
                    self.reports.warn(statement.place, Rule.NO_COUNTERPART, f"is ignored: {meaning}")

    def finish(self) -> None:
        """Report statements that nobody asked for."""
        for statements in self._left.values():
            for statement in statements:
                near = get_close_matches(statement.keyword, self._asked, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                text = f"is not a statement of {self.format} at this place{hint}"
                self.reports.error(statement.place, Rule.UNKNOWN_KEY, text)
        self._left.clear()
