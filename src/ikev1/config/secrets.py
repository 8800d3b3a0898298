"""Pre-shared keys and passphrases, and the permissions of the files that hold them."""

from __future__ import annotations

import base64
import binascii
import os
import stat
import unicodedata
from pathlib import Path

from ikev1.config.files import Files, why_unreadable
from ikev1.config.findings import Invalid, Rule
from ikev1.config.table import Table

_TYPOGRAPHIC = frozenset("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb")


def exposure(status: os.stat_result) -> str | None:
    """Who besides its owner and root can read or change a file, None if nobody can.

    Root's group may read; every other group, and the world, may do nothing.
    """
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        return f"{mode} allows everybody to read or change it"
    if status.st_mode & stat.S_IWGRP or (status.st_mode & stat.S_IRGRP and status.st_gid != 0):
        return f"{mode} allows group {status.st_gid} to read or change it"
    return None


def exposed_secret(exposed: str) -> str:
    """What is wrong with a secret in a configuration that others can read, where ``exposed`` is its `exposure`."""
    return f"is a secret in a file whose {exposed}: run `chmod 600` on it, or move the secret to a file of its own"


def decode(written: str) -> bytes:
    """A secret in strongSwan's notation: text, ``0x`` and hexadecimal digits, or ``0s`` and Base64.

    Raises:
        Invalid: the digits are wrong, or the secret is empty; the message does not show the secret.
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
        raise Invalid(Rule.INVALID_SECRET, f"the secret begins with {written[:2]!r} but is not {kind}") from None
    if not secret:
        raise Invalid(Rule.INVALID_SECRET, "the secret is empty")
    return secret


def oddity(secret: bytes) -> str | None:
    """What about a secret is probably a mistake of copying it, without showing the secret; None if there is nothing."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return None  # octets that were written as digits
    quotes = sorted({unicodedata.name(character).lower() for character in text if character in _TYPOGRAPHIC})
    if quotes:
        found = f"contains {' and '.join(quotes)}, as text processors write quotation marks"
    elif len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        found = "begins and ends with a quotation mark"
    elif text != text.strip():
        found = "begins or ends with white space"
    else:
        return None
    return f"the secret {found}: it works only if the peer's secret has that as well"


class Secrets:
    """Reads the secrets of one configuration, in which it names ``files``. ``exposed`` says who else can read the
    configuration itself (`exposure`).
    """

    def __init__(self, files: Files, exposed: str | None) -> None:
        self._files = files
        self._exposed = exposed

    def take(self, table: Table, key: str) -> bytes:
        """The secret in ``key``, or in the file that ``key``_file names; empty if there is neither, or if it is wrong,
        which is reported.
        """
        inline = table.take(key, self.inline, b"")
        from_file = table.take(f"{key}_file", self.from_file, b"")
        for taken, secret in ((key, inline), (f"{key}_file", from_file)):
            if (odd := oddity(secret)) is not None:
                table.findings.warn(table.key(taken), Rule.ODD_SECRET, odd)
        if key in table and f"{key}_file" in table:
            table.findings.error(table.path, Rule.TWO_SECRETS, f"has both {key} and {key}_file: remove one of them")
        return inline or from_file

    def inline(self, value: object) -> bytes:
        """A secret in the configuration itself, which then must not be readable by others."""
        if not isinstance(value, str):
            raise Invalid(Rule.INVALID_SECRET, "the secret is not a string")
        if self._exposed:
            raise Invalid(Rule.READABLE_BY_OTHERS, exposed_secret(self._exposed))
        return decode(value)

    def from_file(self, value: object) -> bytes:
        """The secret that is the only content of a file, without the newline at its end."""
        file, content = self.closed_file(value)
        try:
            return decode(content.rstrip(b"\r\n").decode())
        except ValueError as error:
            reason = "the secret is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise Invalid(Rule.INVALID_SECRET, f"{file}: {reason}") from None

    def closed_file(self, value: object) -> tuple[Path, bytes]:
        """A file that others must not be able to read, and its content."""
        file = self._files.path(value)
        if (given := self._files.given.get(file)) is not None:
            return file, given
        try:
            with file.open("rb") as opened:
                exposed = exposure(os.fstat(opened.fileno()))
                content = opened.read()
        except OSError as error:
            raise Invalid(Rule.UNREADABLE_FILE, f"{file} {why_unreadable(error)}") from error
        if exposed:
            raise Invalid(Rule.READABLE_BY_OTHERS, f"{file} is not used because {exposed}: run `chmod 600` on it")
        return file, content
