"""What real peers do that the RFCs do not provide for: read generously, and reported in words that help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.exchanges.informational import INFORMATIONAL, notify
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import phase2_iv, seal
from ikev1.core.records.events import Code, IkeUp, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import ConfigAttributes, Notification, Payload, SecurityAssociation
from ikev1.wire.registry import ExchangeType, Flags, NotifyType, Phase1Attribute
from playbook import Couple, Datagram, Network, Peer, establish

IKEV2_REQUEST, IKEV2_RESPONSE = 0x08, 0x20


# --- another lifetime in the chosen transform


def with_lifetime(seconds: int) -> Callable[[Datagram], list[Datagram]]:
    """Message 2 with another lifetime in its transform, as some responders write their own into it."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label != "MM2":
            return [datagram]
        message = parse_message(Header.parse(datagram.octets), datagram.octets[28:])
        return [datagram._replace(octets=build_message(message.header, [changed(each) for each in message.payloads]))]

    def changed(payload: Payload) -> Payload:
        if not isinstance(payload, SecurityAssociation):
            return payload
        (proposal,) = payload.proposals
        (transform,) = proposal.transforms
        life = Phase1Attribute.LIFE_DURATION
        attributes = tuple(Attribute(life, seconds) if each.type == life else each for each in transform.attributes)
        return payload._replace(proposals=(proposal._replace(transforms=(transform._replace(attributes=attributes),)),))

    return link


@pytest.mark.parametrize(("seconds", "used"), [(3600, 3600), (60_000, 60_000), (1, 60)])
def test_another_lifetime_in_the_chosen_transform_is_taken_and_told(
    network: Network, alice: Peer, bob: Peer, seconds: int, used: int
) -> None:
    network.link = with_lifetime(seconds)
    alice.calls(tunnel=None)
    network.run(1)
    assert alice.sa.state is IkeState.ESTABLISHED
    assert alice.sa.expires_at - alice.sa.established_at == used
    assert [note.code for note in alice.saw(Note)] == [Code.OTHER_LIFETIME]
    assert Code.OTHER_LIFETIME not in [note.code for note in bob.saw(Note)]


@pytest.mark.parametrize(("configured", "stated", "used"), [(30, 1, 30), (30, 20, 30), (100, 1, 60), (5, 1, 10)])
def test_message_2_shortens_no_life_below_a_minute_unless_that_is_configured(
    network: Network, configured: int, stated: int, used: int
) -> None:
    ends = [("alice", "192.0.2.1", "198.51.100.2"), ("bob", "198.51.100.2", "192.0.2.1")]
    alice, _ = (
        network.peer(name, own, settings(connection(own, other, policies=(policy(lifetime=configured),))))
        for name, own, other in ends
    )
    network.link = with_lifetime(stated)
    alice.calls(tunnel=None)
    network.run(1)
    assert alice.sa.expires_at - alice.sa.established_at == used


# --- an address that is sent as a name


ADDRESS_AS_NAME = {"alice": {"local_id": "@192.0.2.1"}, "bob": {"local_id": "@198.51.100.2"}}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_address_sent_as_a_name_is_accepted_and_told(network: Network, couple: Couple, mode: Mode, who: str) -> None:
    own: dict[str, Any] = {who: ADDRESS_AS_NAME[who]}
    alice, bob = couple(mode=mode, aggressive=Aggressive.ACCEPT_PSK, **own)
    alice.calls()
    network.run(1)
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == bob.failures == []
    sender, receiver = (alice, bob) if who == "alice" else (bob, alice)
    assert Code.ADDRESS_AS_NAME in [note.code for note in receiver.saw(Note)]
    assert Code.ADDRESS_AS_NAME not in [note.code for note in sender.saw(Note)]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("name", ["@192.0.2.2", "@192.0.2.1.", "userfqdn:192.0.2.1", "keyid:192.0.2.1"])
def test_another_address_or_another_kind_of_name_is_not(
    network: Network, couple: Couple, mode: Mode, name: str
) -> None:
    alice, bob = couple(mode=mode, aggressive=Aggressive.ACCEPT_PSK, alice={"local_id": name})
    alice.calls()
    network.run(1)
    assert bob.failures == [Code.ID_MISMATCH if mode is Mode.MAIN else Code.NO_CONNECTION]
    assert not any(sa.is_up for sa in bob.engine.sas.values())


def test_a_connection_for_the_name_goes_before_one_for_the_address(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), local_id="@192.0.2.1")))
    by_address = connection(BOB, ALICE, tunnel(mirrored=True), name="address")
    by_name = connection(BOB, ALICE, tunnel(mirrored=True), name="name", remote_id="@192.0.2.1")
    bob = network.peer("bob", BOB, settings(by_address, by_name))
    alice.calls()
    network.run(1)
    assert bob.sa.connection == "name"
    assert Code.ADDRESS_AS_NAME not in [note.code for note in bob.saw(Note)]


# --- IKEv2


def ikev2(SPI_i: bytes, *, exchange: int = 34, flags: int = IKEV2_REQUEST, SPI_r: bytes = NO_COOKIE) -> bytes:
    return Header(SPI_i, SPI_r, 33, exchange, flags, 0, 60, version=0x20).build() + bytes(32)


def test_a_caller_that_speaks_ikev2_is_told_which_version_there_is(network: Network, bob: Peer) -> None:
    bob.takes(ikev2(b"initiate"), UdpPath(bob.address, 500, "192.0.2.1", 500))
    assert bob.failures == [Code.WRONG_VERSION]
    (answer,) = network.flying
    header = Header.parse(answer.octets)
    assert (header.CKY_I, header.exchange) == (b"initiate", ExchangeType.INFORMATIONAL)
    (told,) = parse_message(header, answer.octets[28:]).all(Notification)
    assert told.type == NotifyType.INVALID_MAJOR_VERSION
    assert len(answer.octets) <= 60


@pytest.mark.parametrize(
    "octets",
    [
        ikev2(b"initiate", flags=IKEV2_RESPONSE),
        ikev2(b"initiate", exchange=37),
        ikev2(b"initiate", SPI_r=b"response"),
        Header(b"initiate", NO_COOKIE, 1, 2, 0, 0, 60, version=0x30).build() + bytes(32),
    ],
    ids=["a response", "another exchange", "under an SA", "version 3"],
)
def test_no_other_message_of_another_version_is_answered(network: Network, bob: Peer, octets: bytes) -> None:
    bob.takes(octets, UdpPath(bob.address, 500, "192.0.2.1", 500))
    assert bob.failures == [Code.WRONG_VERSION]
    assert not network.flying


def test_a_gateway_that_answers_in_ikev2_is_the_reason_of_the_failure(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: []
    alice.calls()
    path = UdpPath(alice.address, 500, bob.address, 500)
    alice.takes(ikev2(alice.sa.CKY_I, exchange=37, flags=IKEV2_RESPONSE), path)
    assert alice.failures == []
    network.wait(3)
    assert alice.failures == [Code.WRONG_VERSION]
    assert not alice.engine.sas


def test_a_forged_answer_in_ikev2_does_not_keep_the_peer_out(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    stranger = UdpPath(alice.address, 500, "203.0.113.9", 500)
    alice.takes(ikev2(alice.sa.CKY_I, exchange=37, flags=IKEV2_RESPONSE), stranger)
    assert alice.failures == [Code.WRONG_VERSION]
    alice.takes(ikev2(alice.sa.CKY_I, exchange=37, flags=IKEV2_RESPONSE), stranger._replace(remote_host=bob.address))
    network.run(1)
    assert len(alice.saw(IkeUp)) == 1
    assert alice.carries.inbound == bob.carries.outbound


# --- XAUTH, mode config


def sealed(sender: Peer, kind: ExchangeType, message_id: int, iv: bytes | None, *payloads: Payload) -> bytes:
    """A message with HASH(1) of ``sender``, in an exchange that it would not begin itself."""
    sa = sender.sa
    exchange = new_exchange(INFORMATIONAL, message_id, Role.INITIATOR, 0.0, iv or phase2_iv(sa, message_id))
    datagram, _, _ = seal(sa, exchange, kind, INFORMATIONAL.grammars[0], list(payloads))
    return datagram


def test_a_peer_that_requires_xauth_is_the_reason_of_the_failure(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, tunnel=None)
    network.link = lambda datagram: []
    alice.calls()
    ask = ConfigAttributes(1, 77, (Attribute(16520, 0), Attribute(16521, b""), Attribute(16522, b"")))
    alice.takes(sealed(bob, ExchangeType.TRANSACTION, 7, None, ask), UdpPath(alice.address, 500, bob.address, 500))
    assert alice.failures == [Code.XAUTH_REQUIRED]
    network.wait(300)
    assert alice.failures == [Code.XAUTH_REQUIRED] * 2, "the tunnel, too"


def test_what_a_stranger_demands_is_not_believed(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, tunnel=None)
    ask = ConfigAttributes(1, 77, (Attribute(16521, b""),))
    octets = bytearray(sealed(bob, ExchangeType.TRANSACTION, 7, None, ask))
    octets[-1] ^= 1
    alice.takes(bytes(octets), UdpPath(alice.address, 500, bob.address, 500))
    assert alice.failures == [Code.UNPROVED]


# --- an answer that is none


def test_a_delete_instead_of_an_answer_is_the_reason_of_the_failure(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, tunnel=None)
    network.link = lambda datagram: [] if datagram.label == "QM1" else [datagram]
    alice.calls()
    network.run(1)
    (number,) = (sa.unique_id for sa in bob.engine.sas.values())
    bob.does(lambda engine: engine.close_ike(number, network.now))
    network.settle()
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert alice.failure.tunnel == "net"


# --- the Commit bit


def committing(datagram: Datagram) -> list[Datagram]:
    """Every message has the Commit bit set."""
    octets = bytearray(datagram.octets)
    octets[19] |= Flags.COMMIT
    return [datagram._replace(octets=bytes(octets))]


def test_a_peer_that_sets_the_commit_bit_is_served(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = committing
    alice.calls()
    network.run(1)
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("kind", [ExchangeType.QUICK_MODE, ExchangeType.INFORMATIONAL])
@pytest.mark.parametrize("chained", [True, False], ids=["the next IV", "a new IV"])
def test_connected_ends_a_quick_mode_with_the_commit_bit(
    network: Network, alice: Peer, bob: Peer, kind: ExchangeType, chained: bool
) -> None:
    establish(network, alice)
    (exchange,) = alice.sa.exchanges
    connected = notify(bob.sa, NotifyType.CONNECTED)
    octets = sealed(bob, kind, exchange.message_id, exchange.iv if chained else None, connected)
    before = replace(alice.sa)
    for _ in range(3):
        alice.takes(octets, UdpPath(alice.address, 500, bob.address, 500))
    assert alice.failures == []
    assert alice.sa == before
