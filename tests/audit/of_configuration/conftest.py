"""Audits of configurations that are written as text: which findings there are, by code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authority import NOW
from ikev1.audit.configuration import audit_configuration
from ikev1.audit.finding import Finding

Audited = Callable[..., dict[str, list[Finding]]]

STRONG = "x7Qm-2vBz9LwPk4RtYc8HnSd"
SOUND = f"""
[connection.branch]
secret = "{STRONG}"
remote_address = "192.0.2.1"
proposals = ["aes256-sha256-modp2048"]

[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
proposals = ["aes256gcm16"]
pfs = "modp2048"
"""


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """The findings about a configuration, `SOUND` unless it is another one; each of ``changes`` replaces some text."""

    def audit(
        *changes: tuple[str, str], text: str = SOUND, mode: int = 0o600, now: float = NOW
    ) -> dict[str, list[Finding]]:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "ikev1.toml"
        file.write_text(text)
        file.chmod(mode)
        found: dict[str, list[Finding]] = {}
        for finding in audit_configuration(file, now).findings:
            found.setdefault(finding.code, []).append(finding)
        return found

    return audit
