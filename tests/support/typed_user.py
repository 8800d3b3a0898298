"""A user's program that touches every module of the face: mypy --strict checks it, and a test runs it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import ikev1
from ikev1 import Ike, Message, events, keys
from ikev1.capture import SCHEMA, Analyst, Report, open_capture
from ikev1.testing import Duplication, Loss, Network, Randomness, chain


def options() -> ikev1.ConnectionOptions:
    return {"ike": ("aes128-sha256-ecp256",), "remote_id": None, "mode": "main", "lifetime": 3600, "unique": "never"}


def endpoint(local: str, remote: str) -> Ike:
    tunnel: ikev1.Tunnel = ikev1.tunnel("lan", local, remote, esp=("aes128-sha256", "aes256gcm16"), lifetime=600)
    connection: ikev1.Connection = ikev1.psk("peer", b"secret", tunnel, **options())
    return Ike(connection, random=Randomness(local), retransmit_tries=3)


def carried(one: Ike, other: Ike, now: float) -> Iterator[ikev1.Datagram]:
    while sent := one.datagrams_to_send():
        for datagram in sent:
            yield datagram
            octets, address = datagram
            other.receive_datagram(octets, address, datagram.local, now)
        one, other = other, one


def fetched(ike: Ike) -> Iterator[events.Event]:
    while (event := ike.next_event()) is not None:
        yield event


def words(event: events.Event) -> str:
    match event:
        case events.IkeUp(sa) | events.IkeConfirmed(sa) | events.XauthUp(sa):
            return f"{sa.unique_id} {sa.state.value}"
        case events.ConfigAssigned(sa) | events.ConfigReceived(sa):
            return f"{sa.unique_id} {sa.assigned} {sa.received}"
        case events.ChildReady(_, child):
            return f"{child.unique_id}"
        case events.ChildUp(_, child, replaces):
            return f"{keys.suite_name(child.suite)} {child.inbound.spi} {replaces is None}"
        case events.IkeDown(sa, reason):
            return f"{sa.unique_id} {reason}"
        case events.ChildDown(_, child, reason):
            return f"{child.unique_id} {reason}"
        case events.MessageSeen(_, sent, label, state, message):
            return f"{label} {state} {sent} {message.to_text()}"
        case events.CheckCertificate(request):
            return f"{request}"
        case events.Failure(code, text) | events.Note(code, text):
            return f"{code.value}: {text}"


def read(octets: bytes) -> tuple[int, str]:
    try:
        message = Message.from_wire(octets)
    except ikev1.WireError as error:
        return error.offset, error.notify.name
    except ikev1.RemoteError as error:
        return -1, str(error.notify)
    numbers = [attribute.number for attribute in message[ikev1.SA].proposals[0].transforms[0].attributes]
    kind: ikev1.ExchangeType = ikev1.ExchangeType(message.header.exchange)
    return len(numbers), kind.name


def opened(message: Message, sa: events.IkeSa) -> ikev1.Nonce:
    key: keys.Phase1 = keys.Phase1.of(sa, message.header.message_id)
    return message.decrypt(key)[ikev1.Nonce]


def explained(path: Path) -> Report:
    analyst = Analyst()
    with open_capture(path) as capture:
        for packet in capture:
            analyst.add(packet)
        return analyst.report(path.name, capture.frames, capture.notes())


def on_a_bad_link() -> int:
    network = Network(restarts=True)
    lan, mirrored = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16"), ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16")
    alice = network.peer("alice", "192.0.2.1", ikev1.psk("peer", b"secret", lan, **options()))
    network.peer("bob", "192.0.2.2", ikev1.psk("peer", b"secret", mirrored, **options()))
    network.link = chain(Loss(0.2, seed=3), Duplication(0.2, seed=4))
    alice.connect("lan")
    network.run(200)
    return alice.child.inbound.spi


async def over_sockets() -> int:
    local = ikev1.psk("peer", b"secret", ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16"), **options())
    remote = ikev1.psk("peer", b"secret", ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16"), **options())
    async with (
        ikev1.aio.listen(remote, local=("127.0.0.2", 0), encapsulation_port=None) as bob,
        ikev1.aio.connect(local, "lan", local=("127.0.0.1", 0), remote=bob.local, encapsulation_port=None) as up,
    ):
        return up.child.outbound.spi


def main(capture: Path) -> list[str]:
    now = 1_700_000_000.0
    alice, bob = endpoint("10.1.0.0/16", "10.2.0.0/16"), endpoint("10.2.0.0/16", "10.1.0.0/16")
    alice.connect("peer", "lan", ("192.0.2.1", 500), ("192.0.2.2", 500), now)
    wire = list(carried(alice, bob, now))
    happened = [*fetched(alice), *fetched(bob)]
    (sa, *_) = [event.sa for event in happened if isinstance(event, events.IkeUp)]
    quick = next(Message.from_wire(datagram.octets) for datagram in wire if datagram.label == "QM1")
    again = Ike.from_state(alice.state(), *alice.connections)
    assert again.get_timer() < math.inf
    public: keys.DhGroup = keys.group(ikev1.Group.MODP_2048)
    try:
        again.connect("nobody", None, ("192.0.2.1", 500), ("192.0.2.2", 500), now)
    except ikev1.LocalError as error:
        refused = error.code
    return [
        *[words(event) for event in happened],
        *map(str, read(wire[0].octets)),
        f"{len(opened(quick, sa).data)} {public.public_length} {refused} {SCHEMA}",
        explained(capture).conversations[0].outcome,
        f"{on_a_bad_link()} {asyncio.run(over_sockets())}",
    ]
