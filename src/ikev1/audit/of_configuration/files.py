"""Files with secrets: who else can open them. They are examined before the configuration is read, which may refuse
to be read because of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ikev1.audit.finding import Evidence, Finding, Severity
from ikev1.audit.of_configuration.subject import Subject
from ikev1.audit.topics import topic
from ikev1.config.secrets import exposure

__all__ = ["exposed_files", "key_log"]

_SECRETS = frozenset({"secret", "private_key_passphrase"})
_FILES = frozenset({"secret_file", "private_key", "private_key_passphrase_file", "keylog", "state"})


def exposed_files(file: Path, written: Mapping[str, Any]) -> Iterator[Finding]:
    """Files with secrets that others can open: the configuration itself, and those that it names."""
    for key, path in _sensitive(file, written, ""):
        try:
            exposed = exposure(path.stat())
        except OSError:
            continue  # who reads the configuration says what is missing
        if exposed:
            yield topic("exposed-file").finding(
                Severity.HIGH, f"{path}: {exposed}", Evidence(text=exposed, file=str(path), key=key)
            )


def _sensitive(file: Path, table: Mapping[str, Any], path: str) -> Iterator[tuple[str, Path]]:
    for name, value in table.items():
        key = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from _sensitive(file, value, key)
        elif name in _SECRETS:
            yield key, file
        elif name in _FILES and isinstance(value, str):
            yield key, file.parent / Path(value).expanduser()


def key_log(subject: Subject) -> Iterator[Finding]:
    """Keys that are written down while the gateway runs."""
    if subject.gateway.keylog:
        yield topic("key-log").finding(
            Severity.MEDIUM,
            f"the keys of all SAs go to {subject.gateway.keylog}",
            subject.evidence("gateway.keylog", subject.gateway.keylog),
        )
