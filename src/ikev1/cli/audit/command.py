"""The command: what is audited, by what else it is tested, and in which form the findings come."""

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
from ikev1.audit.reading import read as read_again
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.read import PORTS, CaptureError, NotACapture, open_capture
from ikev1.cli.audit.own_secrets import own_secrets
from ikev1.cli.audit.text import write_audit
from ikev1.cli.explain.keys import key_options
from ikev1.cli.explain.source import read
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.audit import audit_page

_NEVER = "never"
_FOUND = 1  # exit status
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


class AuditFailed(click.ClickException):
    """FILE could not be audited: not to be taken for a finding, nor for the want of one."""

    exit_code = 2


class _Command(click.Command):
    """A command whose failures, wherever they come from, have the exit status of failures."""

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
    "--config", "configuration", type=_EXISTING, help="Your ikev1.toml: are its secrets those of the capture?"
)
@click.option("--secret-file", type=_EXISTING, help="The same for the secret that is the only content of this file.")
@click.option("--words", type=_EXISTING, help="A word list, one a line: would your secret fall to it?")
@click.option(
    *("--port", "ports"),
    type=click.IntRange(1, 65535),
    multiple=True,
    default=PORTS,
    show_default=True,
    help="A UDP port on which IKE is spoken; may be given several times.",
)
@key_options
@click.option(
    "--fail-on",
    type=click.Choice([*(severity.value for severity in Severity), _NEVER]),
    default=Severity.HIGH.value,
    show_default=True,
    help="Exit with 1 if a finding is as bad as this, or worse.",
)
@click.option("--json", "as_json", is_flag=True, help="The findings for programs (docs/audit.md says what is in them).")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write one page for a browser.")
def audit(
    *,
    file: Path,
    configuration: Path | None,
    secret_file: Path | None,
    words: Path | None,
    ports: tuple[int, ...],
    keys: KeyRing,
    fail_on: str,
    as_json: bool,
    page: Path | None,
) -> None:
    """Look for what an expert would point at in FILE: a capture (pcap or pcapng), or a configuration (ikev1.toml).

    With --config or --secret-file, your own secret is tested against the HASH of an Aggressive Mode in the capture,
    and with --words a word list against your secret. The exit status is 0 if nothing is as bad as --fail-on, 1 if
    something is, 2 if FILE could not be audited, or has nothing to audit.
    """
    secrets = own_secrets(configuration, secret_file)
    if words is not None and not secrets:
        raise click.UsageError("--words tests your own secret: name it with --config or --secret-file.")
    if _is_capture(file):
        found = _audit_capture(file, ports, keys, secrets, words)
    elif secrets:
        raise click.UsageError(f"{file} is no capture: --config and --secret-file test a secret against one.")
    else:
        found = _audit_configuration(file)
    _tell(found, as_json, page)
    if not found.findings:  # of the soundest conversation it is said that it is IKEv1
        raise click.ClickException(f"{file}: there is no ISAKMP conversation in it, so nothing was audited.")
    if fail_on != _NEVER and found.at_least(Severity(fail_on)):
        sys.exit(_FOUND)


def _is_capture(file: Path) -> bool:
    """Whether the content is that of a capture, whatever the file is called."""
    try:
        with open_capture(file):
            return True
    except NotACapture:
        return False
    except CaptureError as error:
        raise click.ClickException(f"{file}: {error}") from error


def _audit_configuration(file: Path) -> Audit:
    try:
        return audit_configuration(file, time.time())
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
            findings, notes = check_own_secrets(read_again(report), secrets, words, advance)
    return audit_capture(report, findings, notes)


@contextmanager
def _progress(words: Path | None) -> Iterator[Callable[[int], None]]:
    """What to call with the octets of the word list that were read; it shows how far that is, if somebody looks."""
    with _complaints_about(words), Progress(console=Console(stderr=True), transient=True) as bar:
        bar.disable = words is None or not sys.stderr.isatty()
        task = bar.add_task("comparing words", total=words.stat().st_size if words else None)
        yield lambda octets: bar.update(task, completed=octets)


@contextmanager
def _complaints_about(words: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{words} cannot be read: {error.strerror}.") from error


def _tell(found: Audit, as_json: bool, page: Path | None) -> None:
    if page is not None:
        try:
            page.write_text(audit_page(found), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{page} cannot be written: {error.strerror}.") from error
        click.echo(f"{page}: {len(found.findings)} findings, to be opened in a browser", err=True)
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif page is None:
        write_audit(TerminalWriter(Console(highlight=False)), found)
