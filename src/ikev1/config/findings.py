"""What is wrong with a configuration, collected so that one run tells all of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ikev1.errors import LocalError


class Finding(NamedTuple):
    """One thing to mend: in which file, at which key (or line), and what is wrong and what is allowed."""

    file: Path
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.file), self.key, self.text)))


class ConfigError(LocalError):
    """A configuration that cannot be used; ``findings`` are all the reasons."""

    code = "config-invalid"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


class Findings:
    """The errors and warnings of one file while it is read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def error(self, key: str, text: str) -> None:
        """``key`` cannot be used as it stands."""
        self.errors.append(Finding(self.file, key, text))

    def warn(self, key: str, text: str) -> None:
        """``key`` can be used, but somebody should think about it."""
        self.warnings.append(Finding(self.file, key, text))

    def raise_errors(self) -> None:
        """Raises:
        ConfigError: there were errors.
        """
        if self.errors:
            raise ConfigError(tuple(self.errors))
