"""Traffic that another peer has: alice has it, and mallory, who proves an identity of its own, asks for it, too."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.records.child_sa import PacketMarks
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Connection, Tunnel
from playbook import Network, Peer

MALLORY = "192.0.2.66"
OURS = "10.1.0.0/16"
OTHER_INTERFACE = PacketMarks(if_id_in=7, if_id_out=7)


def wanted(remote: str, local: str = OURS) -> Tunnel:
    """A tunnel of bob's."""
    return tunnel(local=local, remote=remote)


class There:
    """Bob, who is called, and his peers, by name."""

    def __init__(self, network: Network, *connections: Connection) -> None:
        self.network = network
        self.bob = network.peer("bob", BOB, settings(*connections))
        self.peers: dict[str, Peer] = {}

    def calls(self, name: str, address: str, network: str, *, local: str = OURS, **options: Any) -> Peer:
        """A peer at ``address``, and by default of that identity, asks for the traffic between ``network`` and ours."""
        peer = self.network.peers.get(name)
        if peer is None:
            own = tunnel(local=network, remote=local)
            peer = self.network.peer(name, address, settings(connection(address, BOB, own, **options)))
        peer.calls(host=BOB)
        self.network.settle()
        return peer

    @property
    def carried(self) -> list[str]:
        """What bob's data plane sends, and whose pair it takes for that."""
        return sorted(f"{child.path.remote_host} {remote}" for (_, remote), child in self.bob.outbound.items())


def shared(*tunnels: Tunnel, **options: Any) -> Connection:
    """A connection for everybody who knows the secret."""
    return connection(BOB, "%any", *tunnels, name="everybody", **options)


def site(address: str, *tunnels: Tunnel, **options: Any) -> Connection:
    """A connection for one peer."""
    return connection(BOB, address, *tunnels, name=f"site-{address}", **options)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("10.2.0.0/16", "10.2.0.0/16"),
        ("10.2.0.0/16", "10.2.1.0/24"),
        ("10.2.0.0/16", "10.2.1.1[tcp/22]"),
        ("10.2.0.0/16", "10.0.0.0/8"),
        ("10.2.0.0/16", "10.2.255.0-10.3.0.9"),
        ("10.2.0.0-10.2.3.9", "10.2.3.8/30"),
    ],
)
def test_a_peer_of_the_same_connection_gets_none_of_what_another_has(network: Network, held: str, asked: str) -> None:
    there = There(network, shared(wanted("10.0.0.0/8")))
    there.calls("alice", ALICE, held)
    before = there.carried
    mallory = there.calls("mallory", MALLORY, asked)
    assert there.bob.failure.code is Code.SELECTORS_UNACCEPTABLE
    assert ALICE in there.bob.failure.text
    assert mallory.children == []
    assert there.carried == before
    assert there.network.sent[-1].label == "INFO N(INVALID_ID_INFORMATION)"


def test_ipv6_is_no_way_around(network: Network) -> None:
    there = There(network, shared(wanted("fd02::/32", "fd01::/64")))
    there.calls("alice", ALICE, "fd02:0:1::/48", local="fd01::/64")
    there.calls("mallory", MALLORY, "fd02:0:1::7", local="fd01::/64")
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert there.carried == [f"{ALICE} fd02:0:1::/48"]


def test_peers_of_one_connection_get_networks_side_by_side(network: Network) -> None:
    there = There(network, shared(wanted("10.0.0.0/8")))
    there.calls("alice", ALICE, "10.2.0.0/16")
    there.calls("mallory", MALLORY, "10.3.0.0/16")
    assert there.carried == [f"{ALICE} 10.2.0.0/16", f"{MALLORY} 10.3.0.0/16"]


def test_another_network_of_ours_is_other_traffic(network: Network) -> None:
    there = There(network, shared(wanted("10.0.0.0/8")))
    there.calls("alice", ALICE, "10.2.0.0/16", local="10.1.1.0/24")
    there.calls("mallory", MALLORY, "10.2.0.0/16", local="10.1.2.0/24")
    assert there.bob.failures == []
    assert len(there.bob.children) == 2


@pytest.mark.parametrize("other", [OTHER_INTERFACE, PacketMarks()])
def test_what_the_operator_steers_apart_may_overlap(network: Network, other: PacketMarks) -> None:
    away = tunnel(local=OURS, remote="10.2.0.0/16", marks=other)
    there = There(network, site(ALICE, wanted("10.2.0.0/16")), site(MALLORY, away))
    there.calls("alice", ALICE, "10.2.0.0/16")
    there.calls("mallory", MALLORY, "10.2.0.0/16")
    assert len(there.bob.children) == (2 if other is OTHER_INTERFACE else 1)


def test_who_has_the_traffic_may_rekey_it_and_ask_again(network: Network) -> None:
    there = There(network, shared(wanted("10.0.0.0/8")))
    alice = there.calls("alice", ALICE, "10.2.0.0/16")
    for peer in (alice, there.bob):
        peer.does(lambda engine: engine.rekey_child(peer.children[-1].unique_id, network.now))  # noqa: B023
        network.settle()
        network.run(31.0)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    alice.calls(host=BOB)
    network.settle()
    assert there.bob.failures == alice.failures == []


def test_a_peer_that_comes_back_from_elsewhere_is_not_in_its_own_way(network: Network) -> None:
    identity = {"local_id": "alice@example.org", "remote_id": BOB}
    there = There(network, shared(wanted("10.0.0.0/8")))
    there.calls("alice", ALICE, "10.2.0.0/16", **identity)
    there.calls("moved", "192.0.2.99", "10.2.0.0/16", **identity)
    assert there.bob.failures == []
    assert there.carried == ["192.0.2.99 10.2.0.0/16"]


@pytest.mark.parametrize("first", ["alice", "mallory"])
def test_networks_that_the_operator_put_into_one_another_are_both_used(network: Network, first: str) -> None:
    """The narrower one is a site of its own, and each packet goes to the narrowest pair."""
    there = There(network, site(ALICE, wanted("10.2.0.0/16")), site(MALLORY, wanted("10.2.1.0/24")))
    calls = [("alice", ALICE, "10.2.0.0/16"), ("mallory", MALLORY, "10.2.1.0/24")]
    for call in calls if first == "alice" else reversed(calls):
        there.calls(*call)
    assert there.bob.failures == []
    assert there.carried == [f"{ALICE} 10.2.0.0/16", f"{MALLORY} 10.2.1.0/24"]


def test_networks_that_the_operator_gave_to_two_are_used_by_one_at_a_time(network: Network) -> None:
    there = There(network, site(ALICE, wanted("10.2.0.0/16")), site(MALLORY, wanted("10.2.0.0/16")))
    alice = there.calls("alice", ALICE, "10.2.0.0/16")
    there.calls("mallory", MALLORY, "10.2.0.0/16")
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    there.calls("mallory", MALLORY, "10.2.0.0/16")
    assert there.carried == [f"{MALLORY} 10.2.0.0/16"]


@pytest.mark.parametrize(
    ("granted", "asked", "refused"),
    [
        ("10.0.0.0/8", "10.2.0.0/16", True),
        ("10.0.0.0/8", "10.2.1.0/24", True),
        ("10.0.0.0/8", "10.2.0.0/15", True),
        ("10.2.0.0/16", "10.2.1.0/24", True),
        ("10.2.0.0/20", "10.2.1.0/24", False),  # the operator gave the whole /20 to mallory
        ("10.0.0.0/8", "10.0.0.0/8", False),  # as it is configured: alice's packets still go to alice
        ("10.0.0.0/8", "10.3.0.0/16", False),
    ],
)
def test_a_site_may_not_pick_what_another_site_has(network: Network, granted: str, asked: str, refused: bool) -> None:
    there = There(network, site(ALICE, wanted("10.2.0.0/16")), site(MALLORY, wanted(granted)))
    there.calls("alice", ALICE, "10.2.0.0/16")
    there.calls("mallory", MALLORY, asked)
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE] * refused
    assert f"{ALICE} 10.2.0.0/16" in there.carried


@pytest.mark.parametrize(
    ("asked", "refused"),
    [("10.2.1.0/24", True), ("10.2.0.0/16", True), ("10.0.0.0/14", True), ("10.7.0.0/16", False)],
)
def test_nobody_picks_what_is_a_sites_while_that_is_down(network: Network, asked: str, refused: bool) -> None:
    there = There(network, site(ALICE, wanted("10.2.0.0/16")), shared(wanted("10.0.0.0/8")))
    there.calls("mallory", MALLORY, asked)
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE] * refused
    there.calls("alice", ALICE, "10.2.0.0/16")
    assert f"{ALICE} 10.2.0.0/16" in there.carried


def test_road_warriors_come_in_beside_a_site_that_has_everything_else(network: Network) -> None:
    there = There(network, site(ALICE, wanted("0.0.0.0/0")), shared(wanted("dynamic")))
    there.calls("alice", ALICE, "0.0.0.0/0")
    there.calls("mallory", MALLORY, f"{MALLORY}/32")
    assert there.bob.failures == []
    assert there.carried == [f"{ALICE} 0.0.0.0/0", f"{MALLORY} {MALLORY}/32"]


def test_a_quick_mode_left_open_does_not_take_what_another_got_meanwhile(network: Network) -> None:
    there = There(network, shared(wanted("10.0.0.0/8")))
    mallory = network.peer(
        "mallory", MALLORY, settings(connection(MALLORY, BOB, tunnel(local="10.2.1.0/24", remote=OURS)))
    )
    mallory.calls(host=BOB)
    while network.flying[0].label != "QM3":
        network.deliver(network.flying.popleft())
    held_back = network.flying.popleft()
    there.calls("alice", ALICE, "10.2.0.0/16")
    network.deliver(held_back)
    network.settle()
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert there.carried == [f"{ALICE} 10.2.0.0/16"]
    assert len(there.bob.inbound) == 1
    assert mallory.children == [], "who believed that the pair was up is told that it is not"
    assert {"INFO N(INVALID_ID_INFORMATION)", "INFO D(ESP)"} <= set(network.labels("bob"))
    network.deliver(held_back)
    network.settle()
    assert len(there.bob.children) == 1


def test_a_refused_peer_goes_on_with_what_it_has(network: Network) -> None:
    own, others = tunnel("own", local="10.3.0.0/16", remote=OURS), tunnel("others", local="10.2.0.0/16", remote=OURS)
    there = There(network, shared(wanted("10.0.0.0/8")))
    there.calls("alice", ALICE, "10.2.0.0/16")
    mallory = network.peer("mallory", MALLORY, settings(connection(MALLORY, BOB, own, others)))
    for name in ("own", "others", "own"):
        mallory.calls(name, host=BOB)
        network.run(6)
    assert there.bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert [child.name for child in mallory.children] == ["own", "own"]
