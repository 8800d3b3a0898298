"""An ipsec.conf and its ipsec.secrets, written for a test and loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Finding, Loaded, load
from ikev1.core.records.settings import Connection

Write = Callable[..., Path]
PSK = ': PSK "what both know"\n'


class IpsecConf:
    """Files by ``write``, in the dialect ``format``, the recognized one unless told; ``conn`` makes a file with one
    conn of the lines and options that it gets.
    """

    def __init__(self, write: Write, conn: Callable[..., str], format: str | None = None) -> None:
        self.write = write
        self._conn = conn
        self._format = format

    def load(self, text: str | bytes, secrets: str = PSK, *ignored: str) -> Loaded:
        self.write(secrets, "ipsec.secrets")
        return load(self.write(text, "ipsec.conf"), format=self._format, ignored=ignored)

    def connection(self, *lines: str, secrets: str = PSK, **options: str) -> Connection:
        (connection,) = self.load(self._conn(*lines, **options), secrets).settings.connections
        return connection

    def faults(self, text: str | bytes, secrets: str = PSK, *ignored: str) -> tuple[Finding, ...]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, secrets, *ignored)
        return caught.value.findings
