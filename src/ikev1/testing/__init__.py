"""Tests without sockets, sleep or chance: endpoints in memory on one clock, and a link between them that loses,
repeats and reorders datagrams as it is told.

::

    network = ikev1.testing.Network()
    alice = network.peer("alice", "192.0.2.1", ikev1.psk("peer", b"secret", lan))
    bob = network.peer("bob", "198.51.100.2", ikev1.psk("peer", b"secret", lan_of_bob))
    network.link = ikev1.testing.Loss(0.2, seed=7)
    alice.connect("lan")
    network.run(60)  # seconds, which pass at once
    assert alice.child and bob.child
"""

from __future__ import annotations

from ikev1.testing.impairments import Duplication, Link, Loss, Lost, Reordering, chain
from ikev1.testing.network import Datagram
from ikev1.testing.peer import Network, Peer
from ikev1.testing.randomness import Randomness

__all__ = ["Datagram", "Duplication", "Link", "Loss", "Lost", "Network", "Peer", "Randomness", "Reordering", "chain"]
