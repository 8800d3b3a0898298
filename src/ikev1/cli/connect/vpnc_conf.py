"""Configuration files of vpnc: one key and value on each line; the first value of a key is used."""

from __future__ import annotations

import os
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import click

from ikev1.cli.connect.obfuscation import decode_obfuscated
from ikev1.config.secrets import exposure
from ikev1.errors import LocalError
from ikev1.wire.words import printable

_LARGEST = 65_536  # octets of a file
_SECRETS = ("ipsec secret", "xauth password")
_OBFUSCATED = {"ipsec obfuscated secret": "ipsec secret", "xauth obfuscated password": "xauth password"}
_FLAGS = (
    "no detach",
    "xauth interactive",
    "enable weak encryption",
    "enable weak authentication",
    "enable single des",
    "enable no encryption",
    "disable nat traversal",
)
_WEAK_FLAGS = frozenset({"enable weak encryption", "enable weak authentication", "enable single des"})
_USED = (
    "ipsec gateway",
    "ipsec id",
    "xauth username",
    "domain",
    "ike authmode",
    "ca-file",
    "ike dh group",
    "perfect forward secrecy",
    "nat traversal mode",
    "interface name",
    "pidfile",
    "local port",
    "script",
)
_IGNORED = (
    "vendor",
    "application version",
    "debug",
    "no detach",
    "local addr",
    "interface mode",
    "interface mtu",
    "ifmtu",
    "cisco udp encapsulation port",
    "dpd idle timeout (our side)",
    "ca-dir",
    "password helper",
    "ipsec target network",
    "xauth interactive",
    "udp encapsulate",
    "udp encapsulation port",
)
_KEYS = tuple(dict.fromkeys((*_USED, *_SECRETS, *_OBFUSCATED, *_FLAGS, *_IGNORED)))
_BY_LENGTH = sorted(_KEYS, key=len, reverse=True)
_WORDS = {
    "ike authmode": ("psk", "cert", "hybrid"),
    "nat traversal mode": ("natt", "none", "force-natt", "cisco-udp"),
}
_WEAK_GROUPS = frozenset({"dh1", "dh2"})
_GROUPS = {"dh1": "modp768", "dh2": "modp1024", "dh5": "modp1536"}
_GROUPS |= {"dh14": "modp2048", "dh15": "modp3072", "dh16": "modp4096", "dh17": "modp6144", "dh18": "modp8192"}


class VpncConfError(LocalError, click.UsageError):
    """A file of vpnc that cannot be used; the text names the line."""

    code = "config-invalid"


class VpncConf(NamedTuple):
    """What a file of vpnc says: values by lower-case keys, and warnings. Secrets are decoded."""

    values: dict[str, str]
    secrets: dict[str, bytes]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"VpncConf({self.values!r}, ...)"


def dh_group(word: str, *, allow_weak: bool) -> str:
    """The name of vpnc's group ``word`` in our proposals.

    Raises:
        ValueError: there is no such group, or it is weak and not allowed.
    """
    if word not in _GROUPS:
        raise ValueError(f"unknown Diffie-Hellman group {printable(word)!r}; allowed: {', '.join(_GROUPS)}")
    if word in _WEAK_GROUPS and not allow_weak:
        raise ValueError(f"{word} is too small to be secure; --allow-weak uses it all the same")
    return _GROUPS[word]


def read_vpnc_conf(file: Path, *, allow_weak: bool) -> VpncConf:
    """Read the ``file`` of vpnc. Keys that lower the security are refused without ``allow_weak``.

    Raises:
        VpncConfError: it cannot be read or used.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
            status = os.fstat(opened.fileno())
            exposed = exposure(status)
    except OSError as error:
        raise VpncConfError(f"{file}: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise VpncConfError(f"{file}: is larger than {_LARGEST} octets")
    values: dict[str, str] = {}
    secrets: dict[str, bytes] = {}
    warnings: list[str] = []
    for number, raw in enumerate(content.split(b"\n"), 1):
        where = f"{file}: line {number}"
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError:
            raise VpncConfError(f"{where}: is not UTF-8 text") from None
        if not line or line.startswith("#"):
            continue
        if "\0" in line:
            raise VpncConfError(f"{where}: contains a NUL character")
        key = _key_of(line)
        if key is None:
            warnings.append(f"{where}: unknown key is ignored{_hint(line)}")
            continue
        try:
            _check(key, line[len(key) :].strip().lower(), allow_weak)
            value = _value(key, line[len(key) :].strip())
            if key in _OBFUSCATED:
                secrets.setdefault(_OBFUSCATED[key], decode_obfuscated(value))
            elif key in _SECRETS:
                secrets.setdefault(key, value.encode())
            else:
                values.setdefault(key, value)
        except ValueError as error:
            raise VpncConfError(f"{where}: {key}: {error}") from None
        if key in _IGNORED or (key == "nat traversal mode" and value == "cisco-udp"):
            warnings.append(f"{where}: {key} {'' if key in _IGNORED else value + ' '}has no effect here")
        elif key in _WEAK_FLAGS:
            warnings.append(f"{where}: {key} has no effect here: --ike and --esp choose the algorithms")
    others_can_change = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid())
    for key in ("script", "pidfile"):
        if key in values and others_can_change:
            raise VpncConfError(
                f"{file}: has the key {key}, whose value is run or overwritten, but other users can change the file"
            )
    if secrets and exposed:
        warnings.append(f"{file}: holds secrets, but its {exposed}: chmod 600 it")
    return VpncConf(values, secrets, tuple(warnings))


def _key_of(line: str) -> str | None:
    lower = line.lower()
    for key in _BY_LENGTH:
        if lower == key or (lower.startswith(key) and lower[len(key)].isspace()):
            return key
    return None


def _value(key: str, written: str) -> str:
    if key in _FLAGS:
        return "yes"
    if len(written) > 1 and written[0] == written[-1] == '"':
        written = written[1:-1]
    if not written:
        raise ValueError("has no value")
    return written


def _hint(line: str) -> str:
    """The most similar key; the line itself may hold a secret, and is not shown."""
    words = line.lower().split()
    near = next((found for count in (3, 2) for found in get_close_matches(" ".join(words[:count]), _KEYS, n=1)), None)
    return f"; did you mean {near!r}?" if near else ""


def _check(key: str, value: str, allow_weak: bool) -> None:
    if key == "enable no encryption":
        raise ValueError("is not supported: it would send all traffic unencrypted")
    if key in _WEAK_FLAGS and not allow_weak:
        raise ValueError("lowers the security; --allow-weak permits it")
    if key == "ike dh group" or (key == "perfect forward secrecy" and value not in ("server", "nopfs")):
        dh_group(value, allow_weak=allow_weak)
    if key in _WORDS and value not in _WORDS[key]:
        raise ValueError(f"unknown value; allowed: {', '.join(_WORDS[key])}")
