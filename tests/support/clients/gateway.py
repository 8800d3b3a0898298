"""Our gateway as the pages of ``docs/recipes`` place it: its address, those of its peers, and its one user, alice."""

from __future__ import annotations

from clients.facts import subnet
from ikev1.core.records.answers import AddressesAssigned
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Settings
from playbook import Network, Peer

GATEWAY = "192.0.2.1"
THEIR_GATEWAY = "198.51.100.7"
OURS, THEIRS = "10.1.0.0/16", "10.2.0.0/16"
BOX = "192.168.178.0/24"
NAT = ("203.0.113.5", 40_500)
HOME = "192.168.1.10"  # of a road warrior behind a NAT
VIRTUAL = "10.99.0.10"
EVERYTHING = subnet("0.0.0.0/0")
UDP, L2TP = 17, 1701


def gateway(settings: Settings, address: str = GATEWAY) -> Peer:
    """Our gateway in a network of its own."""
    peer = Network().peer("gateway", address, settings)
    peer.checks = _check
    peer.assigns = lambda action: AddressesAssigned(
        replace(settings.pools[0].config, addresses=(VIRTUAL,)) if settings.pools else ModeConfig()
    )
    peer.engine.name_addresses({"box.example.org": (THEIR_GATEWAY,)})
    return peer


def _check(attempt: XauthAttempt) -> Verdict:
    accepted = (attempt.user, attempt.password) == ("alice", b"her password")
    return Accepted(User("alice")) if accepted else Rejected("wrong")
