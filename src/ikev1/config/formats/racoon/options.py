"""The statements of a block of racoon.conf while they are converted."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats import blocks
from ikev1.config.formats.racoon import words


class Block(blocks.Block):
    """A block of racoon.conf."""

    format = "racoon.conf"

    def lifetime(self, default: int) -> int:
        """The seconds in ``lifetime time``, the ``default`` if it is absent."""
        for statement in self.all("lifetime"):
            if statement.values[:1] == ("time",):
                default = self.converted(statement, lambda values: words.duration(values[1:]), default)
            else:
                text = "is not supported: racoon has no lifetimes by volume"
                self.reports.error(statement.place, Rule.NOT_SUPPORTED, text)
        return default
