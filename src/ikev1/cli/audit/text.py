"""The findings on the terminal, the most severe first."""

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
_MARGIN = 10  # columns, for the labels


def write_audit(writer: TerminalWriter, audit: Audit) -> None:
    """Write all findings and notes."""
    writer.heading(f"{audit.source}: {audit.examined}")
    writer.paragraph(_counts(audit))
    for finding in audit.findings:
        _write_finding(writer, finding)
    if audit.notes:
        writer.heading("What could not be audited")
        for note in audit.notes:
            writer.paragraph(note, indent="  ", further="    ")


def _counts(audit: Audit) -> str:
    counts = Counter(finding.severity for finding in audit.findings)
    if not counts:
        return "no findings"
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])


def _write_finding(writer: TerminalWriter, finding: Finding) -> None:
    head = writer.text(f"{finding.severity.upper():{_MARGIN - 2}}", _STYLES[finding.severity])
    writer.write(writer.text(""))
    writer.write(
        *writer.wrapped(
            head + writer.text(finding.title, "bold") + writer.text(f"  {finding.code}", "dim"), writer.width
        )
    )
    for name, said, style in (
        ("found", finding.found, ""),
        ("why", finding.why, ""),
        ("fix", finding.remedy, "green"),
        *(("seen" if number == 0 else "", _place(each), "dim") for number, each in enumerate(finding.evidence)),
        ("source", finding.source, "dim"),
    ):
        writer.paragraph(said, style, f"  {name:{_MARGIN - 4}}  ", " " * _MARGIN)


def _place(evidence: Evidence) -> str:
    """The place of the evidence: ``frame 2, AM2, octets 348 to 371: HASH_R``."""
    if evidence.file:
        return f"{evidence.file}, {evidence.key}: {evidence.text}"
    octets = f", octets {evidence.offset} to {evidence.offset + evidence.length - 1}" if evidence.length else ""
    return f"{frames_text(evidence.frames)}, {evidence.message}{octets}: {evidence.text}"
