"""NAT traversal: RFC 3947 and the drafts before it, through a NAT box."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.peer import nat_traversal, vendor_ids
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.events import Code, MessageSeen, Note
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.core.records.settings import NatTraversal
from ikev1.crypto.hashes import digest
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import NatDiscovery, VendorId
from ikev1.wire.registry import EncapsulationMode, HashAlgorithm, PayloadType
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer, establish

OUTSIDE_OF_ALICE, OUTSIDE_OF_BOB = "203.0.113.1", "203.0.113.2"
EVERY_VERSION = tuple(NatTraversalVersion)


def only(version: NatTraversalVersion | None) -> Callable[[Datagram], list[Datagram]]:
    """A link on which nobody hears of other flavours, as if the peers were that old."""
    hidden = {data for data, known in vendor_ids.VERSIONS.items() if known is not version}

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label not in ("MM1", "MM2"):
            return [datagram]
        header = Header.parse(datagram.octets)
        payloads = parse_message(header, datagram.octets[28:]).payloads
        left = [payload for payload in payloads if not (isinstance(payload, VendorId) and payload.data in hidden)]
        return [datagram._replace(octets=build_message(header, left))]

    return link


def behind(
    network: Network, *hidden: str, version: NatTraversalVersion = NatTraversalVersion.RFC_3947
) -> tuple[Peer, Peer, NatBox | None]:
    """Alice, who calls bob, each of them behind a NAT if ``hidden``, and her box; bob does not know where she is."""
    network.link = only(version)
    called = OUTSIDE_OF_BOB if "bob" in hidden else BOB
    of_alice = connection(ALICE, called, tunnel(), remote_id=BOB)
    of_bob = connection(BOB, "%any", tunnel(mirrored=True), remote_id=ALICE)
    alice = network.peer("alice", ALICE, settings(of_alice))
    bob = network.peer("bob", BOB, settings(of_bob))
    box = NatBox(network, alice, OUTSIDE_OF_ALICE) if "alice" in hidden else None
    if "bob" in hidden:
        NatBox(network, bob, OUTSIDE_OF_BOB, forwards=True)
    alice.calls(host=called)
    return alice, bob, box


def test_without_a_nat_nothing_floats(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for peer, other in ((alice, bob), (bob, alice)):
        assert peer.sa.nat == Nat(NatTraversalVersion.RFC_3947)
        assert peer.sa.path == UdpPath(peer.address, 500, other.address, 500)
        assert not peer.child.udp_encapsulation


@pytest.mark.parametrize("version", EVERY_VERSION)
@pytest.mark.parametrize("hidden", [("alice",), ("bob",), ("alice", "bob")])
def test_a_nat_is_found_and_the_conversation_floats(
    network: Network, version: NatTraversalVersion, hidden: tuple[str, ...]
) -> None:
    alice, bob, _ = behind(network, *hidden, version=version)
    network.settle()
    seen_by_bob = (OUTSIDE_OF_ALICE, 40_002) if "alice" in hidden else (ALICE, 4500)
    called = OUTSIDE_OF_BOB if "bob" in hidden else BOB
    assert alice.sa.path == alice.child.path == UdpPath(ALICE, 4500, called, 4500)
    assert bob.sa.path == bob.child.path == UdpPath(BOB, 4500, *seen_by_bob)
    for peer in (alice, bob):
        assert peer.sa.nat == Nat(
            version, local_behind=peer.name in hidden, remote_behind=network.other(peer).name in hidden
        )
        assert peer.child.udp_encapsulation
        assert [note.code for note in peer.saw(Note)] == [Code.NAT_FOUND]
        assert peer.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_the_float_happens_with_message_5(network: Network) -> None:
    behind(network, "alice")
    network.settle()
    ports = {datagram.label: (datagram.source[1], datagram.destination[1]) for datagram in network.sent}
    assert ports == {
        "MM1": (500, 500),
        "MM2": (500, 40_001),
        "MM3": (500, 500),
        "MM4": (500, 40_001),
        "MM5": (4500, 4500),
        "MM6": (4500, 40_002),
        "QM1": (4500, 4500),
        "QM2": (4500, 40_002),
        "QM3": (4500, 4500),
    }


@pytest.mark.parametrize("forcing", ["alice", "bob"])
def test_either_side_may_force_encapsulation(network: Network, couple: Couple, forcing: str) -> None:
    forced = {"nat_traversal": NatTraversal.FORCE}
    alice, bob = couple(alice=forced) if forcing == "alice" else couple(bob=forced)
    alice.calls()
    network.settle()
    for peer in (alice, bob):
        assert peer.child.udp_encapsulation
        assert peer.sa.path.local_port == peer.sa.path.remote_port == 4500
        assert peer.failures == []
    assert alice.carries.inbound == bob.carries.outbound


def test_a_peer_without_nat_traversal_is_talked_to_all_the_same(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = only(None)
    alice.calls()
    network.settle()
    assert alice.sa.nat is bob.sa.nat is None
    assert alice.carries.inbound == bob.carries.outbound
    assert not alice.child.udp_encapsulation


def test_another_encapsulation_port_where_both_agree(network: Network, couple: Couple) -> None:
    alice, _ = couple(settings_options={"encapsulation_port": 14_500}, nat_traversal=NatTraversal.FORCE)
    alice.calls()
    network.settle()
    assert alice.child.path == UdpPath(ALICE, 14_500, BOB, 14_500)


def test_a_peer_that_moved_is_followed_once_it_proves_itself(network: Network) -> None:
    alice, bob, box = behind(network, "alice")
    assert box is not None
    network.settle()
    before = bob.sa.path
    box.rebind()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    assert bob.sa.path == UdpPath(BOB, 4500, OUTSIDE_OF_ALICE, 40_003)
    assert bob.sa.path != before
    assert len(bob.children) == 2
    assert {child.path for child in bob.inbound.values()} == {bob.sa.path}, "the older pair moves, too"
    assert {child.path for child in bob.outbound.values()} == {bob.sa.path}


def test_an_unproven_message_from_elsewhere_moves_nothing(network: Network) -> None:
    _, bob, _ = behind(network, "alice")
    network.settle()
    before = bob.sa
    elsewhere = UdpPath(BOB, 4500, "203.0.113.66", 666)
    for datagram in tuple(network.sent):
        if datagram.sender == "alice":
            bob.takes(datagram.octets, elsewhere)
            garbled = datagram.octets[:-1] + bytes([datagram.octets[-1] ^ 1])
            bob.takes(garbled, elsewhere)
    assert bob.sa.path == before.path
    assert bob.child == before.children[0]


def test_who_is_behind_the_nat_does_not_follow(network: Network) -> None:
    alice, bob, _ = behind(network, "alice")
    network.settle()
    before = alice.sa.path
    bob.calls("net")
    (request,) = network.flying
    network.flying.clear()
    alice.takes(request.octets, before._replace(remote_port=4501))
    assert alice.sa.path == before


def test_esp_from_elsewhere_moves_the_whole_sa(network: Network) -> None:
    _, bob, _ = behind(network, "alice")
    network.settle()
    moved = bob.sa.path._replace(remote_port=50_000)
    bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, moved, network.now))
    assert [note.code for note in bob.saw(Note)] == [Code.NAT_FOUND, Code.PEER_MOVED]
    assert bob.sa.path == bob.child.path == moved
    assert {child.path for child in bob.inbound.values()} == {moved}


def test_esp_of_an_unknown_pair_moves_nothing(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    moved = bob.sa.path._replace(remote_port=50_000)
    assert bob.engine.peer_moved(4711, moved, network.now) == []
    assert bob.engine.peer_moved(bob.child.inbound.spi, moved, network.now) == [], "there is no NAT before alice"


def test_a_new_isakmp_sa_takes_the_pairs_along_once_the_peer_answers_where_it_is(network: Network) -> None:
    alice, bob, _ = behind(network, "alice")
    network.settle()
    pair = bob.child
    bob.does(lambda engine: engine.peer_moved(pair.inbound.spi, pair.path._replace(remote_port=50_000), network.now))
    network.settle()
    bob.does(lambda engine: engine.peer_moved(pair.inbound.spi, pair.path, network.now))
    network.run(20)  # alice answers where she really is
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert len(bob.engine.sas) == 2, "behind a NAT another peer may have the same identity"
    network.run(6)
    assert bob.child.inbound.spi == pair.inbound.spi
    assert bob.child.path == bob.sa.path


def test_a_pair_without_an_isakmp_sa_follows_its_peer_to_another_port(network: Network) -> None:
    alice, bob, box = behind(network, "alice")
    assert box is not None
    network.settle()
    pair = bob.child
    box.rebind()
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(10)
    moved = pair.path._replace(remote_port=40_003)
    bob.does(lambda engine: engine.peer_moved(pair.inbound.spi, moved, network.now))
    assert [child.path for child in bob.children] == [moved]
    assert {child.path for child in bob.outbound.values()} == {moved}


def test_rekeying_begins_on_the_encapsulation_port(network: Network) -> None:
    """RFC 3947 §4: "the rekey negotiation MUST be started by using UDP(4500,Y)"."""
    alice, bob, _ = behind(network, "alice")
    network.settle()
    network.sent.clear()
    bob.does(lambda engine: engine.rekey_ike(bob.sa.unique_id, network.now))
    network.run(6)
    assert {datagram.source[1] for datagram in network.sent} == {4500}
    assert {datagram.destination for datagram in network.sent if datagram.sender == "bob"} == {
        (OUTSIDE_OF_ALICE, 40_002)
    }
    assert alice.sa.cookies == bob.sa.cookies
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize(
    ("nat", "mode"),
    [
        (None, EncapsulationMode.TUNNEL),
        (Nat(NatTraversalVersion.RFC_3947), EncapsulationMode.TUNNEL),
        (Nat(NatTraversalVersion.RFC_3947, local_behind=True), 3),
        (Nat(NatTraversalVersion.RFC_3947, remote_behind=True), 3),
        (Nat(NatTraversalVersion.RFC_3947, forced=True), 3),
        (Nat(NatTraversalVersion.DRAFT_03, local_behind=True), 61_443),
        (Nat(NatTraversalVersion.DRAFT_02, remote_behind=True), 61_443),
    ],
)
def test_the_number_of_a_mode_depends_on_the_flavour(nat: Nat | None, mode: int) -> None:
    assert nat_traversal.encapsulation_mode(IpsecMode.TUNNEL, nat) == mode
    assert nat_traversal.encapsulation_mode(IpsecMode.TRANSPORT, nat) == mode + 1


@pytest.mark.parametrize(
    ("version", "number"),
    [(NatTraversalVersion.RFC_3947, 20), (NatTraversalVersion.DRAFT_03, 130), (NatTraversalVersion.DRAFT_02, 130)],
)
def test_nat_d_hashes_cookies_address_and_port(version: NatTraversalVersion, number: int) -> None:
    path = UdpPath("192.0.2.1", 500, "2001:db8::2", 4500)
    remote, local = nat_traversal.nat_d(HashAlgorithm.SHA1, b"I" * 8 + b"R" * 8, path, version, forced=False)
    cookies = b"IIIIIIIIRRRRRRRR"
    assert remote.data == digest(HashAlgorithm.SHA1, cookies + ip_address("2001:db8::2").packed + b"\x11\x94")
    assert local.data == digest(HashAlgorithm.SHA1, cookies + ip_address("192.0.2.1").packed + b"\x01\xf4")
    assert remote.number == local.number == number
    assert PayloadType(number).name.startswith("NAT_D")


hosts = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"])
ports = st.sampled_from([500, 4500, 40_001])
paths = st.builds(UdpPath, hosts, ports, hosts, ports)


@given(paths, paths, st.sampled_from(EVERY_VERSION), st.booleans())
def test_discovery_sees_what_changed_on_the_way(
    sent: UdpPath, received: UdpPath, version: NatTraversalVersion, forced: bool
) -> None:
    """``sent`` is the sender's view of the path, ``received`` the receiver's."""
    cookies = bytes(range(16))
    payloads = tuple(nat_traversal.nat_d(HashAlgorithm.SHA1, cookies, sent, version, forced))
    nat = nat_traversal.discover(HashAlgorithm.SHA1, cookies, received, version, payloads, forced=False)
    assert nat == Nat(
        version,
        local_behind=received[:2] != sent[2:],
        remote_behind=forced or received[2:] != sent[:2],
    )


def test_without_nat_d_nothing_is_known() -> None:
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    assert (
        nat_traversal.discover(HashAlgorithm.SHA1, bytes(16), path, NatTraversalVersion.RFC_3947, (), forced=True)
        is None
    )


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_nat_traversal_that_is_off_is_neither_announced_nor_accepted(
    network: Network, couple: Couple, who: str
) -> None:
    off = {"nat_traversal": NatTraversal.OFF}
    alice, bob = couple(alice=off if who == "alice" else None, bob=off if who == "bob" else None)
    alice.calls()
    network.settle()
    for peer in (alice, bob):
        assert peer.sa.nat is None
        assert not peer.child.udp_encapsulation
    first, second, third, fourth = (event.message for event in alice.saw(MessageSeen)[:4])
    announced = [vendor_ids.version_of(tuple(each.data for each in m.all(VendorId))) for m in (first, second)]
    assert announced == [None if who == "alice" else NatTraversalVersion.RFC_3947, None]
    assert not third.all(NatDiscovery)
    assert not fourth.all(NatDiscovery)


def test_a_peer_behind_a_nat_gets_no_encapsulation_where_that_is_off(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), nat_traversal=NatTraversal.OFF)))
    of_bob = connection(BOB, "%any", tunnel(mirrored=True), remote_id=ALICE)
    bob = network.peer("bob", BOB, settings(of_bob))
    NatBox(network, alice, OUTSIDE_OF_ALICE)
    alice.calls(host=BOB)
    network.settle()
    assert (alice.sa.nat, bob.sa.nat) == (None, None)
    assert alice.sa.path.local_port == 500
