"""Tables of a configuration as the text of `ikev1.toml`, with the secrets in files of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.config.formats.written import Places

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_OF_RADIUS = {"secret": "radius"}
_SECRETS = {"secret": "psk", "xauth_secret": "password", "private_key_passphrase": "passphrase"}


class Exported(NamedTuple):
    """The text of the configuration, and the contents of the files that it names, by their names."""

    text: str
    secrets: dict[str, str]

    def __repr__(self) -> str:
        return f"Exported(text={self.text!r}, secrets=<{len(self.secrets)} secrets>)"


def exported(tables: Mapping[str, Any], places: Places | None = None) -> Exported:
    """``tables`` in the form of `tomllib`, as text, with the comments that stand at ``places``. A ``secret`` of
    ``[connection.NAME]`` is written to ``NAME.psk``, and likewise its password and passphrase; that of a server of
    RADIUS to ``NAME.radius``.
    """
    secrets: dict[str, str] = {}

    def without_secrets(named: Mapping[str, Any], endings: Mapping[str, str]) -> dict[str, Any]:
        found = {}
        for name, table in named.items():
            found[name] = made = dict(table)
            for key, ending in endings.items():
                if key in made:
                    file = f"{name}.{ending}"
                    secrets[file] = _in_a_file(made.pop(key))
                    made[f"{key}_file"] = file
        return found

    whole = dict(tables)
    if "connection" in whole:
        whole["connection"] = without_secrets(whole["connection"], _SECRETS)
    if "server" in whole.get("radius", {}):
        whole["radius"] = {**whole["radius"], "server": without_secrets(whole["radius"]["server"], _OF_RADIUS)}
    comments = _Comments(places or Places())
    return Exported("\n".join(_lines(whole, (), comments)).strip() + "\n", secrets)


class _Comments:
    """The comments at ``places``, each once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._done: set[tuple[Path, int, int]] = set()

    def at(self, path: str) -> Iterator[str]:
        """The lines above the key or table ``path``."""
        place = self._places.exactly(path)
        if place is not None and (place.file, place.line, place.column) not in self._done:
            self._done.add((place.file, place.line, place.column))
            for comment in place.comments:
                yield f"# {comment}"


def _in_a_file(secret: str) -> str:
    """A secret as the only content of a file, whose newlines at the end do not count."""
    return secret if secret == secret.rstrip("\r\n") else f"0x{secret.encode().hex()}"


def _lines(table: Mapping[str, Any], path: tuple[str, ...], comments: _Comments) -> Iterator[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    about = list(comments.at(".".join(path)))
    if about or (path and (values or not table)):
        yield ""
        yield from about
    if path and (values or not table):
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        yield from comments.at(".".join((*path, key)))
        yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _lines(value, (*path, key), comments)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"{type(value).__name__} is no value of a configuration")


def _string(text: str) -> str:
    """A basic string; the escapes of JSON are those of TOML, which also requires one for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
