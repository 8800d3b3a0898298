"""The path of messages between two peers, and the NAT devices on it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ikev1.core.records.record import Record


def ip_version(address: str) -> int:
    """The IP version, 4 or 6, of an address or network in text."""
    return 6 if ":" in address else 4


class UdpPath(NamedTuple):
    """The local and the remote address and port of UDP datagrams; addresses are text, without a prefix length."""

    local_host: str
    local_port: int
    remote_host: str
    remote_port: int

    @property
    def remote(self) -> str:
        """The address and port of the peer as text."""
        return f"{self.remote_host}[{self.remote_port}]"

    def __str__(self) -> str:
        return f"{self.local_host}[{self.local_port}] - {self.remote_host}[{self.remote_port}]"


class NatTraversalVersion(StrEnum):
    """The versions of NAT traversal, newest first, which differ in the numbers of payloads and modes."""

    RFC_3947 = "RFC 3947"
    DRAFT_03 = "draft-03"
    DRAFT_02 = "draft-02"


class Nat(Record, frozen=True):
    """The result of NAT detection with NAT-D payloads (RFC 3947 §3.2)."""

    version: NatTraversalVersion
    local_behind: bool = False
    remote_behind: bool = False
    forced: bool = False  # UDP encapsulation is configured for the connection

    @property
    def encapsulate(self) -> bool:
        """Whether ESP is encapsulated in UDP (RFC 3948)."""
        return self.local_behind or self.remote_behind or self.forced
