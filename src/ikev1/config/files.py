"""Files that a configuration names: their content, or an `Invalid` that names the file and the reason."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ikev1.config.findings import Invalid, Rule
from ikev1.config.values import each, text

Value = TypeVar("Value")

_CERTIFICATES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b"})


class Change(NamedTuple):
    """Who besides the owner and root can change a file, or the files in a folder: a text, and whether everybody can."""

    text: str
    by_all: bool


def changeable(status: os.stat_result) -> Change | None:
    """Who else can change this file or the names in this folder, None if nobody can.

    In a sticky folder such as ``/tmp``, users cannot rename or remove the files of others.
    """
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & stat.S_IWOTH:
        return Change(f"{mode} allows everybody to change it", by_all=True)
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return Change(f"{mode} allows group {status.st_gid} to change it", by_all=False)
    return None


class Files:
    """Reads the files that one configuration names; their names are relative to ``folder``. ``given`` are the contents
    of some, which are not files.
    """

    def __init__(self, folder: Path, given: Mapping[Path, bytes] = MappingProxyType({})) -> None:
        self.folder = folder
        self.given = given

    def path(self, value: object) -> Path:
        """The file that ``value`` names."""
        return self.folder / Path(text(value)).expanduser()

    def parsed(self, parse: Callable[[bytes], Value]) -> Callable[[object], Value]:
        """A converter: what ``parse`` makes of the content of a file."""
        return lambda value: self._parse(self.path(value), parse)

    def collected(self, parse: Callable[[bytes], tuple[bytes, ...]]) -> Callable[[object], tuple[bytes, ...]]:
        """A converter: what ``parse`` finds in all of the files, or in all the certificate files of a folder."""

        def collect(value: object) -> tuple[bytes, ...]:
            files = [file for named in each(self.path)(value) for file in _in_folder(named)]
            return tuple(dict.fromkeys(item for file in files for item in self._parse(file, parse)))

        return collect

    def _parse(self, file: Path, parse: Callable[[bytes], Value]) -> Value:
        given = self.given.get(file)
        content = _read(file) if given is None else given
        try:
            return parse(content)
        except ValueError as error:
            raise Invalid(Rule.INVALID_FILE, f"{file}: {error}") from None


def why_unreadable(error: OSError) -> str:
    """Why a file cannot be read; without permission, by which user, for a gateway may have changed its user."""
    if not isinstance(error, PermissionError):
        return f"cannot be read: {error.strerror}"
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return f"cannot be read by user {user}: {error.strerror}"


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            change = changeable(os.fstat(opened.fileno()))
            content = opened.read()
    except OSError as error:
        raise Invalid(Rule.UNREADABLE_FILE, f"{file} {why_unreadable(error)}") from error
    if change is not None and change.by_all:
        raise Invalid(Rule.CHANGEABLE_BY_OTHERS, f"{file} is not used because {change.text}: run `chmod go-w` on it")
    return content


def _in_folder(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    files = sorted(file for file in named.iterdir() if file.suffix.lower() in _CERTIFICATES)
    if not files:
        raise Invalid(Rule.INVALID_FILE, f"no file in folder {named} ends in one of {', '.join(sorted(_CERTIFICATES))}")
    return files
