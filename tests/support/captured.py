"""A capture of what the engines of a `playbook.Network` say, with all that only they know about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from configured import ALICE, BOB, SECRET, connection, settings, tunnel
from ikev1.capture.analyse import Analyst
from ikev1.capture.keys import DhSecret, IkeKeys, KeyRing, PreSharedKey
from ikev1.capture.records.packets import Datagram, EspPacket, Packet
from ikev1.capture.records.report import Answer, Conversation, Message, Report
from ikev1.core.records.child_sa import ChildSa, IpsecKeys
from ikev1.esp.transforms import sealer
from playbook import Datagram as Sent
from playbook import Network, Peer, Randomness


class Recorder:
    """Sits on the wire next to the peer called ``near``, and writes down what passes there: also what gets lost."""

    def __init__(self, network: Network, near: str = "bob") -> None:
        self.packets: list[Packet] = []
        self.labels: list[str] = []
        self.privates: dict[str, dict[bytes, None]] = {}  # private exponents, by peer
        self._network = network
        self._near = near
        self._beyond = network.link
        network.link = self.record

    def record(self, datagram: Sent) -> list[Sent]:
        """Also looks into the engines for what they forget later."""
        for peer in self._network.peers.values():
            for sa in peer.engine.sas.values():
                shares = [sa.share, *(exchange.quick.share for exchange in sa.exchanges if exchange.quick)]
                for share in shares:
                    if share is not None and share.private:
                        self.privates.setdefault(peer.name, {})[share.private] = None
        arrived = self._beyond(datagram)
        for passing in [datagram] if datagram.sender == self._near else arrived or [datagram]:
            self.add(passing)
        return arrived

    def add(self, passing: Sent) -> None:
        """Writes a datagram down."""
        frame = len(self.packets) + 1
        (source, source_port), (destination, destination_port) = passing.source, passing.destination
        self.labels.append(passing.label)
        self.packets.append(
            Datagram(
                (frame,),
                self._network.now,
                source,
                source_port,
                destination,
                destination_port,
                4500 in (source_port, destination_port),
                passing.octets,
            )
        )

    def without(self, *labels: str) -> list[Packet]:
        """The capture as it is when these messages were missed."""
        return [packet for packet, label in zip(self.packets, self.labels, strict=True) if label not in labels]


def two(
    network: Network,
    *,
    alice: dict[str, Any] | None = None,
    bob: dict[str, Any] | None = None,
    tunnel_options: dict[str, Any] | None = None,
    bobs_tunnel: dict[str, Any] | None = None,
    **both: Any,
) -> tuple[Peer, Peer]:
    """Alice and bob, as in the tests of the core."""
    joined = tunnel_options or {}
    of_alice = connection(ALICE, BOB, tunnel(**joined), **(both | (alice or {})))
    of_bob = connection(BOB, ALICE, tunnel(mirrored=True, **(joined | (bobs_tunnel or {}))), **(both | (bob or {})))
    return network.peer("alice", ALICE, settings(of_alice)), network.peer("bob", BOB, settings(of_bob))


def analysed(packets: Iterable[Packet], key_ring: KeyRing = KeyRing(), with_secrets: bool = True) -> Report:  # noqa: B008
    """What there is to say of these packets."""
    analyst = Analyst(key_ring)
    kept = list(packets)
    for packet in kept:
        analyst.add(packet)
    return analyst.report("test", len(kept), with_secrets=with_secrets)


def only(report: Report) -> Conversation:
    """The only conversation."""
    (conversation,) = report.conversations
    return conversation


def labels(conversation: Conversation) -> list[str]:
    """The labels of all messages, repetitions in brackets."""
    return [_label(message) for message in conversation.messages]


def _label(message: Message) -> str:
    return message.label if message.retransmission_of is None else f"({message.label})"


def answer(conversation: Conversation, question: str) -> Answer:
    """The answer to a question; a KeyError if there is none."""
    return {found.question: found for found in conversation.answers}[question]


def key_log(peer: Peer) -> KeyRing:
    """What our own key log has: the encryption keys of all ISAKMP SAs."""
    return KeyRing(
        tuple(IkeKeys("the key log", sa.CKY_I, sa.keys.encryption_key) for sa in peer.engine.sas.values() if sa.keys)
    )


def dh_keys(recorder: Recorder, peer: str = "alice", secret: bytes = SECRET) -> KeyRing:
    """A private exponent of one peer, and the pre-shared key."""
    privates = tuple(DhSecret("the debugger", private) for private in recorder.privates[peer])
    return KeyRing(dh_secrets=privates, pre_shared_keys=(PreSharedKey("the configuration", secret),))


def esp(child: ChildSa, keys: IpsecKeys, inner: Iterable[bytes], *, outbound: bool, frame: int = 1) -> list[EspPacket]:
    """Packets sealed with the keys of one direction, as they travel on the path of ``child``."""
    seal = sealer(child.suite, keys, Randomness("esp"))
    path = child.path
    ends = (path.local_host, path.local_port), (path.remote_host, path.remote_port)
    source, destination = ends if outbound else ends[::-1]
    packets = []
    for number, packet in enumerate(inner, 1):
        padding = -(len(packet) + 2) % 16
        payload = packet + bytes(range(1, padding + 1)) + bytes((padding, 4 if packet[0] >> 4 == 4 else 41))
        sealed = seal(keys.spi.to_bytes(4) + number.to_bytes(4), payload)
        ports = (source[1], destination[1]) if child.udp_encapsulation else (0, 0)
        packets.append(
            EspPacket((frame,), float(frame), source[0], ports[0], destination[0], ports[1], sealed, len(sealed))
        )
        frame += 1
    return packets
