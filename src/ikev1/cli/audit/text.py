"""An audit as text: the most severe findings first, each with its remedy."""

from __future__ import annotations

from collections import Counter

from ikev1.audit.finding import Audit, Evidence, Finding, Severity
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.words import frames_text

_STYLES = {
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold cyan",
    Severity.INFO: "bold blue",
}
_MARGIN = 10  # columns, for the names of the parts


def write_audit(pen: TerminalWriter, audit: Audit) -> None:
    """All of it."""
    pen.heading(f"{audit.source}: {audit.examined}")
    pen.paragraph(_counts(audit))
    for finding in audit.findings:
        _write_finding(pen, finding)
    if audit.notes:
        pen.heading("Not evaluated")
        for note in audit.notes:
            pen.paragraph(note, indent="  ", further="    ")


def _counts(audit: Audit) -> str:
    counts = Counter(finding.severity for finding in audit.findings)
    if not counts:
        return "no findings"
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])


def _write_finding(pen: TerminalWriter, finding: Finding) -> None:
    head = pen.text(f"{finding.severity.upper():{_MARGIN - 2}}", _STYLES[finding.severity])
    pen.write(pen.text(""))
    pen.write(*pen.wrapped(head + pen.text(finding.title, "bold") + pen.text(f"  {finding.code}", "dim"), pen.width))
    for name, text, style in (
        ("found", finding.found, ""),
        ("why", finding.why, ""),
        ("do", finding.remedy, "green"),
        *(("seen" if number == 0 else "", _place(each), "dim") for number, each in enumerate(finding.evidence)),
        ("source", finding.source, "dim"),
    ):
        pen.paragraph(text, style, f"  {name:{_MARGIN - 4}}  ", " " * _MARGIN)


def _place(evidence: Evidence) -> str:
    """Where it can be seen: ``frame 2, AM2, octets 348 to 371: HASH_R``."""
    if evidence.file:
        return f"{evidence.file}, {evidence.key}: {evidence.text}"
    octets = f", octets {evidence.offset} to {evidence.offset + evidence.length - 1}" if evidence.length else ""
    return f"{frames_text(evidence.frames)}, {evidence.message}{octets}: {evidence.text}"
