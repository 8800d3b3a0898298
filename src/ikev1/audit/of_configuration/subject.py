"""The audited configuration: the loaded settings and the TOML source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.audit.finding import Evidence
from ikev1.config import GatewayOptions
from ikev1.core.records.methods import SHARED
from ikev1.core.records.settings import Connection, Policy, Settings, Tunnel


class Subject(NamedTuple):
    """A valid configuration and its TOML source; ``now`` is in seconds since 1970."""

    file: Path
    written: Mapping[str, Any]
    settings: Settings
    gateway: GatewayOptions
    now: float

    def evidence(self, key: str, value: object = None) -> Evidence:
        """A key of the file as evidence, optionally with its value."""
        name = key.rpartition(".")[2]
        return self.place(key, name if value is None else f"{name} = {value}")

    def place(self, key: str, text: str) -> Evidence:
        """A key of the file as evidence, with a text."""
        return Evidence(text=text, file=str(self.file), key=key)

    def tunnels(self) -> Iterator[tuple[Connection, Tunnel]]:
        """All tunnels, each with its connection."""
        for connection in self.settings.connections:
            for tunnel in connection.tunnels:
                yield connection, tunnel

    def policy_key(self, connection: Connection, policy: Policy, key: str) -> str:
        """The path of ``key`` of a policy: in the connection, or in the table of the policy. For a default value it is
        the path of the connection.
        """
        own = key_of(connection)
        if key in self.written.get("connection", {}).get(connection.name, {}):
            return f"{own}.{key}"
        return f"policy.{policy.priority}" if "policy" in self.written else own


def key_of(connection: Connection, tunnel: Tunnel | None = None) -> str:
    """The path of a connection, or of one of its tunnels, in the file."""
    own = f"connection.{connection.name}"
    return own if tunnel is None else f"{own}.tunnel.{tunnel.name}"


def shares_secret(connection: Connection) -> bool:
    """Whether any policy of the connection uses a pre-shared key."""
    return any(policy.suite.authentication in SHARED for policy in connection.policies)
