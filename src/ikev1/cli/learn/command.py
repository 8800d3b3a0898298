"""The command `ikev1 learn` and its options."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.cli.learn.save import save, ways_to_open
from ikev1.cli.learn.text import write_lesson
from ikev1.crypto.suites import parse_ike_proposal
from ikev1.lesson.diffie_hellman import NoAgreement
from ikev1.lesson.evidence import Disagreement, Evidence, evidence_of
from ikev1.lesson.record import Lesson
from ikev1.lesson.run import LessonFailed, Subject, run
from ikev1.lesson.teach import lesson_of
from ikev1.page.lesson import lesson_page

_SUITE = "aes128-sha256-modp2048"
_PRE_SHARED_KEY = "only the two of us know this"


def _known_suite(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        parse_ike_proposal(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command()
@click.argument("subject", type=click.Choice([each.value for each in Subject]), default=Subject.MAIN.value)
@click.option(
    "--suite",
    default=_SUITE,
    show_default=True,
    callback=_known_suite,
    help="The suite of phase 1.",
)
@click.option(
    "--psk",
    default=_PRE_SHARED_KEY,
    show_default=True,
    help="The pre-shared key of the run. It is shown, so do not use a real one.",
)
@click.option("--step", is_flag=True, help="Show one step at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print the lesson as JSON (format: docs/learn.md).")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write the lesson as an HTML page."
)
@click.option(
    *("--save", "capture"),
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the packets (pcapng) for Wireshark, and their key to FILE.keys.",
)
def learn(
    *, subject: str, suite: str, psk: str, step: bool, as_json: bool, page: Path | None, capture: Path | None
) -> None:
    """Run a real exchange on this machine, and explain each message with the values of this run.

    SUBJECT is main (six messages, the default), aggressive (three messages), or quick (three more after main).
    """
    if not psk:
        raise click.BadParameter("the pre-shared key must not be empty", param_hint="--psk")
    evidence = _run_checked(Subject(subject), suite, psk.encode(errors="surrogateescape"))
    lesson = lesson_of(evidence)
    if capture is not None:
        _save(capture, evidence)
    if page is not None:
        _write_page(page, lesson)
    if as_json:
        click.echo(msgspec.json.encode(lesson))
    elif page is None:
        _show(lesson, step)


def _run_checked(subject: Subject, suite: str, pre_shared_key: bytes) -> Evidence:
    try:
        return evidence_of(run(subject, suite, pre_shared_key))
    except LessonFailed as error:
        raise click.ClickException(f"the exchange failed: {error}.") from error
    except OSError as error:
        raise click.ClickException(f"Cannot use the loopback interface: {error.strerror}.") from error
    except (Disagreement, NoAgreement) as error:
        raise click.ClickException(f"This is a bug in ikev1, please report it: {error}.") from error


def _show(lesson: Lesson, step: bool) -> None:
    writer = TerminalWriter(Console(highlight=False))
    for _ in write_lesson(writer, lesson):
        if step:
            click.pause("\n-- press any key --")


def _save(path: Path, evidence: Evidence) -> None:
    try:
        save(path, evidence.run)
    except OSError as error:
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from error
    for way in ways_to_open(path, evidence):
        click.echo(way, err=True)


def _write_page(path: Path, lesson: Lesson) -> None:
    try:
        path.write_text(lesson_page(lesson), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"Cannot write {path}: {error.strerror}.") from error
    click.echo(f"Wrote {path}; open it in a browser.", err=True)
