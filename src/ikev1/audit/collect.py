"""Merging equal findings about several conversations, and sorting by severity."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from ikev1.audit.finding import Finding

_SHOWN = 20  # pieces of evidence per finding


def collected(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """``findings`` in order of severity; equal ones are merged into one with the evidence of all."""
    same: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.code, finding.severity, finding.found)
        known = same.get(key)
        if known is None:
            same[key] = finding
        elif len(known.evidence) < _SHOWN:
            evidence = dict.fromkeys((*known.evidence, *finding.evidence))
            same[key] = replace(known, evidence=tuple(evidence)[:_SHOWN])
    return tuple(sorted(same.values(), key=lambda finding: finding.severity.rank))
