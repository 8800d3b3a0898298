"""The command `ikev1 audit` and its options."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from ikev1.audit.capture import audit_capture
from ikev1.audit.configuration import NoConfiguration, audit_configuration
from ikev1.audit.finding import Audit, Finding, Severity
from ikev1.audit.guess import OwnSecret, check_own_secrets
from ikev1.audit.parsed import parse_report
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.read import CaptureError, NotACapture, open_capture
from ikev1.cli.audit.own_secrets import own_secrets
from ikev1.cli.audit.text import write_audit
from ikev1.cli.check import Reading, format_options
from ikev1.cli.explain.keys import key_options
from ikev1.cli.explain.source import ports_option, read
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.errors import LocalError
from ikev1.page.audit import audit_page

_NEVER = "never"
_FOUND = 1  # exit status
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


class AuditFailed(LocalError, click.ClickException):
    """FILE could not be audited, which is neither a finding nor the lack of one."""

    code = "audit-failed"
    exit_code = 2


class _Command(click.Command):
    """A command whose failures have the exit status of `AuditFailed`."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError:
            raise
        except click.ClickException as error:
            raise AuditFailed(error.message) from error


@click.command(cls=_Command)
@click.argument("file", type=_EXISTING)
@click.option(
    "--config", "configuration", type=_EXISTING, help="Your ikev1.toml, whose secrets are tested against the capture."
)
@click.option("--secret-file", type=_EXISTING, help="A file with your secret, which is tested against the capture.")
@click.option("--words", type=_EXISTING, help="A word list, one word per line, to test your secret against.")
@ports_option
@key_options
@format_options
@click.option(
    "--fail-on",
    type=click.Choice([*(severity.value for severity in Severity), _NEVER]),
    default=Severity.HIGH.value,
    show_default=True,
    help="Exit with status 1 if a finding has at least this severity.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON (format: docs/audit.md).")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings as an HTML page."
)
def audit(
    *,
    file: Path,
    configuration: Path | None,
    secret_file: Path | None,
    words: Path | None,
    ports: tuple[int, ...],
    keys: KeyRing,
    reading: Reading,
    fail_on: str,
    as_json: bool,
    page: Path | None,
) -> None:
    """Report the security weaknesses of FILE: a capture (pcap or pcapng) or a configuration (ikev1.toml, or one of
    another program).

    --config or --secret-file tests your own secret against the HASH of an Aggressive Mode in the capture, and --words
    searches a word list for your secret. The exit status is 1 if a finding has at least the severity of --fail-on, 2 if
    FILE could not be audited or contains nothing to audit, and 0 otherwise.
    """
    secrets = own_secrets(configuration, secret_file)
    if words is not None and not secrets:
        raise click.UsageError("--words tests your own secret: specify it with --config or --secret-file.")
    if _is_capture(file):
        if reading != Reading():
            raise click.UsageError(f"{file} is a capture: --format, --as, --peer-of and --ignore require another file.")
        found = _audit_capture(file, ports, keys, secrets, words)
    elif secrets:
        raise click.UsageError(f"{file} is not a capture: --config and --secret-file require one.")
    else:
        found = _audit_configuration(file, reading)
    _write(found, as_json, page)
    if not found.findings:  # every conversation has at least the finding "ikev1"
        raise click.ClickException(f"{file} contains no ISAKMP conversation: nothing was audited.")
    if fail_on != _NEVER and found.at_least(Severity(fail_on)):
        sys.exit(_FOUND)


def _is_capture(file: Path) -> bool:
    """Whether the file is a capture, by its content."""
    try:
        with open_capture(file):
            return True
    except NotACapture:
        return False
    except CaptureError as error:
        raise click.ClickException(f"{file}: {error}") from error


def _audit_configuration(file: Path, reading: Reading) -> Audit:
    try:
        return audit_configuration(file, time.time(), reading.read)
    except NoConfiguration as error:
        raise click.ClickException(f"{error}.") from error


def _audit_capture(
    file: Path, ports: tuple[int, ...], keys: KeyRing, secrets: tuple[OwnSecret, ...], words: Path | None
) -> Audit:
    report = read(str(file), ports, keys, with_secrets=False)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    if secrets:
        with _progress(words) as advance:
            findings, notes = check_own_secrets(parse_report(report), secrets, words, advance)
    return audit_capture(report, findings, notes)


@contextmanager
def _progress(words: Path | None) -> Iterator[Callable[[int], None]]:
    """The progress callback for the word list, with a progress bar if standard error is a terminal."""
    with _click_errors(words), Progress(console=Console(stderr=True), transient=True) as bar:
        bar.disable = words is None or not sys.stderr.isatty()
        task = bar.add_task("comparing words", total=words.stat().st_size if words else None)
        yield lambda octets: bar.update(task, completed=octets)


@contextmanager
def _click_errors(words: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"Cannot read {words}: {error.strerror}.") from error


def _write(found: Audit, as_json: bool, page: Path | None) -> None:
    if page is not None:
        try:
            page.write_text(audit_page(found), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"Cannot write {page}: {error.strerror}.") from error
        click.echo(f"Wrote {page} with {len(found.findings)} findings; open it in a browser.", err=True)
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif page is None:
        write_audit(TerminalWriter(Console(highlight=False)), found)
