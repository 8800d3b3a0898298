"""Texts for Cisco IOS and ASA, written for a test and loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Finding, Loaded, Rule, Side, load
from ikev1.core.records.settings import Connection

POLICY = """\
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
"""
TRANSFORMS = "crypto ipsec transform-set TS esp-aes 256 esp-sha256-hmac\n"
OUTSIDE = """\
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map VPN
"""
LIST = "access-list 101 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n"


def policy_map(
    *entry: str,
    policy: str = POLICY,
    key: str = "crypto isakmp key what-both-know address 198.51.100.7",
    transforms: str = TRANSFORMS,
    outside: str = OUTSIDE,
    acl: str = LIST,
    more: str = "",
    peer: str = "198.51.100.7",
) -> str:
    """A router R1 with a crypto map for one peer, with more lines of the entry."""
    lines = [f" set peer {peer}" if peer else "", " set transform-set TS", " match address 101", *entry]
    whole = "\n".join(f" {line.strip()}" for line in lines if line)
    head = f"hostname R1\n{policy}{key}\n{transforms}"
    return f"{head}crypto map VPN 10 ipsec-isakmp\n{whole}\n{outside}{acl}{more}\nend\n"


class CiscoText:
    """Texts in a file that ``write`` makes."""

    def __init__(self, write: Callable[..., Path]) -> None:
        self._write = write

    def load(self, text: str | bytes, *ignored: str, side: Side | None = None) -> Loaded:
        return load(self._write(text, "router.cfg"), ignored=ignored, side=side)

    def connection(self, text: str, *ignored: str, side: Side | None = None) -> Connection:
        (connection,) = self.load(text, *ignored, side=side).settings.connections
        return connection

    def faults(self, text: str | bytes, *ignored: str, side: Side | None = None) -> tuple[Finding, ...]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, *ignored, side=side)
        return caught.value.findings

    def fault(self, text: str | bytes, *ignored: str) -> tuple[str, Rule, int, int]:
        (finding,) = self.faults(text, *ignored)
        return finding.key, finding.rule, finding.line, finding.column
