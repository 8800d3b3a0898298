"""Files that a configuration names: what is in them, or a ValueError that says which one cannot be used and why."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from ikev1.config.values import each, text

Value = TypeVar("Value")

_CERTIFICATES = frozenset({".pem", ".crt", ".cer", ".der", ".p7b"})


class Change(NamedTuple):
    """Who besides the owner and root could change a file, or what is in a folder, in words, and whether all could."""

    text: str
    by_all: bool


def changeable(status: os.stat_result) -> Change | None:
    """Who else could change this file or the names in this folder, None if nobody can.

    In a sticky folder, as ``/tmp`` is one, nobody can rename or remove what belongs to another.
    """
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & stat.S_IWOTH:
        return Change(f"{mode} lets everybody change it", by_all=True)
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return Change(f"{mode} lets group {status.st_gid} change it", by_all=False)
    return None


class Files:
    """How the files that one configuration names are read; their names are relative to ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, value: object) -> Path:
        """The file that ``value`` names."""
        return self._folder / Path(text(value)).expanduser()

    def parsed(self, parse: Callable[[bytes], Value]) -> Callable[[object], Value]:
        """A converter: what ``parse`` makes of the content of a file."""
        return lambda value: _parse(self.path(value), parse)

    def collected(self, parse: Callable[[bytes], tuple[bytes, ...]]) -> Callable[[object], tuple[bytes, ...]]:
        """A converter: what ``parse`` finds in all of the files, or in all the certificate files of a folder."""

        def collect(value: object) -> tuple[bytes, ...]:
            files = [file for named in each(self.path)(value) for file in _in_folder(named)]
            return tuple(dict.fromkeys(item for file in files for item in _parse(file, parse)))

        return collect


def why_unreadable(error: OSError) -> str:
    """Why a file cannot be read; where it is closed, to whom, for a gateway may have become another user."""
    if not isinstance(error, PermissionError):
        return f"cannot be read: {error.strerror}"
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return f"cannot be read by user {user}: {error.strerror}"


def _parse(file: Path, parse: Callable[[bytes], Value]) -> Value:
    try:
        with file.open("rb") as opened:
            change = changeable(os.fstat(opened.fileno()))
            content = opened.read()
    except OSError as error:
        raise ValueError(f"{file} {why_unreadable(error)}") from error
    if change is not None and change.by_all:
        raise ValueError(f"{file} is refused, its {change.text}: chmod go-w it")
    try:
        return parse(content)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _in_folder(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    files = sorted(file for file in named.iterdir() if file.suffix.lower() in _CERTIFICATES)
    if not files:
        raise ValueError(f"the folder {named} has no file that ends in one of {', '.join(sorted(_CERTIFICATES))}")
    return files
