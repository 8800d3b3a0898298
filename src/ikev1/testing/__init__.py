"""Tests without sockets, sleep or chance: endpoints in memory on one clock, and a link between them that loses,
repeats, reorders, delays or changes datagrams.
"""

from __future__ import annotations

from ikev1.testing.impairments import Delay, Duplication, Link, Loss, Lost, Mtu, Nat, Outage, Reordering, chain
from ikev1.testing.network import Datagram
from ikev1.testing.peer import Network, Peer
from ikev1.testing.randomness import Randomness

__all__ = [
    "Datagram",
    "Delay",
    "Duplication",
    "Link",
    "Loss",
    "Lost",
    "Mtu",
    "Nat",
    "Network",
    "Outage",
    "Peer",
    "Randomness",
    "Reordering",
    "chain",
]
