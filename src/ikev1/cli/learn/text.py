"""A lesson as text, with a page for each step."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.capture.records.report import Formula
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.lesson.record import Comparison, Lesson, Misreading, Step, Toy

_INDENT = "  "
_LONG, _SHOWN = 64, 48  # hexadecimal digits: what is longer, and as much as is shown of it


def write_lesson(pen: TerminalWriter, lesson: Lesson) -> Iterator[None]:
    """Write a page at each step of the iteration, so that the caller can pause between pages."""
    pen.heading(lesson.title)
    pen.paragraph(lesson.introduction)
    pen.paragraph(f"Phase 1 negotiates {lesson.suite}.", "dim")
    yield
    for number, step in enumerate(lesson.steps, 1):
        _write_step(pen, step, f"{number} of {len(lesson.steps)}")
        yield
    if lesson.toy is not None:
        _write_toy(pen, lesson.toy)
        yield
    if lesson.comparisons:
        _write_comparisons(pen, lesson.comparisons)
        yield
    pen.heading("Summary")
    pen.paragraph(lesson.closing)


def _write_step(pen: TerminalWriter, step: Step, place: str) -> None:
    pen.write(pen.text(""))
    pen.write(pen.text("─" * pen.width, "dim"))
    label = pen.text(f"{step.label}  ", "bold cyan") if step.label else pen.text("")
    pen.write(label + pen.text(step.title, "bold") + pen.text(f"  ({place})", "dim"))
    if step.rfc:
        pen.write(pen.text(f"{_INDENT}{step.rfc}", "yellow"))
    for name, content in (("carries", step.carries), ("why", step.why), ("seen by", step.seen)):
        if content:
            pen.paragraph(content, "", f"{_INDENT}{name:9}", f"{_INDENT}{'':9}")
    if step.values:
        pen.write(pen.text(""))
    for name, value in step.values:
        pen.paragraph(_cut(value), "green", f"{_INDENT}{name}  ", f"{_INDENT}{_INDENT}")
    for formula in step.formulas:
        _write_formula(pen, formula)
    for misreading in step.misreadings:
        _write_misreading(pen, misreading)


def _write_formula(pen: TerminalWriter, formula: Formula) -> None:
    pen.write(pen.text(""))
    head = pen.text(formula.name, "bold") + pen.text(f" = {formula.expression}  ") + pen.text(formula.source, "dim")
    pen.write(*pen.wrapped(head, pen.width, _INDENT, f"{_INDENT}{_INDENT}"))
    for name, octets in formula.inputs:
        pen.paragraph(_cut(octets), "dim", f"{_INDENT}{_INDENT}{name}  ", f"{_INDENT * 3}")
    pen.paragraph(_cut(formula.result), "bold green", f"{_INDENT}{_INDENT}= ", f"{_INDENT * 3}")


def _write_misreading(pen: TerminalWriter, misreading: Misreading) -> None:
    pen.write(pen.text(""))
    for name, content, style in (
        ("often claimed", misreading.often, "red"),
        ("the RFC", f"{misreading.really}  ({misreading.source})", "green"),
        ("so", misreading.why, ""),
    ):
        pen.paragraph(content, style, f"{_INDENT}{name:15}", f"{_INDENT}{'':15}")


def _write_toy(pen: TerminalWriter, toy: Toy) -> None:
    pen.heading(f"Diffie-Hellman in small numbers, and in {toy.group}")
    pen.paragraph(toy.text)
    for line in toy.lines:
        pen.write(pen.text(""))
        pen.write(pen.text(f"{_INDENT}{line.step}", "bold") + pen.text("  (secret)" if line.secret else "", "red"))
        pen.paragraph(line.small, "cyan", _INDENT * 2, _INDENT * 3)
        pen.paragraph(line.real, "green", _INDENT * 2, _INDENT * 3)


def _write_comparisons(pen: TerminalWriter, comparisons: tuple[Comparison, ...]) -> None:
    pen.heading("SKEYID by the other methods")
    for comparison in comparisons:
        pen.write(pen.text(""))
        used = pen.text("  (this run)" if comparison.used else "", "dim")
        pen.write(pen.text(f"{_INDENT}{comparison.method}", "bold") + used)
        for name, content, style in (
            ("often claimed", f"SKEYID = {comparison.often}", "red"),
            ("the RFC", f"SKEYID = {comparison.really}  ({comparison.source})", "green"),
            ("so", comparison.means, ""),
        ):
            pen.paragraph(content, style, f"{_INDENT * 2}{name:15}", f"{_INDENT * 2}{'':15}")


def _cut(octets: str) -> str:
    """Octets, truncated if long; the HTML page and --json contain all of them."""
    if len(octets) <= _LONG or not set(octets) <= set("0123456789abcdef"):
        return octets
    return f"{octets[:_SHOWN]}... ({len(octets) // 2} octets)"
