"""vpnc as client: how it is recognized, its pair that the gateway rekeys, and its renewal of phase 1."""

from __future__ import annotations

import pytest

from ikev1.core.exchanges.informational import delete_child, delete_ike
from ikev1.core.peer.vendor_ids import DPD, FRAGMENTATION, UNITY, VERSIONS, XAUTH, is_vpnc
from ikev1.core.records.events import IkeDown, MessageSeen
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Fragmentation
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_chain, parse_unproved
from ikev1.wire.payloads import Delete, Nonce, VendorId
from playbook import Couple, Datagram, Network, Peer, say
from xauth_peers import check, client, server

NAT_TRAVERSAL = tuple(VERSIONS)


def sent(peer: Peer, label: str) -> list[MessageSeen]:
    return [each for each in peer.saw(MessageSeen) if each.sent and each.label == label]


def as_of_vpnc(datagram: Datagram) -> list[Datagram]:
    """Message 1 with the vendor IDs in vpnc's order; no HASH covers them."""
    if datagram.label != "MM1":
        return [datagram]
    header = Header.parse(datagram.octets)
    payloads = parse_unproved(header, datagram.octets[HEADER_SIZE:]).payloads
    first = [VendorId(XAUTH), VendorId(UNITY)]
    others = [each for each in payloads[1:] if each not in first]
    _, chain = build_chain([payloads[0], *first, *others])
    return [datagram._replace(octets=header._replace(length=HEADER_SIZE + len(chain)).build() + chain)]


@pytest.fixture
def pair(network: Network, couple: Couple) -> tuple[Peer, Peer]:
    """Alice, who says that she is vpnc, and bob, her gateway."""
    alice, bob = couple(alice=client(), bob=server())
    bob.checks = check
    network.link = as_of_vpnc
    alice.calls()
    network.settle()
    assert is_vpnc(bob.sa.vendors)
    return alice, bob


@pytest.mark.parametrize(
    ("vendors", "expected"),
    [
        ((XAUTH, UNITY, *NAT_TRAVERSAL, DPD), True),
        ((XAUTH, UNITY), True),
        ((*NAT_TRAVERSAL, DPD, XAUTH, UNITY), False),
        ((DPD, XAUTH, UNITY), False),
        ((XAUTH, DPD, UNITY, *NAT_TRAVERSAL), False),
        ((XAUTH, DPD, FRAGMENTATION, UNITY), False),
        ((), False),
    ],
    ids=["vpnc", "without NAT traversal", "ours", "ours without", "strongSwan", "Cisco", "none"],
)
def test_vpnc_is_recognized_by_the_order(vendors: tuple[bytes, ...], expected: bool) -> None:
    assert is_vpnc(vendors) is expected


@pytest.mark.parametrize("fragmentation", list(Fragmentation))
def test_a_client_of_ours_is_not_vpnc(network: Network, couple: Couple, fragmentation: Fragmentation) -> None:
    alice, bob = couple(alice=client(fragmentation=fragmentation), bob=server())
    bob.checks = check
    alice.calls()
    network.settle()
    assert not is_vpnc(bob.sa.vendors)


@pytest.mark.parametrize(("vpnc", "nonce", "deletes"), [(True, 20, 0), (False, 32, 1)])
def test_the_gateway_rekeys(network: Network, couple: Couple, vpnc: bool, nonce: int, deletes: int) -> None:
    alice, bob = couple(alice=client(), bob=server())
    bob.checks = check

    def without_deletes(datagram: Datagram) -> list[Datagram]:
        if datagram.label.startswith("INFO D"):
            return []
        return as_of_vpnc(datagram) if vpnc else [datagram]

    network.link = without_deletes
    alice.calls()
    network.settle()
    first = bob.child
    bob.does(lambda engine: engine.rekey_child(first.unique_id, network.now))
    network.run(300)
    (begun,) = sent(bob, "QM1")
    assert len(begun.message.one(Nonce).data) == nonce
    assert len([each for each in sent(bob, "INFO") if each.message.all(Delete)]) == deletes
    (child,) = bob.children
    assert child.unique_id != first.unique_id
    assert alice.failures == bob.failures == []


def renewed(network: Network, alice: Peer) -> None:
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()


def test_its_delete_after_a_renewal_is_for_the_old_one(network: Network, pair: tuple[Peer, Peer]) -> None:
    alice, bob = pair
    old = bob.sa
    renewed(network, alice)
    new = bob.sa
    assert new.unique_id != old.unique_id
    alice.does(lambda engine: say(engine, alice.sa, [delete_ike(alice.sa)], network.now))
    (again,) = network.flying
    network.settle()
    assert [event.sa.unique_id for event in bob.saw(IkeDown)] == [old.unique_id]
    network.deliver(again)
    network.settle()
    assert bob.sa.unique_id == new.unique_id
    assert bob.sa.state is IkeState.ESTABLISHED
    assert len(bob.sa.children) == 1
    alice.does(lambda engine: say(engine, alice.sa, [delete_ike(alice.sa)], network.now))
    network.settle()
    assert new.unique_id in [event.sa.unique_id for event in bob.saw(IkeDown)]


@pytest.mark.parametrize("pair_first", [True, False])
def test_its_delete_of_both_in_one_message_ends_both(
    network: Network, pair: tuple[Peer, Peer], pair_first: bool
) -> None:
    alice, bob = pair
    old = bob.sa
    renewed(network, alice)
    new, deletes = bob.sa, [delete_child(alice.child), delete_ike(alice.sa)]
    alice.does(
        lambda engine: say(engine, alice.sa, deletes if pair_first else deletes[::-1], network.now),
    )
    network.settle()
    assert [event.sa.unique_id for event in bob.saw(IkeDown)] == [old.unique_id]
    assert bob.sa.unique_id == new.unique_id
    assert bob.children == []
    assert not bob.inbound
    assert not bob.outbound


def test_the_delete_of_another_client_is_for_what_it_says(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=client(), bob=server())
    bob.checks = check
    alice.calls()
    network.settle()
    renewed(network, alice)
    new = bob.sa
    alice.does(lambda engine: say(engine, alice.sa, [delete_ike(alice.sa)], network.now))
    network.settle()
    assert [event.sa.unique_id for event in bob.saw(IkeDown)] == [new.unique_id]
