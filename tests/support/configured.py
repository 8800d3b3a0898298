"""Settings in few words, for two peers that mirror one another."""

from __future__ import annotations

from typing import Any

from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, IpsecProposal, Policy, Settings, Tunnel
from ikev1.crypto.suites import parse_ah_proposal, parse_esp_proposal, parse_ike_proposal
from ikev1.wire.registry import ProtocolId

ALICE, BOB = "192.0.2.1", "198.51.100.2"
IKE = "aes128-sha256-ecp256"  # quick to compute
ESP = "aes128-sha256"
SECRET = b"a secret that both know"


def suite(text: str) -> Phase1Suite:
    """A phase 1 suite in strongSwan's notation, with a pre-shared key."""
    return Phase1Suite(*parse_ike_proposal(text))


def policy(text: str = IKE, priority: int = 1, **options: Any) -> Policy:
    """A phase 1 policy."""
    return Policy(priority, suite(text), **options)


def esp(text: str = ESP) -> IpsecProposal:
    """A phase 2 proposal."""
    encryption, key_length, integrity, group, esn = parse_esp_proposal(text)
    return IpsecProposal(IpsecSuite(encryption, key_length, integrity, esn=esn), group)


def ah(text: str = "sha256") -> IpsecProposal:
    """A phase 2 proposal of AH."""
    integrity, group, esn = parse_ah_proposal(text)
    return IpsecProposal(IpsecSuite(0, 0, integrity, ProtocolId.AH, esn), group)


def tunnel(
    name: str = "net",
    local: str | None = "10.1.0.0/16",
    remote: str | None = "10.2.0.0/16",
    *,
    mirrored: bool = False,
    **rest: Any,
) -> Tunnel:
    """A tunnel as alice sees it, or mirrored as bob does."""
    ours, theirs = (Selector.parse(text or "dynamic") for text in (local, remote))
    if mirrored:
        ours, theirs = theirs, ours
    rest.setdefault("proposals", (esp(),))
    return Tunnel(name, ours, theirs, **rest)


def connection(local: str, remote: str, *tunnels: Tunnel, name: str = "peer", **options: Any) -> Connection:
    """A connection between two addresses."""
    options = {"policies": (policy(),), "secret": SECRET, "local_address": local, "remote_address": remote} | options
    return Connection(name=name, tunnels=tunnels, **options)


def settings(*connections: Connection, **options: Any) -> Settings:
    """All of it."""
    return Settings(connections=connections, **options)
