"""Writes racoon.conf, psk.txt and setkey.conf for a test, and loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Finding, Loaded, Rule, load
from ikev1.core.records.settings import Connection

HEAD = """
path pre_shared_key "psk.txt";
path certificate "certs";
"""
PROPOSAL = """
    proposal {
        encryption_algorithm aes 256;
        hash_algorithm sha1;
        authentication_method pre_shared_key;
        dh_group modp2048;
    }
"""
SAINFO = """
sainfo anonymous {
    pfs_group 14;
    lifetime time 1 hour;
    encryption_algorithm aes 256;
    authentication_algorithm hmac_sha1;
    compression_algorithm deflate;
}
"""
SPD = """
spdflush;
spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec esp/tunnel/192.0.2.1-198.51.100.7/require;
spdadd 10.2.0.0/16 10.1.0.0/16 any -P in ipsec esp/tunnel/198.51.100.7-192.0.2.1/require;
"""


def remote(*lines: str, who: str = "198.51.100.7", proposal: str = PROPOSAL) -> str:
    """A section for a peer, in Main Mode unless ``lines`` say otherwise."""
    own = "".join(f"    {line}\n" for line in (lines or ("exchange_mode main;",)))
    return f"remote {who} {{\n{own}{proposal}}}\n"


class Racoon:
    """The folder of a racoon.conf."""

    def __init__(self, write: Callable[..., Path]) -> None:
        self._write = write
        self.keys = "198.51.100.7\tthe secret of both\n"
        self.policies = SPD
        self.mode = 0o600

    def file(self, *sections: str) -> Path:
        """Write all files; returns racoon.conf."""
        self._write(self.keys, "psk.txt", self.mode)
        if self.policies:
            self._write(self.policies, "setkey.conf")
        return self._write(HEAD + "\n".join(sections), "racoon.conf", 0o644)

    def load(self, *sections: str, ignored: tuple[str, ...] = ()) -> Loaded:
        """The configuration, which must be usable."""
        return load(self.file(*sections), ignored=ignored)

    def connection(self, *sections: str) -> Connection:
        """The only connection."""
        (found,) = self.load(*sections).settings.connections
        return found

    def faults(self, *sections: str) -> list[tuple[str, Rule]]:
        """The keys and rules of the errors because of which the configuration cannot be used."""
        return [(each.key, each.rule) for each in self.errors(*sections)]

    def errors(self, *sections: str) -> tuple[Finding, ...]:
        """The errors because of which the configuration cannot be used."""
        with pytest.raises(ConfigError) as caught:
            load(self.file(*sections))
        return caught.value.findings
