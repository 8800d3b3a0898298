"""The page of an audit: the findings with evidence and remedy, the most severe first."""

from __future__ import annotations

from collections import Counter

from ikev1.audit.finding import Audit, Severity
from ikev1.page.frame import frame
from ikev1.page.render import render


def audit_page(audit: Audit) -> str:
    """The audit as one HTML page."""
    counts = Counter(finding.severity for finding in audit.findings)
    body = render(
        "audit.html",
        audit=audit,
        counts=[(severity.value, counts[severity]) for severity in Severity],
    )
    return frame(audit.source, body, kind="Audit", lead=f"{audit.examined[:1].upper()}{audit.examined[1:]}.")
