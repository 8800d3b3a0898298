"""What an audit says: values that a terminal, JSON and HTML are made of, and that programs may rely on.

Fields are added in later versions, and none is taken away or changes its meaning while `SCHEMA` stays the same. The
code of a finding is stable, too; docs/audit.md lists them. No value here ever holds a secret.
"""

from __future__ import annotations

import msgspec

from ikev1.crypto.weaknesses import Severity as Severity

SCHEMA = 1
"""The version of the form that these values have."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all that is said."""


class Evidence(_Value, frozen=True, kw_only=True):
    """Where it can be seen: octets of a message in a capture, or a key of a configuration.

    ``frames`` are numbered as Wireshark does. ``offset`` and ``length`` are octets of that ISAKMP message, from its
    header on, in its plaintext if it was encrypted.
    """

    text: str  # what stands there: "GROUP_DESCRIPTION = MODP_1024", "mode = aggressive"
    frames: tuple[int, ...] = ()
    message: str = ""  # its label: "AM2"
    offset: int = 0
    length: int = 0  # 0: the message as a whole, or no message
    file: str = ""
    key: str = ""  # "connection.branch.mode"


class Finding(_Value, frozen=True, kw_only=True):
    """One thing that should not be so."""

    code: str  # stable: "aggressive-psk"
    severity: Severity
    title: str  # a line without the particulars of this case
    found: str  # what was found here, in a sentence or two
    why: str  # why it matters
    remedy: str  # what to do
    source: str  # who says so: "RFC 8247 §2.4"
    evidence: tuple[Evidence, ...] = ()
    conversation: int = 0  # its number in the report on the capture, 0 where it is about no single one


class Audit(_Value, frozen=True, kw_only=True):
    """All findings about one capture or one configuration, the worst first."""

    schema: int = SCHEMA
    source: str  # the name of the file
    kind: str  # "capture" or "configuration"
    examined: str  # what was looked at: "2 conversations in 18 frames"
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # what could not be judged, and why

    def at_least(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings that are as bad as ``severity``, or worse."""
        return tuple(finding for finding in self.findings if finding.severity.rank <= severity.rank)
