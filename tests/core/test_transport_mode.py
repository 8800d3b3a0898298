"""Transport mode: what two peers say to one another, with and without a NAT between them (RFC 3947 §5)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from dishonest import Change, payloads_of, put, resealed
from ikev1.core.peer import vendor_ids
from ikev1.core.peer.selector_payload import payload_of, selector_of
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.events import Code
from ikev1.core.records.path import NatTraversalVersion
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import NatTraversal
from ikev1.wire.payloads import Identification, NatOriginalAddress, Payload, SecurityAssociation, VendorId
from ikev1.wire.registry import Phase2Attribute
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer, establish

L2TP: dict[str, Any] = {"local": "dynamic[udp/1701]", "remote": "dynamic[udp/1701]", "mode": IpsecMode.TRANSPORT}
OUTSIDE, OUTSIDE_OF_BOB = "203.0.113.1", "203.0.113.2"
NAT_OA_NUMBERS = {
    NatTraversalVersion.RFC_3947: 21,
    NatTraversalVersion.DRAFT_03: 131,
    NatTraversalVersion.DRAFT_02: 131,
}


def l2tp_at(host: str) -> Selector:
    return Selector.parse(f"{host}[udp/1701]")


def offered_mode(payloads: list[Payload]) -> int:
    (offered,) = (payload for payload in payloads if isinstance(payload, SecurityAssociation))
    attributes = offered.proposals[0].transforms[0].attributes
    return next(each.number for each in attributes if each.type == Phase2Attribute.ENCAPSULATION_MODE)


def heard(network: Network, label: str, receiver: Peer) -> list[Payload]:
    """Plays until ``label`` is under way, and what it carries."""
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    return payloads_of(receiver, network.flying[0])


def behind(network: Network, *hidden: str) -> tuple[Peer, Peer, NatBox | None]:
    """Alice, who calls bob, each of them behind a NAT if ``hidden``; bob does not know where she is."""
    called = OUTSIDE_OF_BOB if "bob" in hidden else BOB
    alice = network.peer("alice", ALICE, settings(connection(ALICE, called, tunnel(**L2TP), remote_id=BOB)))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(**L2TP), remote_id=ALICE)))
    box = NatBox(network, alice, OUTSIDE) if "alice" in hidden else None
    if "bob" in hidden:
        NatBox(network, bob, OUTSIDE_OF_BOB, forwards=True)
    alice.calls(host=called)
    return alice, bob, box


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_both_may_ask_for_it(network: Network, couple: Couple, caller: str) -> None:
    alice, bob = couple(tunnel_options=L2TP)
    establish(network, alice, None)
    peer, other = (alice, bob) if caller == "alice" else (bob, alice)
    peer.calls()
    payloads = heard(network, "QM1", other)
    assert offered_mode(payloads) == 2
    assert not any(isinstance(payload, NatOriginalAddress) for payload in payloads)
    network.settle()
    for each, address in ((alice, ALICE), (bob, BOB)):
        assert each.child.mode is IpsecMode.TRANSPORT
        assert each.child.local == l2tp_at(address)
        assert not each.child.udp_encapsulation
        assert each.failures == []
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        (IpsecMode.TUNNEL, IpsecMode.TRANSPORT, ("TRANSPORT", "TUNNEL")),
        (IpsecMode.TRANSPORT, IpsecMode.TUNNEL, ("TRANSPORT", "TUNNEL")),
    ],
)
def test_another_mode_than_ours_is_refused(
    network: Network, ours: IpsecMode, theirs: IpsecMode, names: tuple[str, ...]
) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(**L2TP | {"mode": ours}))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(**L2TP | {"mode": theirs}))))
    establish(network, alice, None)
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)")
    assert bob.failure.code is Code.NO_PROPOSAL_CHOSEN
    for name in names:
        assert name in bob.failure.text


@pytest.mark.parametrize("hidden", [("alice",), ("bob",), ("alice", "bob")])
def test_through_a_nat_the_traffic_is_that_of_the_addresses_on_the_path(
    network: Network, hidden: tuple[str, ...]
) -> None:
    alice, bob, _ = behind(network, *hidden)
    called = OUTSIDE_OF_BOB if "bob" in hidden else BOB
    seen = OUTSIDE if "alice" in hidden else ALICE
    asked = heard(network, "QM1", bob)
    assert offered_mode(asked) == 4
    identities = [selector_of(payload) for payload in asked if isinstance(payload, Identification)]
    assert identities == [l2tp_at(ALICE), l2tp_at(called)], "alice knows her own address only"
    network.settle()
    assert (alice.child.local, alice.child.remote) == (l2tp_at(ALICE), l2tp_at(called))
    assert (bob.child.local, bob.child.remote) == (l2tp_at(BOB), l2tp_at(seen))
    for peer in (alice, bob):
        assert peer.child.mode is IpsecMode.TRANSPORT
        assert peer.child.udp_encapsulation
        assert peer.failures == []


def only(version: NatTraversalVersion) -> Change:
    """As if the peer were that old."""
    hidden = {data for data, known in vendor_ids.VERSIONS.items() if known is not version}
    return lambda payloads: [each for each in payloads if not (isinstance(each, VendorId) and each.data in hidden)]


@pytest.mark.parametrize("version", NatTraversalVersion)
def test_both_ends_send_the_original_addresses(network: Network, version: NatTraversalVersion) -> None:
    """RFC 3947 §5.2, example 2; the drafts have one payload each, with the sender's own address."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label in ("MM1", "MM2"):
            receiver = network.peers["bob" if datagram.sender == "alice" else "alice"]
            return [resealed(receiver, datagram, only(version))]
        return [datagram]

    network.link = link
    alice, bob, _ = behind(network, "alice", "bob")
    addresses = []
    for label, receiver in (("QM1", bob), ("QM2", alice)):
        found = [each for each in heard(network, label, receiver) if isinstance(each, NatOriginalAddress)]
        assert {each.number for each in found} == {NAT_OA_NUMBERS[version]}
        addresses.append([str(ip_address(each.address)) for each in found])
    network.settle()
    assert bob.carries.outbound == alice.carries.inbound
    if version is NatTraversalVersion.RFC_3947:
        assert addresses == [[ALICE, OUTSIDE_OF_BOB], [OUTSIDE, BOB]]
    else:
        assert addresses == [[ALICE], [BOB]]
        assert offered_mode(payloads_of(bob, next(each for each in network.sent if each.label == "QM1"))) == 61_444


def test_in_tunnel_mode_nobody_sends_them(network: Network, couple: Couple) -> None:
    alice, bob = couple(nat_traversal=NatTraversal.FORCE)
    alice.calls()
    for label, receiver in (("QM1", bob), ("QM2", alice)):
        assert not any(isinstance(each, NatOriginalAddress) for each in heard(network, label, receiver))


def plays_with(network: Network, label: str, receiver: Peer, change: Change) -> None:
    """Plays up to the message ``label``, which arrives changed by its sender; what follows it arrives nowhere, for the
    sender's cipher goes on from what it really sent.
    """
    heard(network, label, receiver)
    network.deliver(resealed(receiver, network.flying.popleft(), change))


def identities(*selectors: str) -> Change:
    """Other client identities."""

    def change(payloads: list[Payload]) -> list[Payload]:
        wanted = iter([payload_of(Selector.parse(text)) for text in selectors])
        return [next(wanted) if isinstance(payload, Identification) else payload for payload in payloads]

    return change


def test_a_responder_may_answer_with_the_addresses_that_it_sees(network: Network) -> None:
    """strongSwan does."""
    alice, _, _ = behind(network, "alice")
    plays_with(network, "QM2", alice, identities(f"{OUTSIDE}[udp/1701]", f"{BOB}[udp/1701]"))
    assert (alice.child.local, alice.child.remote) == (l2tp_at(ALICE), l2tp_at(BOB))


@pytest.mark.parametrize(
    "change",
    [
        identities(f"{OUTSIDE}[udp/1702]", f"{BOB}[udp/1701]"),
        identities(f"{OUTSIDE}[tcp/1701]", f"{BOB}[udp/1701]"),
        identities("203.0.113.0/24[udp/1701]", f"{BOB}[udp/1701]"),
        lambda payloads: [*payloads, payload_of(l2tp_at(BOB))],
    ],
)
def test_a_responder_may_not_answer_for_other_traffic(network: Network, change: Change) -> None:
    alice, _, _ = behind(network, "alice")
    plays_with(network, "QM2", alice, change)
    assert alice.children == []
    assert alice.failures


@pytest.mark.parametrize(
    "asked", ["10.0.0.0/8[udp/1701]", "192.0.2.0-192.0.2.9[udp/1701]", f"{ALICE}[udp/1702]", ALICE]
)
def test_a_caller_gets_nothing_but_its_own_traffic(network: Network, asked: str) -> None:
    _, bob, _ = behind(network, "alice")
    plays_with(network, "QM1", bob, identities(asked, f"{BOB}[udp/1701]"))
    assert bob.failure.code is Code.SELECTORS_UNACCEPTABLE
    assert bob.children == []


@pytest.mark.parametrize("count", [0, 1, 4])
def test_original_addresses_may_be_missing_or_too_many(network: Network, count: int) -> None:
    _, bob, _ = behind(network, "alice")
    one = NatOriginalAddress(1, bytes(4))

    def change(payloads: list[Payload]) -> list[Payload]:
        return [*(each for each in payloads if not isinstance(each, NatOriginalAddress)), *[one] * count]

    plays_with(network, "QM1", bob, change)
    (child,) = bob.inbound.values()
    assert child.remote == l2tp_at(OUTSIDE), "nobody is taken where a payload says"
    assert child.original_addresses is None


def test_an_original_address_that_is_none_is_refused(network: Network) -> None:
    _, bob, _ = behind(network, "alice")
    plays_with(network, "QM1", bob, put(NatOriginalAddress, id_type=2))
    assert bob.failure.code is Code.MALFORMED


def test_rekeying_by_either_side_keeps_mode_traffic_and_reqid(network: Network) -> None:
    alice, bob, _ = behind(network, "alice")
    network.settle()
    reqids = {peer.name: peer.child.reqid for peer in (alice, bob)}
    bob.does(lambda engine: engine.rekey_child(bob.children[-1].unique_id, network.now))
    network.settle()
    alice.does(lambda engine: engine.rekey_child(alice.children[-1].unique_id, network.now))
    network.settle()
    for peer in (alice, bob):
        assert peer.failures == []
        assert {child.reqid for child in peer.children} == {reqids[peer.name]}
        assert {child.mode for child in peer.children} == {IpsecMode.TRANSPORT}
        assert len({(child.local, child.remote) for child in peer.children}) == 1
        assert len(peer.outbound) == 1


def test_a_peer_that_moved_takes_its_traffic_along(network: Network) -> None:
    _, bob, box = behind(network, "alice")
    assert box is not None
    network.settle()
    box.moves_to("203.0.113.77", 50_000)
    moved = bob.sa.path._replace(remote_host="203.0.113.77", remote_port=50_000)
    bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, moved, network.now))
    network.settle()
    assert bob.child.path == moved
    assert bob.child.remote == l2tp_at("203.0.113.77")
    assert bob.outbound == {(bob.child.local, bob.child.remote): bob.carries}
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    assert len(network.flying) == 1, "a Quick Mode for the traffic of the new address"


class Neighbours:
    """Two clients of bob behind one NAT, in transport mode: alice, who is up, and carol."""

    def __init__(
        self, network: Network, *, of_carol: dict[str, Any], at_bob: dict[str, Any], separates_clients: bool = False
    ) -> None:
        server = [tunnel(**L2TP | {"remote": "dynamic[udp]"} | at_bob)]
        known = settings(connection(BOB, "%any", *server), separates_clients=separates_clients)
        self.bob = network.peer("bob", BOB, known)
        self.alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(**L2TP))))
        self.carol = network.peer("carol", "192.0.2.33", settings(connection("192.0.2.33", BOB, tunnel(**of_carol))))
        NatBox(network, self.alice, OUTSIDE)
        NatBox(network, self.carol, OUTSIDE, first_port=50_001)
        self.alice.calls(host=BOB)
        network.settle()
        self.carol.calls(host=BOB)
        network.settle()


def test_clients_behind_one_nat_cannot_share_their_traffic(network: Network) -> None:
    """RFC 3948 §5.2: nothing would tell bob's packets to the one from those to the other."""
    there = Neighbours(network, of_carol=L2TP, at_bob={})
    assert len(there.bob.engine.sas) == 2
    assert there.bob.failure.code is Code.SELECTORS_UNACCEPTABLE
    (child,) = there.bob.children
    assert child.outbound == there.alice.child.inbound


def test_clients_behind_one_nat_share_their_traffic_where_the_data_plane_tells_them_apart(network: Network) -> None:
    there = Neighbours(network, of_carol=L2TP, at_bob={}, separates_clients=True)
    assert there.bob.failures == []
    first, second = there.bob.children
    assert first.traffic == second.traffic
    assert (first.outbound, second.outbound) == (there.alice.child.inbound, there.carol.child.inbound)
    assert first.peer != second.peer
    assert first.reqid != second.reqid
    there.bob.does(lambda engine: engine.rekey_child(second.unique_id, network.now))
    network.settle()
    assert there.bob.failures == []
    assert {child.peer for child in there.bob.children} == {first.peer, second.peer}
    assert there.bob.children[-1].reqid == second.reqid


def test_a_peer_with_this_address_of_its_own_shares_nothing(network: Network) -> None:
    """Who is not behind a NAT has its address for itself."""
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(**L2TP)), separates_clients=True))
    for name in ("alice", "carol"):
        peer = network.peer(name, OUTSIDE, settings(connection(OUTSIDE, BOB, tunnel(**L2TP), local_id=name)))
        peer.calls(host=BOB)
        network.settle()
        del network.peers[name]
    assert bob.failure.code is Code.SELECTORS_UNACCEPTABLE


@pytest.mark.parametrize("asked", ["[udp/1701]", "[udp]", "[udp/56322]"], ids=["Windows", "Android", "macOS"])
def test_a_server_accepts_the_ports_that_clients_ask_for(network: Network, asked: str) -> None:
    """Each names its private address, and its own choice of port (RFC 3193 §4)."""
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(**L2TP | {"remote": "dynamic"}))))
    caller = L2TP | {"local": f"dynamic{asked}"}
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(**caller))))
    NatBox(network, alice, OUTSIDE)
    alice.calls(host=BOB)
    network.settle()
    assert bob.failures == alice.failures == []
    assert bob.child.remote == Selector.parse(f"{OUTSIDE}{asked}")
    assert bob.child.local == l2tp_at(BOB)


def test_ports_outside_what_is_allowed_are_refused_and_both_are_named(network: Network) -> None:
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(**L2TP))))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(**L2TP | {"local": "dynamic[udp]"}))))
    NatBox(network, alice, OUTSIDE)
    alice.calls(host=BOB)
    network.settle()
    assert bob.failure.code is Code.SELECTORS_UNACCEPTABLE
    for selector in (f"{ALICE}/32[udp]", f"{OUTSIDE}/32[udp/1701]"):
        assert selector in bob.failure.text


@pytest.mark.parametrize("version", NatTraversalVersion)
def test_the_original_addresses_of_the_peer_are_noted(network: Network, version: NatTraversalVersion) -> None:
    """For checksums; a NAT in front of bob hides what the drafts do not say."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label in ("MM1", "MM2"):
            receiver = network.peers["bob" if datagram.sender == "alice" else "alice"]
            return [resealed(receiver, datagram, only(version))]
        return [datagram]

    network.link = link
    alice, bob, box = behind(network, "alice", "bob")
    network.settle()
    if version is NatTraversalVersion.RFC_3947:
        of_alice, of_bob, outside, seen = (ip_address(a).packed for a in (ALICE, BOB, OUTSIDE, OUTSIDE_OF_BOB))
        assert bob.child.original_addresses == (of_alice, seen)
        assert alice.child.original_addresses == (of_bob, outside)
        assert box is not None
        box.moves_to("203.0.113.77", 50_000)
        moved = bob.sa.path._replace(remote_host="203.0.113.77", remote_port=50_000)
        bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, moved, network.now))
        network.settle()
        assert bob.child.path == moved
    assert bob.child.original_addresses is None


def test_original_addresses_are_for_transport_mode_alone(network: Network, couple: Couple) -> None:
    alice, bob = couple(nat_traversal=NatTraversal.FORCE)
    alice.calls()
    network.settle()
    for each in (alice, bob):
        assert each.child.original_addresses is None
        assert each.child.peer == b""


def test_clients_behind_one_nat_can_use_ports_of_their_own(network: Network) -> None:
    there = Neighbours(network, of_carol=L2TP | {"local": "dynamic[udp/40000]"}, at_bob={})
    assert there.bob.failures == []
    assert [str(child.remote) for child in there.bob.children] == [
        f"{OUTSIDE}/32[udp/1701]",
        f"{OUTSIDE}/32[udp/40000]",
    ]
