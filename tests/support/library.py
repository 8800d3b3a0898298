"""What tests of the library share: two endpoints that mirror one another, and their datagrams carried by hand."""

from __future__ import annotations

from collections.abc import Callable

import ikev1
from ikev1.testing import Randomness

ALICE, BOB = ("192.0.2.1", 500), ("198.51.100.2", 500)
IKE, ESP = "aes128-sha256-ecp256", "aes128-sha256"  # quick to compute
NOW = 1_700_000_000.0


def connections(secret_of_bob: bytes = b"secret") -> tuple[ikev1.Connection, ikev1.Connection]:
    """Alice's connection and Bob's, both called ``peer``, with the tunnel ``lan``."""
    lan = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16", esp=ESP)
    mirrored = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp=ESP)
    return ikev1.psk("peer", b"secret", lan, ike=IKE), ikev1.psk("peer", secret_of_bob, mirrored, ike=IKE)


class Two:
    """Alice and Bob: `exchange` carries what they send until nothing is left; nothing else moves a datagram."""

    def __init__(self, secret_of_bob: bytes = b"secret") -> None:
        of_alice, of_bob = connections(secret_of_bob)
        self.alice = ikev1.Ike(of_alice, random=Randomness("alice"))
        self.bob = ikev1.Ike(of_bob, random=Randomness("bob"))
        self.now = NOW
        self.wire: list[ikev1.Datagram] = []  # all that was sent, in order
        self.change: Callable[[ikev1.Datagram], bytes] = lambda datagram: datagram.octets

    def connect(self, tunnel: str | None = "lan") -> None:
        """Alice calls Bob."""
        self.alice.connect("peer", tunnel, ALICE, BOB, self.now)
        self.exchange()

    def exchange(self) -> None:
        """Carry every datagram, as `change` has it, until there is none."""
        while sent := [*self.alice.datagrams_to_send(), *self.bob.datagrams_to_send()]:
            for datagram in sent:
                self.wire.append(datagram)
                receiver = self.bob if datagram.local[0] == ALICE[0] else self.alice
                receiver.receive_datagram(self.change(datagram), datagram.remote, datagram.local, self.now)


def events_of(ike: ikev1.Ike) -> list[ikev1.events.Event]:
    """All events that nobody has fetched yet."""
    return list(iter(ike.next_event, None))
