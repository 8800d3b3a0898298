"""Conversations stopped before one of their messages, and other octets than its own in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from configured import ALICE, BOB, connection, esp, policy, settings, tunnel
from dishonest import Change, resealed
from ikev1.core.exchanges.protection import open_message, phase2_iv
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.crypto import cipher
from ikev1.wire.header import HEADER_SIZE, Header
from playbook import Datagram, Network, Peer

MAIN = ("MM1", "MM2", "MM3", "MM4", "MM5", "MM6")
AGGRESSIVE = ("AM1", "AM2", "AM3")
QUICK = ("QM1", "QM2", "QM3")
INFORMATIONAL = ("INFO D(ESP)", "INFO D(ISAKMP)")
LABELS = (*MAIN, *AGGRESSIVE, *QUICK, *INFORMATIONAL)
PHASE_2 = (*QUICK, *INFORMATIONAL)
ENCRYPTED = ("MM5", "MM6", "AM3", *PHASE_2)
CLEAR = tuple(label for label in LABELS if label not in ENCRYPTED)

Octets = Callable[[bytes], bytes]


class Scene(NamedTuple):
    """A conversation just before one of its messages arrives."""

    network: Network
    alice: Peer
    bob: Peer
    due: Datagram

    @property
    def receiver(self) -> Peer:
        """Whom the message is for."""
        return self.bob if self.due.sender == "alice" else self.alice


def scene(label: str, group: str = "ecp256", **options: Any) -> Scene:
    """Play until the message of this label is under way; the last two of `LABELS` are alice's."""
    aggressive = label in AGGRESSIVE
    network = Network()
    both: dict[str, Any] = {
        "mode": Mode.AGGRESSIVE if aggressive else Mode.MAIN,
        "aggressive": Aggressive.ACCEPT_PSK,
        "policies": (policy(f"aes128-sha256-{group}"),),
    } | options
    pfs = (esp(f"aes128-sha256-{group}"),)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(proposals=pfs), **both)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True, proposals=pfs), **both)))
    alice.calls()
    while network.flying and network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    if not network.flying:
        alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        while network.flying[0].label != label:
            network.deliver(network.flying.popleft())
    return Scene(network, alice, bob, network.flying.popleft())


def from_sender(there: Scene, change: Change) -> Datagram:
    """What the sender would have sent with other payloads."""
    return resealed(there.receiver, there.due, change)


def rewritten(there: Scene, change: Callable[[Header, bytes], tuple[Header, bytes]]) -> Datagram:
    """The message with another plaintext, encrypted with the keys of the ISAKMP SA; HASH is not made anew."""
    octets = there.due.octets
    header = Header.parse(octets)
    if not header.encrypted:
        header, chain = change(header, octets[HEADER_SIZE:])
    else:
        sa = _sa(there)
        iv = _iv(sa, header.message_id)
        algorithm, key = sa.suite.encryption, sa.keys.encryption_key if sa.keys else b""
        message, _ = open_message(sa, iv, header, octets)
        plain = cipher.decrypt(algorithm, key, iv, octets[HEADER_SIZE:])
        assert message.payloads
        header, plain = change(header, plain)
        chain = cipher.encrypt(algorithm, key, iv, cipher.pad(plain, cipher.block_size(algorithm)))
    built = header._replace(length=HEADER_SIZE + len(chain)).build()
    return there.due._replace(octets=built + chain)


def _sa(there: Scene) -> IkeSa:
    return there.receiver.engine.sas.get(there.due.octets[:16]) or there.receiver.sa


def _iv(sa: IkeSa, message_id: int) -> bytes:
    if message_id == 0:
        assert sa.phase1 is not None
        return sa.phase1.iv
    known = next((each.iv for each in sa.exchanges if each.message_id == message_id), b"")
    return known or phase2_iv(sa, message_id)


def answers_to(there: Scene, *datagrams: Datagram) -> list[Datagram]:
    """What the receiver sends at once when these arrive."""
    network, receiver = there.network, there.receiver
    for datagram in datagrams:
        receiver.takes(datagram.octets, UdpPath(*datagram.destination, *datagram.source))
    said = [each for each in network.flying if each.sender == receiver.name]
    for each in said:
        network.flying.remove(each)
    return said


def is_up(there: Scene) -> bool:
    """Whether both ends have the same pair."""
    pairs = [{child.inbound.spi: child.outbound.spi for child in peer.children} for peer in (there.alice, there.bob)]
    return any(pairs[1].get(theirs) == ours for ours, theirs in pairs[0].items())


def recovers(there: Scene) -> None:
    """The message itself arrives now, and if it was spoilt another call does it: nothing that came before matters."""
    network, alice = there.network, there.alice
    network.deliver(there.due)
    network.run(200)
    if not is_up(there):
        alice.calls()
        network.run(200)
    assert is_up(there)
    for peer in (there.alice, there.bob):
        assert Code.INTERNAL_ERROR not in peer.failures
