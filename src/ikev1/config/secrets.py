"""Pre-shared keys and passphrases: where they stand, and who else could read them there."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from ikev1.config.files import Files, why_unreadable
from ikev1.config.table import Table


def exposure(status: os.stat_result) -> str | None:
    """Who besides its owner and root could read or change a file, or None if nobody can.

    Root's group may read; every other group, and the world, may do nothing.
    """
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return f"{mode} opens it to everybody"
    if status.st_mode & stat.S_IWGRP or (status.st_mode & stat.S_IRGRP and status.st_gid != 0):
        return f"{mode} opens it to group {status.st_gid}"
    return None


def decode(written: str) -> bytes:
    """A secret in strongSwan's notation: text, ``0x`` and hexadecimal digits, or ``0s`` and Base64.

    Raises:
        ValueError: the digits are none, or nothing is left; the message does not show them.
    """
    try:
        if written.startswith("0x"):
            secret = bytes.fromhex(written[2:])
        elif written.startswith("0s"):
            secret = base64.b64decode(written[2:], validate=True)
        else:
            secret = written.encode()
    except (ValueError, binascii.Error):
        kind = "hexadecimal" if written.startswith("0x") else "Base64"
        raise ValueError(f"the secret begins with {written[:2]!r} but is not {kind} after it") from None
    if not secret:
        raise ValueError("the secret is empty")
    return secret


class Secrets:
    """How the secrets of one configuration file are read; file names are relative to ``folder``. ``exposed`` says who
    else could read the configuration itself.
    """

    def __init__(self, folder: Path, exposed: str | None) -> None:
        self._files = Files(folder)
        self._exposed = exposed

    def take(self, table: Table, key: str) -> bytes:
        """The secret that stands in ``key``, or in the file that ``key``_file names; empty where there is neither, or
        where it is wrong and reported.
        """
        inline = table.take(key, self.inline, b"")
        from_file = table.take(f"{key}_file", self.from_file, b"")
        if key in table and f"{key}_file" in table:
            table.findings.error(table.path, f"has both {key} and {key}_file: one of the two says it")
        return inline or from_file

    def inline(self, value: object) -> bytes:
        """A secret in the configuration itself, which then nobody else may read."""
        if not isinstance(value, str):
            raise ValueError("the secret is not a string")
        if self._exposed:
            raise ValueError(
                f"stands in a file whose {self._exposed}: chmod 600 it, or keep the secret in a file of its own"
            )
        return decode(value)

    def from_file(self, value: object) -> bytes:
        """The secret that is the only content of a file, without the newline at its end."""
        file, content = self.closed_file(value)
        try:
            return decode(content.rstrip(b"\r\n").decode())
        except ValueError as error:
            reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise ValueError(f"{file}: {reason}") from None

    def closed_file(self, value: object) -> tuple[Path, bytes]:
        """A file that nobody else may read, and its content."""
        file = self._files.path(value)
        try:
            with file.open("rb") as opened:
                exposed = exposure(os.fstat(opened.fileno()))
                content = opened.read()
        except OSError as error:
            raise ValueError(f"{file} {why_unreadable(error)}") from error
        if exposed:
            raise ValueError(f"{file} is refused, its {exposed}: chmod 600 it")
        return file, content
