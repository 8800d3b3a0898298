"""The command `ikev1 explain` and its options."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec
from rich.console import Console

from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.records.report import Message, Report
from ikev1.cli.explain.keys import key_options
from ikev1.cli.explain.source import ports_option, read, watch
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.cli.explain.text import write_report
from ikev1.page.report import report_page


@click.command()
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--live", "interface", metavar="INTERFACE", help="Listen on an interface (`any` for all) until Ctrl-C.")
@ports_option
@key_options
@click.option("--conversation", "number", type=click.IntRange(1), metavar="N", help="Show only this conversation.")
@click.option(
    "--message", "labels", multiple=True, metavar="LABEL", help="Show all fields of these messages: MM1, QM2 ..."
)
@click.option("-v", "--verbose", is_flag=True, help="Show all fields of all messages.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (format: docs/explain.md).")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False), metavar="OUT", help="Write the report as an HTML page."
)
@click.option("--show-keys", is_flag=True, help="Include key material: anyone with the output can decrypt the capture.")
def explain(
    *,
    file: str | None,
    interface: str | None,
    ports: tuple[int, ...],
    keys: KeyRing,
    number: int | None,
    labels: tuple[str, ...],
    verbose: bool,
    as_json: bool,
    page: str | None,
    show_keys: bool,
) -> None:
    """Explain the IKEv1 conversations in FILE (pcap or pcapng, optionally gzipped; `-` for standard input), or
    on a live interface.

    Shows the contents of each message and who can read it, verifies hashes where the keys allow it, and answers common
    questions: the group, the visible identities, whether the pre-shared key can be guessed, why a negotiation failed.
    """
    if (file is None) == (interface is None):
        raise click.UsageError("Specify either a FILE or an interface with --live.")
    writer = TerminalWriter(Console(highlight=False))
    if interface is not None:
        report = watch(interface, ports, keys, show_keys, None if as_json else writer)
    else:
        assert file is not None
        with_fields = verbose or as_json or page is not None or bool(labels)
        report = read(file, ports, keys, show_keys, with_fields=with_fields)
    report = _only(report, number)
    if page is not None:
        _write_page(Path(page), report, private=show_keys)
    if as_json:
        click.echo(msgspec.json.encode(report))
    elif page is None:
        write_report(writer, report, lambda message: verbose or _named(message, labels))
    if not report.conversations and not report.esp:
        raise click.ClickException(_nothing_in(report, ports))


def _only(report: Report, number: int | None) -> Report:
    if number is None:
        return report
    wanted = tuple(conversation for conversation in report.conversations if conversation.number == number)
    if not wanted:
        raise click.ClickException(
            f"No conversation {number} in {report.source}: it contains {len(report.conversations) or 'none'}."
        )
    return msgspec.structs.replace(report, conversations=wanted, esp=())


def _named(message: Message, labels: tuple[str, ...]) -> bool:
    return message.label.lower() in {label.lower() for label in labels}


def _write_page(path: Path, report: Report, private: bool) -> None:
    """Write the page, unreadable for other users if it contains keys."""
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o666)
        with os.fdopen(opened, "w", encoding="utf-8") as out:
            out.write(report_page(report))
    except OSError as error:
        raise click.ClickException(f"Cannot write {path}: {error.strerror}.") from error
    click.echo(f"Wrote {path}; open it in a browser.", err=True)


def _nothing_in(report: Report, ports: tuple[int, ...]) -> str:
    return (
        f"{report.source}: no IKEv1 or ESP in {report.frames} frames on UDP port{'s' if len(ports) > 1 else ''} "
        f"{', '.join(map(str, ports))}. Use --port if IKE uses another port."
    )
