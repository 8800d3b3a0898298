"""The audit of configurations in other formats: findings bear the keys of the user's file."""

from __future__ import annotations

from pathlib import Path

from authority import NOW
from ikev1.audit.configuration import audit_configuration

SWANCTL = """
connections { branch {
    version = 1
    remote_addrs = 192.0.2.1
    proposals = aes256-sha256-modp1024
    local { auth = psk }
    remote { auth = psk
             id = branch.example.org }
    children { net { remote_ts = 10.2.0.0/16 } }
} }
include secrets.conf
"""


def test_keys_are_those_of_swanctl(tmp_path: Path) -> None:
    file, secrets = tmp_path / "swanctl.conf", tmp_path / "secrets.conf"
    for each, text in ((file, SWANCTL), (secrets, "secrets { ike { secret = short } }")):
        each.touch(mode=0o600)
        each.write_text(text)
    found = {finding.code: finding for finding in audit_configuration(file, NOW).findings}
    evidence = {code: [(each.file, each.key) for each in finding.evidence] for code, finding in found.items()}
    assert evidence["weak-secret"] == [(str(secrets), "secrets.ike.secret")]
    assert evidence["weak-group"] == [(str(file), "connections.branch.proposals")]
    assert evidence["no-pfs"] == [(str(file), "connections.branch.children.net")]
