"""The audit of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from ikev1.audit.finding import Audit, Evidence, Finding, Severity, collected
from ikev1.audit.of_configuration import aggressive_mode, algorithms, behaviour, files, lifetimes, secrets, trust
from ikev1.audit.of_configuration.subject import Subject
from ikev1.audit.topics import topic
from ikev1.config import ConfigError, Rule, load_written
from ikev1.config.formats import Places, Written, read
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
    """The file cannot be read, or has none of the formats of configurations; the message states the reason."""

    code = "config-unreadable"


def audit_configuration(file: Path, now: float, read: Callable[[Path], Written] = read) -> Audit:
    """Audit the configuration in ``file``, which ``read`` reads, and the files it names, at time ``now`` (seconds since
    1970).

    Raises:
        NoConfiguration: ``file`` is not a configuration.
    """
    written = _written(file, read)
    tables = written.values
    open_files = (*files.exposed_files(file, tables), *files.changeable_files(file, tables))
    try:
        loaded = load_written(written, file, lambda: now)
    except ConfigError as error:
        # A file that is open to other users is rejected, and the resulting errors are no separate findings
        refused = any(finding.severity is Severity.HIGH for finding in open_files)
        found = open_files if refused else (*open_files, *_unusable(error))
        note = "the configuration is invalid (see `ikev1 check`): only the permissions of its files were examined"
        return _audit(file, written, found, (note,))
    subject = Subject(file, tables, loaded.settings, loaded.gateway, now)
    judged = (finding for rule in _RULES for finding in rule(subject))
    return _audit(file, written, (*open_files, *judged), ())


def _written(file: Path, read: Callable[[Path], Written]) -> Written:
    try:
        return read(file)
    except ConfigError as error:
        reason = error.findings[0]
        if reason.rule is Rule.UNREADABLE_FILE:
            raise NoConfiguration(f"{file} {reason.text}") from error
        raise NoConfiguration(f"{file} is neither a capture nor a configuration: {reason.text}") from error


def _unusable(error: ConfigError) -> Iterator[Finding]:
    for fault in error.findings:
        evidence = Evidence(text="invalid", file=str(fault.file), key=fault.key)
        yield topic("unusable").finding(Severity.HIGH, f"{fault.key}: {fault.text}", evidence)


def _audit(file: Path, written: Written, found: tuple[Finding, ...], notes: tuple[str, ...]) -> Audit:
    connections = written.values.get("connection", {})
    count = len(connections) if isinstance(connections, dict) else 0
    historic = topic("ikev1").finding(Severity.INFO, "this gateway supports only IKEv1")
    return Audit(
        source=str(file),
        kind="configuration",
        examined=f"{count} connection{'s'[: count != 1]}",
        findings=collected([_placed(finding, file, written.places) for finding in (*found, historic)]),
        notes=notes,
    )


def _placed(finding: Finding, file: Path, places: Places) -> Finding:
    """``finding`` with the keys of the format in which the configuration was written."""
    evidence = []
    for each in finding.evidence:
        place = places.written(each.key)
        if place is not None:
            in_file = str(place.file) if each.file == str(file) else each.file
            each = replace(each, key=place.key, file=in_file)
        evidence.append(each)
    return replace(finding, evidence=tuple(evidence))
