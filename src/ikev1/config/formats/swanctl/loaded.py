"""What VICI clients load instead of files: the sections of swanctl.conf and, as octets, what its folders contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple, Union

from ikev1.config.findings import Findings, Invalid, Rule
from ikev1.config.formats.swanctl import WORDS, converted, written
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Options
from ikev1.config.formats.swanctl.secrets import SwanctlSecrets
from ikev1.config.formats.written import Place, Places, Written

SOURCE = Path("VICI")

Message = Mapping[str, Union[bytes, Sequence[bytes], "Message"]]

# Keys of connections, rounds and children that are lists; all others are single values
_LISTS = frozenset({"local_addrs", "remote_addrs", "proposals", "vips", "pools", "groups", "cert_policy"})
_LISTS |= {"ah_proposals", "esp_proposals", "local_ts", "remote_ts"}
_FILES = {"certs": "x509", "cacerts": "x509ca", "pubkeys": "pubkey"}  # lists of contents, and their folders


class LoadedSection(NamedTuple):
    """A section, whose values are text and sections as in a file, and the contents that it names."""

    values: dict[str, Any]
    contents: dict[Path, bytes]


class SharedSecret(NamedTuple):
    """A pre-shared key (``ike``) or a password (``xauth``) of ``owners``, or of everybody if there are none."""

    kind: str
    data: bytes
    owners: tuple[str, ...]

    def __repr__(self) -> str:
        return f"SharedSecret(kind={self.kind!r}, data=<secret>, owners={self.owners!r})"


@dataclass(frozen=True, slots=True)
class Items:
    """All that was loaded. ``files`` are certificates, CRLs, public and private keys by their folders."""

    connections: Mapping[str, LoadedSection] = field(default_factory=dict)
    pools: Mapping[str, LoadedSection] = field(default_factory=dict)
    authorities: Mapping[str, LoadedSection] = field(default_factory=dict)
    secrets: Mapping[str, SharedSecret] = field(default_factory=dict)
    files: Mapping[str, Mapping[Path, bytes]] = field(default_factory=dict, repr=False)

    def with_file(self, kind: str, content: bytes) -> Items:
        """These items and a file in the folder ``kind``."""
        known = {**self.files.get(kind, {}), place(kind, content): content}
        return replace(self, files={**self.files, kind: known})

    @property
    def octets(self) -> int:
        """About how much memory they take."""
        loaded = (*self.connections.values(), *self.pools.values(), *self.authorities.values())
        contents = [content for each in loaded for content in each.contents.values()]
        contents += [content for files in self.files.values() for content in files.values()]
        return sum(map(len, contents)) + 1000 * (len(loaded) + len(self.secrets) + len(contents))


def place(kind: str, content: bytes) -> Path:
    """The name of a content that has no file."""
    return Path(f"vici:/{kind}/{sha1(content, usedforsecurity=False).hexdigest()}")


def connection(message: Message) -> LoadedSection:
    """The section of a connection in a request.

    Raises:
        Invalid: a list is not one or the reverse, as strongSwan refuses it, or a value is not text.
    """
    contents: dict[Path, bytes] = {}
    return LoadedSection(_connection_values(message, contents), contents)


def _connection_values(message: Message, contents: dict[Path, bytes]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in message.items():
        if isinstance(value, Mapping):
            values[key] = _connection_values(value, contents)
        elif isinstance(value, bytes) is (key in _LISTS or key in _FILES):
            expected = "a list" if isinstance(value, bytes) else "a value, not a list"
            raise Invalid(Rule.UNKNOWN_KEY, f"unknown option: {key}, config discarded: expected {expected}")
        elif isinstance(value, bytes):
            values[key] = _text(key, value)
        elif key in _FILES:
            values[key] = ", ".join(_kept(_FILES[key], each, contents) for each in value)
        else:
            values[key] = _listed(key, value)
    return values


def pool(message: Message) -> LoadedSection:
    """The section of a pool in a request.

    Raises:
        Invalid: a value is a section, or not text.
    """
    values: dict[str, Any] = {}
    for key, value in message.items():
        if isinstance(value, Mapping):
            raise Invalid(Rule.UNKNOWN_KEY, f"invalid section: {key}")
        if isinstance(value, bytes) is not (key == "addrs"):
            raise Invalid(Rule.UNKNOWN_KEY, f"invalid attribute: {key}")
        values[key] = _text(key, value) if isinstance(value, bytes) else _listed(key, value)
    return LoadedSection(values, {})


def authority(message: Message) -> LoadedSection:
    """The section of a CA in a request; its certificate is the content of a file.

    Raises:
        Invalid: a value is a section, or not text.
    """
    values: dict[str, Any] = {}
    contents: dict[Path, bytes] = {}
    for key, value in message.items():
        if isinstance(value, Mapping):
            raise Invalid(Rule.UNKNOWN_KEY, f"invalid section: {key}")
        if isinstance(value, bytes):
            values[key] = _kept("x509ca", value, contents) if key == "cacert" else _text(key, value)
        else:
            values[key] = _listed(key, value)
    return LoadedSection(values, contents)


def _kept(kind: str, content: bytes, contents: dict[Path, bytes]) -> str:
    name = place(kind, content)
    contents[name] = content
    return str(name)


def _text(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Invalid(Rule.INVALID_VALUE, f"invalid value for: {key}, config discarded: not UTF-8 text") from None


def _listed(key: str, value: Sequence[bytes]) -> str:
    found = [_text(key, each) for each in value]
    if len(found) > 1 and any("," in each for each in found):
        raise Invalid(Rule.INVALID_VALUE, f"invalid value for: {key}, config discarded: an item contains a comma")
    return ", ".join(found)


def read_items(items: Items) -> Written:
    """``items`` as tables of `ikev1.toml`; findings have the names and words of swanctl.conf."""
    findings, places = Findings(SOURCE), Places()
    values: dict[str, Any] = {
        section: {name: loaded.values for name, loaded in found.items()}
        for section, found in (
            ("connections", items.connections),
            ("pools", items.pools),
            ("authorities", items.authorities),
        )
    }
    _put_places(values, "", places)  # not of secrets: those are in no file that others could read
    values["secrets"] = {
        f"{secret.kind}-{number}": {
            "secret": f"0x{secret.data.hex()}",
            **{f"id{count}": owner for count, owner in enumerate(secret.owners)},
        }
        for number, secret in enumerate(items.secrets.values())
    }
    top = Options(findings, "", values, places)
    ours = converted(top, WORDS, {}, lambda secrets: _LoadedFolders(items, secrets, findings))
    return written(ours, top)._replace(given=_contents(items))


def _put_places(values: Mapping[str, Any], path: str, places: Places) -> None:
    for key, value in values.items():
        places.put(f"{path}{key}", Place(SOURCE, 0, 0, f"{path}{key}"))
        if isinstance(value, dict):
            _put_places(value, f"{path}{key}.", places)


def _contents(items: Items) -> dict[Path, bytes]:
    found = {file: content for files in items.files.values() for file, content in files.items()}
    for loaded in (*items.connections.values(), *items.authorities.values()):
        found.update(loaded.contents)
    return found


class _LoadedFolders(Folders):
    """The folders beside swanctl.conf, as far as their content was loaded; other files must have absolute paths."""

    def __init__(self, items: Items, secrets: SwanctlSecrets, findings: Findings) -> None:
        super().__init__(Path(), secrets, findings)
        self._loaded = items.files
        self._contents = _contents(items)

    def path(self, kind: str, name: str) -> Path:
        """The file ``name``."""
        return Path(name)

    def files(self, kind: str) -> list[Path]:
        """What was loaded for the folder ``kind``."""
        return list(self._loaded.get(kind, ()))

    def has(self, file: Path) -> bool:
        """Whether ``file`` was loaded or exists."""
        return file in self._contents or (file.is_absolute() and super().has(file))

    def content(self, file: Path) -> bytes:
        """What is in ``file``."""
        content = self._contents.get(file)
        return super().content(file) if content is None else content
