"""The engine's face: wishes, settings that change, peers that begin anew, processes that die."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, SECRET, connection, esp, policy, settings, tunnel
from ikev1.core.engine import Engine, UnknownName
from ikev1.core.records.answers import Failed
from ikev1.core.records.events import ChildDown, Code, Failure, IkeDown, IkeUp, Note
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.wire.registry import ProtocolId
from playbook import Allocate, Couple, Network, Peer, establish

PATH = UdpPath(ALICE, 500, BOB, 500)


@pytest.mark.parametrize(
    ("names", "unknown"),
    [(("nobody", "net"), "nobody"), (("peer", "nothing"), "nothing")],
)
def test_what_is_not_configured_is_not_begun(alice: Peer, names: tuple[str, str], unknown: str) -> None:
    with pytest.raises(UnknownName, match=unknown):
        alice.engine.initiate(*names, PATH, 0.0)


@pytest.mark.parametrize("wish", ["close_ike", "close_child", "rekey_ike", "rekey_child"])
def test_what_is_not_there_is_not_closed_or_replaced(alice: Peer, wish: str) -> None:
    with pytest.raises(UnknownName, match="#4711"):
        getattr(alice.engine, wish)(4711, 0.0)


def test_one_isakmp_sa_serves_all_that_is_wanted(network: Network, alice: Peer, bob: Peer) -> None:
    for _ in range(3):
        alice.calls(tunnel=None)
    network.settle()
    alice.calls(tunnel=None)
    network.settle()
    assert len(alice.engine.sas) == len(bob.engine.sas) == 1
    assert len(alice.saw(IkeUp)) == 1


def test_new_policies_hold_for_the_next_negotiation(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    establish(network, alice)
    sas = {peer: peer.sa for peer in (alice, bob)}
    strong = (policy("aes256-sha512-ecp384"),)
    alice.is_given(settings(connection(ALICE, BOB, tunnel(), policies=strong)))
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True), policies=strong)))
    assert all(peer.sa == sa for peer, sa in sas.items())
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(6)
    for peer in (alice, bob):
        assert peer.sa.chosen is not None
        assert peer.sa.chosen.suite == strong[0].suite
        assert len(peer.children) == 1


def test_new_proposals_hold_for_the_next_pair(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    establish(network, alice)
    strong = (esp("aes256gcm16-ecp256"),)
    alice.is_given(settings(connection(ALICE, BOB, tunnel(proposals=strong))))
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True, proposals=strong))))
    before = alice.child
    alice.does(lambda engine: engine.rekey_child(before.unique_id, network.now))
    network.run(6)
    assert [child.suite for child in alice.children] == [before.suite, strong[0].suite]


@pytest.mark.parametrize("messages", range(9))
def test_exchanges_under_way_end_as_they_began(network: Network, couple: Couple, messages: int) -> None:
    """What messages 1 and 2 agreed upon holds, even if the policies would not allow it any more."""
    alice, bob = couple()
    alice.calls()
    for _ in range(messages):
        network.deliver(network.flying.popleft())
    after_choice = messages >= 2
    others = (policy("aes256-sha512-ecp384"), *((policy(),) if not after_choice else ()))
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True), policies=others)))
    alice.is_given(settings(connection(ALICE, BOB, tunnel(), policies=others)))
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == bob.failures == []


def test_a_connection_that_was_removed_is_closed_with_its_pairs(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    alice.is_given(settings())
    network.plays("alice -> bob INFO D(ESP)", "alice -> bob INFO D(ISAKMP)")
    assert dict(alice.engine.sas) == dict(bob.engine.sas) == {}
    assert [*alice.inbound, *bob.inbound] == []
    with pytest.raises(UnknownName):
        alice.calls()


@pytest.mark.parametrize(
    "change", [{"remote_id": "%any", "secret": b"another secret"}, {"remote_id": "keyid:alice", "secret": SECRET}]
)
def test_a_peer_that_is_believed_by_something_else_authenticates_again(
    network: Network, couple: Couple, change: dict[str, Any]
) -> None:
    alice, bob = couple(alice={"local_id": "keyid:alice"}, bob={"remote_id": "%any"})
    establish(network, alice)
    pair = bob.child
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True), **change)))
    assert [note.code for note in bob.saw(Note)] == [Code.REAUTHENTICATION]
    network.flying.clear()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.plays("alice -> bob QM1")
    alice.is_given(
        settings(connection(ALICE, BOB, tunnel(), local_id="keyid:alice", secret=change.get("secret", SECRET)))
    )
    network.run(10)
    assert pair in bob.children, "it lives until its own end"
    assert (
        len([sa for sa in bob.engine.sas.values() if sa.is_up and bob.engine.sas[sa.cookies].role == "initiator"]) == 1
    )


def test_a_peer_at_another_address_than_is_configured_now_is_nobody_without_another_identity(
    network: Network, alice: Peer, bob: Peer
) -> None:
    establish(network, alice)
    pair = bob.child
    bob.is_given(settings(connection(BOB, "192.0.2.9", tunnel(mirrored=True))))
    assert [note.code for note in bob.saw(Note)] == [Code.REAUTHENTICATION]
    network.plays("bob -> alice INFO D(ISAKMP)")
    assert bob.children == [pair], "it lives until its own end"
    alice.calls()
    network.settle()
    assert bob.children == [pair], "and nothing is added"


def test_a_caller_that_is_believed_by_something_else_has_to_call_again(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"remote_address": "%any"})
    establish(network, alice)
    pair = bob.child
    bob.is_given(settings(connection(BOB, "%any", tunnel(mirrored=True), secret=b"another secret")))
    network.plays("bob -> alice INFO D(ISAKMP)")
    assert [sa.state for sa in bob.engine.sas.values()] == [IkeState.DELETED]
    assert [sa.keys for sa in bob.engine.sas.values()] == [None]
    assert bob.children == [pair]
    network.run(7200)
    assert dict(bob.engine.sas) == {}, "nothing renews the pair"
    assert bob.inbound == {}


def test_another_secret_meanwhile_does_not_let_the_old_one_finish(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    alice.calls(tunnel=None)
    for _ in range(4):
        network.deliver(network.flying.popleft())
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True), secret=b"another secret")))
    network.settle()
    assert bob.saw(IkeUp) == []


def test_a_network_that_was_removed_is_not_renewed(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old = alice.child
    alice.is_given(settings(connection(ALICE, BOB, tunnel(remote="10.9.0.0/16"))))
    network.run(3599)
    assert Code.NETWORKS_CHANGED in [note.code for note in alice.saw(Note)]
    assert "INFO N(INVALID_ID_INFORMATION)" in network.labels("bob")  # bob refuses the new network
    assert [child.unique_id for child in alice.children] == [old.unique_id]
    network.run(6)
    assert alice.children == []


@pytest.mark.parametrize("messages", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("removing", ["alice", "bob"])
def test_a_connection_that_was_removed_meanwhile_is_not_established_with_an_empty_secret(
    network: Network, couple: Couple, removing: str, messages: int
) -> None:
    alice, bob = couple()
    impostor = settings(connection(ALICE, BOB, tunnel(), secret=b""))
    alice.calls(tunnel=None)
    for _ in range(messages):
        network.deliver(network.flying.popleft())
    if removing == "bob":
        bob.is_given(settings())
        alice.is_given(impostor)
    else:
        alice.is_given(settings())
    network.run(300)
    assert alice.saw(IkeUp) == bob.saw(IkeUp) == [] or messages == 4


def test_a_peer_that_began_anew_tells_that_nothing_older_counts(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old_sa, old_child = bob.sa, bob.child
    alice.engine = Engine(alice.settings, alice.random)  # a reboot
    alice.inbound.clear()
    alice.outbound.clear()
    alice.stored.clear()
    alice.calls()
    network.settle()
    assert [(down.sa.unique_id, "INITIAL-CONTACT" in down.reason) for down in bob.saw(IkeDown)] == [
        (old_sa.unique_id, True)
    ]
    assert [down.child for down in bob.saw(ChildDown)] == [old_child]
    assert alice.carries.inbound == bob.carries.outbound
    assert len(bob.inbound) == len(bob.outbound) == 1


def test_initial_contact_is_told_with_the_first_sa_only(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(6)
    assert bob.saw(ChildDown) == []
    assert alice.carries.inbound == bob.carries.outbound


def test_initial_contact_of_one_peer_is_no_news_of_another(network: Network) -> None:
    wide: dict[str, Any] = {"local": None, "remote": "0.0.0.0/0"}
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True, **wide))))
    callers = [
        network.peer(name, address, settings(connection(address, BOB, tunnel(**wide))))
        for name, address in (("alice", ALICE), ("carol", "192.0.2.33"))
    ]
    for caller in callers:
        caller.calls(host=BOB)
        network.settle()
    assert len(bob.engine.sas) == 2
    assert [bob.failures, bob.saw(IkeDown)] == [[], []]


def test_a_process_that_died_is_followed_by_one_that_goes_on(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before = bob.child
    bob.is_killed()
    network.settle()
    assert bob.sa.cookies == alice.sa.cookies
    assert bob.sa.state is IkeState.ESTABLISHED
    assert bob.child.inbound.spi != before.inbound.spi
    assert alice.carries.inbound == bob.carries.outbound
    assert bob.child.unique_id not in (before.unique_id, bob.sa.unique_id)


def test_what_ended_while_nobody_was_there_is_not_restored(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    network.now += 2 * 86_400
    bob.is_killed()
    assert dict(bob.engine.sas) == {}
    assert bob.stored == {}


def test_pairs_that_outlived_the_process_go_on_as_they_are(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before, carried = bob.child, bob.carries
    bob.is_killed(before.inbound.spi)
    assert not network.flying, "nobody hears of it"
    assert bob.child == before
    assert bob.inbound == {before.inbound.spi: carried}
    (stored,) = bob.stored.values()
    assert replace(stored, phase1=None, liveness=bob.sa.liveness) == bob.sa, "another process would take over the same"
    bob.does(lambda engine: engine.rekey_child(before.unique_id, network.now))
    network.run(6)
    older, newer = bob.children
    assert newer.reqid == older.reqid
    assert newer.unique_id > older.unique_id


def test_of_two_pairs_only_the_dead_one_is_replaced(network: Network) -> None:
    ours = [tunnel("one"), tunnel("two", "10.9.0.0/16")]
    theirs = [tunnel("one", mirrored=True), tunnel("two", "10.9.0.0/16", mirrored=True)]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, *ours)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *theirs)))
    alice.calls("one")
    alice.calls("two")
    network.settle()
    one, two = bob.children
    network.sent.clear()
    bob.is_killed(one.inbound.spi)
    network.plays("bob -> alice INFO D(ESP)", "bob -> alice QM1", "alice -> bob QM2", "bob -> alice QM3")
    assert bob.children[0] == one
    assert [child.name for child in bob.children] == [child.name for child in alice.children] == ["one", "two"]
    assert bob.children[1].inbound.spi != two.inbound.spi


def test_a_pair_that_outlived_its_isakmp_sa_ends_with_it(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    network.now += 2 * 86_400
    bob.is_killed(bob.child.inbound.spi)
    network.run(1)
    assert dict(bob.engine.sas) == {}
    assert [*bob.inbound, *bob.outbound, *bob.stored] == []


def test_spis_may_come_from_elsewhere(network: Network, alice: Peer, bob: Peer) -> None:
    asked: list[tuple[UdpPath, int]] = []

    def allocate(path: UdpPath, protocol: int) -> int:
        asked.append((path, protocol))
        return 0xC000_0000 + len(asked)

    for peer in (alice, bob):
        peer.asks_for_spis(allocate)
    establish(network, alice)
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(6)
    to_alice, to_bob = UdpPath(BOB, 500, ALICE, 500), UdpPath(ALICE, 500, BOB, 500)
    assert asked == [(path, ProtocolId.ESP) for path in (to_bob, to_alice, to_alice, to_bob)]
    assert [child.inbound.spi for child in bob.children] == [0xC000_0002, 0xC000_0003]


def unavailable(path: UdpPath, protocol: int) -> Failed:
    return Failed("the kernel is full")


@pytest.mark.parametrize(
    ("allocate", "said"),
    [
        (unavailable, "the kernel is full"),
        (lambda path, protocol: 255, "000000ff"),
        (lambda path, protocol: 1 << 32, "100000000"),
    ],
)
def test_without_an_spi_a_quick_mode_is_refused_and_nothing_is_lost(
    network: Network, alice: Peer, bob: Peer, allocate: Allocate, said: str
) -> None:
    bob.asks_for_spis(allocate)
    establish(network, alice, None)
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)")
    assert bob.failure.code is Code.NO_SPI
    assert said in bob.failure.text
    bob.calls()
    network.plays()
    assert [bob.failures, bob.saw(Failure)[1].tunnel] == [[Code.NO_SPI, Code.NO_SPI], "net"]
    network.run(5)
    assert bob.sa.state is alice.sa.state is IkeState.ESTABLISHED
    bob.asks_for_spis(alice.allocate_spi)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_an_spi_that_is_in_use_is_not_used_again(network: Network, alice: Peer, bob: Peer) -> None:
    bob.asks_for_spis(lambda path, protocol: 0xC000_0001)
    establish(network, alice)
    before = bob.child
    bob.does(lambda engine: engine.rekey_child(before.unique_id, network.now))
    assert bob.failure.code is Code.NO_SPI
    assert bob.child.inbound == before.inbound
    assert bob.child.rekey_at > network.now, "it tries again later"


def test_octets_that_are_no_message_are_reported_and_not_answered(network: Network, alice: Peer, bob: Peer) -> None:
    for octets in (b"", b"\0" * 27, b"\xff" * 28, b"\0" * 2000):
        bob.takes(octets, UdpPath(BOB, 500, ALICE, 500))
    assert bob.failures == [Code.MALFORMED, Code.MALFORMED, Code.WRONG_VERSION, Code.WRONG_VERSION]
    assert not network.flying
