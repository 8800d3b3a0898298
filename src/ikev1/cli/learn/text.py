"""The lesson on the terminal, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.capture.records.report import Formula
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.lesson.record import Comparison, Lesson, Misreading, Step, Toy

_INDENT = "  "
_LONG, _SHOWN = 64, 48  # hexadecimal digits: the longest value shown completely, and the digits shown of longer ones


def write_lesson(writer: TerminalWriter, lesson: Lesson) -> Iterator[None]:
    """Write one page per iteration, so that the caller can pause between pages."""
    writer.heading(lesson.title)
    writer.paragraph(lesson.introduction)
    writer.paragraph(f"Phase 1 negotiates {lesson.suite}.", "dim")
    yield
    for number, step in enumerate(lesson.steps, 1):
        _write_step(writer, step, f"{number} of {len(lesson.steps)}")
        yield
    if lesson.toy is not None:
        _write_toy(writer, lesson.toy)
        yield
    if lesson.comparisons:
        _write_comparisons(writer, lesson.comparisons)
        yield
    writer.heading("Result")
    writer.paragraph(lesson.closing)


def _write_step(writer: TerminalWriter, step: Step, place: str) -> None:
    writer.write(writer.text(""))
    writer.write(writer.text("─" * writer.width, "dim"))
    label = writer.text(f"{step.label}  ", "bold cyan") if step.label else writer.text("")
    writer.write(label + writer.text(step.title, "bold") + writer.text(f"  ({place})", "dim"))
    if step.rfc:
        writer.write(writer.text(f"{_INDENT}{step.rfc}", "yellow"))
    for name, said in (("carries", step.carries), ("why", step.why), ("seen by", step.seen)):
        if said:
            writer.paragraph(said, "", f"{_INDENT}{name:9}", f"{_INDENT}{'':9}")
    if step.values:
        writer.write(writer.text(""))
    for name, value in step.values:
        writer.paragraph(_cut(value), "green", f"{_INDENT}{name}  ", f"{_INDENT}{_INDENT}")
    for formula in step.formulas:
        _write_formula(writer, formula)
    for misreading in step.misreadings:
        _write_misreading(writer, misreading)


def _write_formula(writer: TerminalWriter, formula: Formula) -> None:
    writer.write(writer.text(""))
    head = (
        writer.text(formula.name, "bold")
        + writer.text(f" = {formula.expression}  ")
        + writer.text(formula.source, "dim")
    )
    writer.write(*writer.wrapped(head, writer.width, _INDENT, f"{_INDENT}{_INDENT}"))
    for name, octets in formula.inputs:
        writer.paragraph(_cut(octets), "dim", f"{_INDENT}{_INDENT}{name}  ", f"{_INDENT * 3}")
    writer.paragraph(_cut(formula.result), "bold green", f"{_INDENT}{_INDENT}= ", f"{_INDENT * 3}")


def _write_misreading(writer: TerminalWriter, misreading: Misreading) -> None:
    writer.write(writer.text(""))
    for name, said, style in (
        ("often written", misreading.often, "red"),
        ("the RFC", f"{misreading.really}  ({misreading.source})", "green"),
        ("so", misreading.why, ""),
    ):
        writer.paragraph(said, style, f"{_INDENT}{name:15}", f"{_INDENT}{'':15}")


def _write_toy(writer: TerminalWriter, toy: Toy) -> None:
    writer.heading(f"Diffie-Hellman in small numbers, and in {toy.group}")
    writer.paragraph(toy.text)
    for line in toy.lines:
        writer.write(writer.text(""))
        writer.write(
            writer.text(f"{_INDENT}{line.step}", "bold") + writer.text("  (secret)" if line.secret else "", "red")
        )
        writer.paragraph(line.small, "cyan", _INDENT * 2, _INDENT * 3)
        writer.paragraph(line.real, "green", _INDENT * 2, _INDENT * 3)


def _write_comparisons(writer: TerminalWriter, comparisons: tuple[Comparison, ...]) -> None:
    writer.heading("SKEYID by authentication method")
    for comparison in comparisons:
        writer.write(writer.text(""))
        used = writer.text("  (this run)" if comparison.used else "", "dim")
        writer.write(writer.text(f"{_INDENT}{comparison.method}", "bold") + used)
        for name, said, style in (
            ("often written", f"SKEYID = {comparison.often}", "red"),
            ("the RFC", f"SKEYID = {comparison.really}  ({comparison.source})", "green"),
            ("so", comparison.means, ""),
        ):
            writer.paragraph(said, style, f"{_INDENT * 2}{name:15}", f"{_INDENT * 2}{'':15}")


def _cut(octets: str) -> str:
    """Shorten long octets; the page and --json contain them completely."""
    if len(octets) <= _LONG or not set(octets) <= set("0123456789abcdef"):
        return octets
    return f"{octets[:_SHOWN]}... ({len(octets) // 2} octets)"
