"""psk.txt: pre-shared keys by identifiers, and passwords by users."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_lexer import Lexer
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place
from ikev1.config.secrets import exposed_secret, exposure


class SharedKey(NamedTuple):
    """A key in the notation of `ikev1.config.secrets.decode`, and where it was written."""

    secret: str
    place: Place

    def __repr__(self) -> str:
        return f"SharedKey(<secret>, {self.place!r})"


class SharedKeys:
    """The keys of ``file`` by their identifiers, of which the first counts; none if it does not exist.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, file: Path, findings: Findings) -> None:
        self.file = file
        self.read: dict[Path, os.stat_result] = {}
        self.all: dict[str, SharedKey] = {}
        if not file.exists():
            return
        files = TextFiles(findings)
        with files.opened(file) as text:
            Lexer(text)  # its limits hold
            for number, line in enumerate(text.split("\n"), 1):
                words = line.rstrip("\r").split(None, 1)
                if not words or words[0].startswith("#"):
                    continue
                owner, secret = words[0], words[1].rstrip(" \t") if len(words) > 1 else ""
                self.all.setdefault(owner, SharedKey(_notation(secret), Place(file, number, 1, "psk.txt")))
        self.read = files.read
        if self.all and (exposed := exposure(self.read[file])):
            place = next(iter(self.all.values())).place
            text = exposed_secret(exposed)
            findings.errors.append(place.finding(Rule.READABLE_BY_OTHERS, text))

    def of(self, *owners: str) -> SharedKey | None:
        """The key of the first of ``owners`` that has one, or else that of everybody, ``*``."""
        return next((self.all[owner] for owner in (*owners, "*") if owner in self.all), None)


def _notation(secret: str) -> str:
    """racoon reads ``0x`` and hexadecimal digits as octets, and everything else as it is written."""
    return f"0x{secret.encode().hex()}" if secret.startswith("0s") else secret
