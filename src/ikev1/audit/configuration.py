"""The audit of a configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ikev1.audit.finding import Audit, Evidence, Finding, Severity, collected
from ikev1.audit.of_configuration import aggressive_mode, algorithms, behaviour, files, lifetimes, secrets, trust
from ikev1.audit.of_configuration.subject import Subject
from ikev1.audit.topics import topic
from ikev1.config import ConfigError, load
from ikev1.errors import LocalError

_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    aggressive_mode.guessable,
    aggressive_mode.exposed_identities,
    secrets.weak,
    secrets.reused,
    secrets.for_many,
    algorithms.phase1,
    algorithms.phase2,
    lifetimes.phase1_lifetimes,
    lifetimes.phase2_lifetimes,
    lifetimes.forward_secrecy,
    lifetimes.replays,
    trust.certificates,
    trust.private_keys_of_ours,
    trust.any_certificate,
    trust.revocation,
    trust.weak_proofs,
    behaviour.obedience,
    behaviour.dead_peer_detection,
    files.key_log,
)


class NoConfiguration(LocalError):
    """The file cannot be read, or is not TOML; the message states the reason."""

    code = "config-unreadable"


def audit_configuration(file: Path, now: float) -> Audit:
    """Audit the configuration in ``file`` and the files it names, at time ``now`` (seconds since 1970).

    Raises:
        NoConfiguration: ``file`` is not a configuration.
    """
    written = _written(file)
    open_files = (*files.exposed_files(file, written), *files.changeable_files(file, written))
    try:
        loaded = load(file, lambda: now)
    except ConfigError as error:
        # A file that is open to other users is rejected, and the resulting errors are no separate findings
        refused = any(finding.severity is Severity.HIGH for finding in open_files)
        found = open_files if refused else (*open_files, *_unusable(error))
        note = "the configuration is invalid (see `ikev1 check`): only the permissions of its files were examined"
        return _audit(file, written, found, (note,))
    subject = Subject(file, written, loaded.settings, loaded.gateway, now)
    judged = (finding for rule in _RULES for finding in rule(subject))
    return _audit(file, written, (*open_files, *judged), ())


def _written(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise NoConfiguration(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoConfiguration(f"{file} is neither a capture nor a text file") from error
    except tomllib.TOMLDecodeError as error:
        raise NoConfiguration(f"{file} is neither a capture nor a TOML configuration: {error}") from error


def _unusable(error: ConfigError) -> Iterator[Finding]:
    for fault in error.findings:
        evidence = Evidence(text="invalid", file=str(fault.file), key=fault.key)
        yield topic("unusable").finding(Severity.HIGH, f"{fault.key}: {fault.text}", evidence)


def _audit(file: Path, written: dict[str, Any], found: tuple[Finding, ...], notes: tuple[str, ...]) -> Audit:
    connections = written.get("connection", {})
    count = len(connections) if isinstance(connections, dict) else 0
    historic = topic("ikev1").finding(Severity.INFO, "this gateway supports only IKEv1")
    return Audit(
        source=str(file),
        kind="configuration",
        examined=f"{count} connection{'s'[: count != 1]}",
        findings=collected((*found, historic)),
        notes=notes,
    )
