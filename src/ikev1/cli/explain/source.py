"""Reading packets from a file, standard input or an interface, up to the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from ikev1.capture.analyse import Analyst
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.read import PORTS, CaptureError, open_capture
from ikev1.capture.read.live import listen
from ikev1.capture.records.report import Message, Report
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.visible import visible
from ikev1.page.words import moment

_LARGE = 16 << 20  # octets; smaller files need no progress bar

ports_option = click.option(
    *("--port", "ports"),
    type=click.IntRange(1, 65535),
    multiple=True,
    default=PORTS,
    show_default=True,
    help="A UDP port of IKE; may be given several times.",
)
"""The option of commands that read packets; they get ``ports``."""


def read(file: str, ports: tuple[int, ...], keys: KeyRing, with_secrets: bool, *, with_fields: bool = True) -> Report:
    """Read a capture, or standard input for "-", and build the report, with the fields of messages or without. Shows a
    progress bar for large files.

    Raises:
        click.ClickException: the capture cannot be read.
    """
    name = "standard input" if file == "-" else Path(file).name
    analyst = Analyst(keys)
    with _click_errors(file), _bar(file) as progress, open_capture(file, ports, progress) as capture:
        for packet in capture:
            analyst.add(packet)
        return analyst.report(name, capture.frames, capture.notes(), with_secrets, with_fields)


def watch(
    interface: str, ports: tuple[int, ...], keys: KeyRing, with_secrets: bool, writer: TerminalWriter | None
) -> Report:
    """Listen on an interface until Ctrl-C, and build the report. ``writer`` writes each message as it arrives.

    Raises:
        click.ClickException: the interface cannot be opened.
    """
    analyst = Analyst(keys)
    with _click_errors(f"--live {interface}"), listen(interface, ports) as live:
        click.echo(f"Listening on {interface}; press Ctrl-C to stop and show the report.", err=True)
        with suppress(KeyboardInterrupt):
            for packet in live:
                message = analyst.describe(packet)
                if message is not None and writer is not None:
                    _write(writer, message)
        return analyst.report(f"interface {interface}", live.frames, live.notes(), with_secrets)


def _write(writer: TerminalWriter, message: Message) -> None:
    again = " again" if message.retransmission_of is not None else ""
    writer.write(
        writer.text(f"{moment(message.time)}  ", "dim")
        + writer.text(f"{message.label}{again}", "bold")
        + writer.text(f"  {message.source} → {message.destination}")
    )
    if not again:
        writer.paragraph(message.line, indent="    ")
        writer.paragraph(message.security, "italic", indent="    ")


@contextmanager
def _click_errors(what: str) -> Iterator[None]:
    try:
        yield
    except CaptureError as error:
        raise click.ClickException(f"{what}: {error}") from error


@contextmanager
def _bar(file: str) -> Iterator[Callable[[int], None] | None]:
    """The progress callback; None for small files, or if standard error is not a terminal."""
    size = Path(file).stat().st_size if Path(file).is_file() else 0
    if size < _LARGE or not sys.stderr.isatty():
        yield None
        return
    columns = ("reading {task.description}", BarColumn(), TaskProgressColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(escape(visible(Path(file).name)), total=size)
        yield lambda position: progress.update(task, completed=position)
