"""The result of an audit: the stable values behind the text, JSON and HTML output.

Fields are added in later versions, and none is taken away or changes its meaning while `SCHEMA` stays the same. The
code of a finding is stable, too; docs/audit.md lists them. No value here ever holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from ikev1.crypto.weaknesses import Severity as Severity

SCHEMA = 1
"""The version of the form that these values have."""

_SHOWN = 20  # pieces of evidence per finding


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all audit values."""


class Evidence(_Value, frozen=True, kw_only=True):
    """The evidence for a finding: octets of a message in a capture, or a key of a configuration.

    ``frames`` are numbered as in Wireshark. ``offset`` and ``length`` are in octets, counted from the ISAKMP header, in
    the plaintext if the message is encrypted.
    """

    text: str  # the value: "GROUP_DESCRIPTION = MODP_1024", "mode = aggressive"
    frames: tuple[int, ...] = ()
    message: str = ""  # the label: "AM2"
    offset: int = 0
    length: int = 0  # 0: the whole message, or no message
    file: str = ""
    key: str = ""  # "connection.branch.mode"


class Finding(_Value, frozen=True, kw_only=True):
    """One weakness."""

    code: str  # stable: "aggressive-psk"
    severity: Severity
    title: str  # one line, the same for all findings with this code
    found: str  # the details of this case
    why: str  # why it matters
    remedy: str  # the remedy
    source: str  # the reference: "RFC 8247 §2.4"
    evidence: tuple[Evidence, ...] = ()
    conversation: int = 0  # its number in the report; 0 if the finding concerns several or none


class Audit(_Value, frozen=True, kw_only=True):
    """All findings about a capture or a configuration, the most severe first."""

    schema: int = SCHEMA
    source: str  # the name of the file
    kind: str  # "capture" or "configuration"
    examined: str  # the scope: "2 conversations in 18 frames"
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # what could not be audited, and why

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings with at least this severity."""
        return tuple(finding for finding in self.findings if finding.severity.rank <= severity.rank)


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
