"""The path of messages between two peers, and the NAT devices on it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.record import Record


class UdpPath(NamedTuple):
    """The two ends of a UDP conversation, addresses in text, ports as numbers."""

    local_host: str
    local_port: int
    remote_host: str
    remote_port: int

    @property
    def remote(self) -> str:
        """The peer's end, for people."""
        return f"{self.remote_host}[{self.remote_port}]"

    def __str__(self) -> str:
        return f"{self.local_host}[{self.local_port}] - {self.remote_host}[{self.remote_port}]"


class NatTraversalVersion(StrEnum):
    """Which NAT traversal a peer speaks, newest first: the numbers differ, the idea does not."""

    RFC_3947 = "RFC 3947"
    DRAFT_03 = "draft-03"
    DRAFT_02 = "draft-02"


class Nat(Record, frozen=True):
    """What the NAT-D payloads showed (RFC 3947 §3.2)."""

    version: NatTraversalVersion
    local_behind: bool = False
    remote_behind: bool = False
    forced: bool = False  # encapsulated because the connection says so

    @property
    def encapsulate(self) -> bool:
        """Whether ESP travels in UDP (RFC 3948)."""
        return self.local_behind or self.remote_behind or self.forced
