"""Permissions of files with secrets, and of files that determine which peers are trusted. They are examined before the
configuration is loaded, because loading fails on unsafe permissions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ikev1.audit.finding import Evidence, Finding, Severity
from ikev1.audit.of_configuration.subject import Subject
from ikev1.audit.topics import topic
from ikev1.config.files import changeable
from ikev1.config.secrets import exposure

_SECRETS = frozenset({"secret", "private_key_passphrase"})
_TRUSTED = frozenset({"ca", "certificate", "crl", "intermediates", "peer_certificate", "peer_public_key"})
_FILES = frozenset({"secret_file", "private_key", "private_key_passphrase_file", "keylog", "state"})


def exposed_files(file: Path, written: Mapping[str, Any]) -> Iterator[Finding]:
    """Files with secrets that other users can open: the configuration, and the files it names."""
    for key, path in _sensitive(file, written):
        try:
            exposed = exposure(path.stat())
        except OSError:
            continue  # loading the configuration reports missing files
        if exposed:
            yield topic("exposed-file").finding(
                Severity.HIGH, f"{path}: {exposed}", Evidence(text=exposed, file=str(path), key=key)
            )


def changeable_files(file: Path, written: Mapping[str, Any]) -> Iterator[Finding]:
    """The configuration, the certificates it names, and the directories of all its files, if other users can modify
    them.
    """
    places = {file: "", file.resolve().parent: ""}
    for key, path in _named(file, written, _TRUSTED | _FILES | {"control", "record"}):
        if key.rpartition(".")[2] in _TRUSTED:
            places.setdefault(path, key)
        places.setdefault(path.resolve().parent, key)
    for path, key in places.items():
        try:
            change = changeable(path.stat())
        except OSError:
            continue
        if change is not None:
            yield topic("changeable-file").finding(
                Severity.HIGH if change.by_all else Severity.MEDIUM,
                f"{path}: {change.text}",
                Evidence(text=change.text, file=str(path), key=key),
            )


def _sensitive(file: Path, table: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    yield from ((key, file) for key, _ in _walk(table, "", _SECRETS))
    yield from _named(file, table, _FILES)


def _named(file: Path, table: Mapping[str, Any], names: frozenset[str]) -> Iterator[tuple[str, Path]]:
    """The keys with one of these names, each with the file it names."""
    for key, value in _walk(table, "", names):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield key, file.parent / Path(each).expanduser()


def _walk(table: Mapping[str, Any], path: str, names: frozenset[str]) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from _walk(value, key, names)
        elif name in names:
            yield key, value


def key_log(subject: Subject) -> Iterator[Finding]:
    """A key log that is written while the gateway runs."""
    if subject.gateway.keylog:
        yield topic("key-log").finding(
            Severity.MEDIUM,
            f"the keys of all SAs are written to {subject.gateway.keylog}",
            subject.evidence("gateway.keylog", subject.gateway.keylog),
        )
