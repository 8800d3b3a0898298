"""Networks that a gateway names: one pair for each of them or, for Cisco's clients, one pair that carries them all."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from configured import BOB, connection, settings, tunnel
from ikev1.core.peer.vendor_ids import ACCEPTS_LESS, speaks_unity
from ikev1.core.records.actions import AllocateSpi
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import Choice
from ikev1.core.records.record import replace
from ikev1.core.records.reload import USUAL, Reload
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType
from playbook import Network, Peer, change
from remote_peers import CONFIG, POOL, Desk, client, gateway, meet, rekeys_ike


def test_a_client_with_split_networks_asks_for_everything(network: Network) -> None:
    """As Cisco's clients do: the pair has the network of the tunnel at the gateway."""
    alice, bob = meet(network, client("0.0.0.0/0"), gateway("10.1.0.0/16"))
    alice.calls("t0")
    network.settle()
    assert alice.failures == bob.failures == []
    assert [(str(pair.local), str(pair.remote)) for pair in bob.children] == [("10.1.0.0/16", "10.99.0.10/32")]
    assert [(str(pair.local), str(pair.remote)) for pair in alice.children] == [("10.99.0.10/32", "10.1.0.0/16")]


def test_another_client_with_split_networks_gets_the_client_ids_that_it_requested(network: Network) -> None:
    """racoon and iPhones accept no others; vpnc sends all into its one pair."""
    alice, bob = meet(network, client("0.0.0.0/0"), gateway("10.1.0.0/16"))
    alice.calls(None)
    network.settle()
    change(bob.engine, bob.sa, vendors=tuple(each for each in bob.sa.vendors if each != ACCEPTS_LESS))
    alice.calls("t0")
    network.settle()
    assert [(pair.locals, str(pair.remote)) for pair in bob.children] == [
        ((Selector.parse("10.1.0.0/16"),), "10.99.0.10/32")
    ]
    assert [(str(pair.local), str(pair.remote)) for pair in alice.children] == [("10.99.0.10/32", "0.0.0.0/0")]


def test_each_of_two_split_networks_has_a_tunnel_of_its_own(network: Network) -> None:
    alice, bob = meet(network, client("0.0.0.0/0"), gateway("10.1.0.0/16", "10.2.0.0/16"))
    bob.assigns = Desk("10.99.0.10", config=replace(CONFIG, split_include=("10.1.0.0/16", "10.2.0.0/16")))
    alice.calls("t0")
    network.settle()
    assert alice.failures == bob.failures == []
    assert networks_of(alice) == {str(pair.local) for pair in bob.children} == {"10.1.0.0/16", "10.2.0.0/16"}
    for _ in range(2):
        alice.does(lambda engine: engine.rekey_child(alice.children[0].unique_id, network.now))
        network.run(60)
    assert networks_of(alice) == {str(pair.local) for pair in bob.children} == {"10.1.0.0/16", "10.2.0.0/16"}
    assert alice.failures == bob.failures == []


NAMED = replace(
    CONFIG, split_include=("10.1.0.0/16", "10.2.0.0/16", "10.2.3.0/24"), subnets=("10.2.0.0/16", "fd01::/64")
)


def with_named_networks(network: Network, alice: Connection, *locals_: str) -> tuple[Peer, Peer]:
    """Alice has the configuration `NAMED` of a gateway that accepts pairs for each of the networks ``locals_``."""
    client, server = meet(network, alice, gateway(*locals_))
    server.assigns = Desk("10.99.0.10", config=NAMED)
    client.calls(None)
    network.settle()
    change(server.engine, server.sa, vendors=tuple(each for each in server.sa.vendors if not speaks_unity((each,))))
    return client, server


def networks_of(peer: Peer) -> set[str]:
    return {str(pair.remote) for pair in peer.children}


def test_a_gateway_that_refuses_everything_is_asked_for_each_network_that_it_named(network: Network) -> None:
    alice, bob = with_named_networks(network, client(), "10.1.0.0/16", "10.2.0.0/16")
    alice.calls("t0")
    network.run(30)
    assert networks_of(alice) == {"10.1.0.0/16", "10.2.0.0/16"}
    assert alice.failures == []
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    alice.does(lambda engine: engine.rekey_child(alice.children[0].unique_id, network.now))
    rekeys_ike(alice)
    network.run(60)
    assert networks_of(alice) == {"10.1.0.0/16", "10.2.0.0/16"}
    assert alice.failures == []


def test_a_named_network_that_is_refused_as_well_is_reported(network: Network) -> None:
    alice, _ = with_named_networks(network, client(), "10.1.0.0/16")
    alice.calls("t0")
    network.run(30)
    assert networks_of(alice) == {"10.1.0.0/16"}
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert "10.2.0.0/16" in alice.failure.text


def test_the_requests_for_named_networks_are_bounded(network: Network) -> None:
    """A gateway could name others, and refuse one, again and again."""
    alice, _ = with_named_networks(network, client(), "192.0.2.0/24")
    networks = [tuple(f"10.{second}.{third}.0/24" for third in range(256)) for second in (1, 2)]
    named = replace(CONFIG, addresses=("10.99.0.10",), split_include=networks[0], subnets=networks[1])
    change(alice.engine, alice.sa, received=named)

    def requested() -> int:
        return sum(each.quick is not None for each in alice.sa.exchanges)

    network.link = lambda datagram: [datagram] if requested() < 2 else []
    alice.calls("t0")
    network.run(10)
    assert requested() == 256


def test_a_gateway_that_ends_the_isakmp_sa_instead_is_reported_with_what_it_named(network: Network) -> None:
    """As some of Cisco's do for networks that they do not accept."""
    alice, bob = with_named_networks(network, client(), "10.1.0.0/16")
    network.link = lambda datagram: [] if datagram.label == "QM1" else [datagram]
    alice.calls("t0")
    bob.does(lambda engine: engine.close_ike(bob.sa.unique_id, network.now))
    network.settle()
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert "10.2.3.0/24" in alice.failure.text


def answers_with(peer: Peer, network: str, host: str = "10.99.0.10") -> None:
    """The Quick Mode that waits for an SPI is answered with ``network`` and ``host`` as client IDs."""
    there = ip_network(network)
    ids = (
        Identification(IdType.IPV4_ADDR, 0, 0, ip_address(host).packed),
        Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, there.network_address.packed + there.netmask.packed),
    )
    (exchange,) = [each for each in peer.sa.exchanges if each.waiting is not None]
    waiting = exchange.waiting
    assert waiting is not None
    assert isinstance(waiting.decision, Choice)
    choice = replace(waiting.decision, identities=ids, local=Selector.parse(network), remote=Selector.parse(host))
    change(peer.engine, peer.sa, exchanges=(replace(exchange, waiting=replace(waiting, decision=choice)),))
    peer.delays.clear()
    peer.gives_answers()


def test_a_gateway_that_answers_with_one_network_is_asked_for_the_others(network: Network) -> None:
    """As strongSwan's without Cisco's extensions do."""
    alice, bob = meet(network, client(), gateway("0.0.0.0/0", "10.2.0.0/16"))
    bob.assigns = Desk("10.99.0.10", config=NAMED)
    bob.delays.add(AllocateSpi)
    alice.calls("t0")
    network.settle()
    answers_with(bob, "10.1.0.0/16")
    network.run(30)
    assert networks_of(alice) == {"10.1.0.0/16", "10.2.0.0/16"}
    assert alice.failures == []


@pytest.mark.parametrize("answer", [("10.1.0.0/16", "10.99.0.11"), ("0.0.0.0/0",)], ids=["address", "network"])
def test_a_gateway_that_answers_with_more_is_refused(network: Network, answer: tuple[str, ...]) -> None:
    """Another address of the client, or a network that it did not request."""
    alice, bob = meet(network, client("10.0.0.0/8"), gateway("10.0.0.0/8"))
    bob.delays.add(AllocateSpi)
    alice.calls("t0")
    network.settle()
    answers_with(bob, *answer)
    network.run(30)
    assert alice.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert alice.children == []


@pytest.mark.parametrize("remote", ["10.1.0.0/16", "10.3.0.0/16"])
def test_no_named_network_is_within_the_one_that_is_configured(network: Network, remote: str) -> None:
    alice, bob = with_named_networks(network, client(remote), "10.4.0.0/16")
    alice.calls("t0")
    network.run(30)
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]


@pytest.mark.parametrize("remote", ["10.0.0.0/8", "10.2.0.0/16"])
def test_a_client_that_asks_for_another_network(network: Network, remote: str) -> None:
    alice, bob = meet(network, client(remote), gateway("10.1.0.0/16"))
    alice.calls("t0")
    network.settle()
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert not bob.children


def one_pair(network: Network, bob: Connection) -> tuple[Peer, Peer]:
    """Alice as Cisco's clients: one pair for everything; she does not accept less."""
    alice, gateway = meet(network, client("0.0.0.0/0"), bob)
    alice.calls(None)
    network.settle()
    accepts_no_less(gateway)
    alice.calls("t0")
    network.settle()
    return alice, gateway


def accepts_no_less(gateway: Peer) -> None:
    for sa in gateway.engine.sas.values():
        change(gateway.engine, sa, vendors=tuple(each for each in sa.vendors if each != ACCEPTS_LESS))


def carried(gateway: Peer) -> list[list[str]]:
    """What each pair that sends carries; the client IDs are those that the client sent."""
    sending = [pair for pair in gateway.children if pair.state is ChildState.INSTALLED]
    assert {(str(pair.local), str(pair.remote)) for pair in sending} <= {("0.0.0.0/0", "10.99.0.10/32")}
    return [sorted(map(str, pair.locals)) for pair in sending]


def rekeys_child(peer: Peer) -> None:
    (pair,) = [pair for pair in peer.children if pair.state is ChildState.INSTALLED]
    peer.does(lambda engine: engine.rekey_child(pair.unique_id, peer.network.now))
    peer.network.run(60)
    assert Code.COLLISION not in [note.code for note in peer.saw(Note)]


BOTH = ["10.1.0.0/16", "10.2.0.0/16"]


@pytest.mark.parametrize("locals_", [["10.1.0.0/16"], BOTH, [*BOTH, "10.2.3.0/24", "10.1.0.0/16"]])
def test_the_pair_of_a_client_that_has_one_carries_the_networks_of_all_tunnels(
    network: Network, locals_: list[str]
) -> None:
    alice, bob = one_pair(network, gateway(*locals_))
    assert carried(bob) == [locals_[:2]]
    assert networks_of(alice) == {"0.0.0.0/0"}
    for peer in (alice, bob, alice):
        rekeys_child(peer)
        assert carried(bob) == [locals_[:2]]
    for peer in (alice, bob):
        rekeys_ike(peer)
        network.run(60)
        accepts_no_less(bob)
        assert carried(bob) == [locals_[:2]]
    assert alice.failures == bob.failures == []


def test_a_tunnel_that_differs_in_more_than_its_network_does_not_share_the_pair(network: Network) -> None:
    others = (
        replace(tunnel("t1", "10.2.0.0/16", None), lifetime=600),
        tunnel("t2", "10.3.0.0/16[tcp/80]", None),
        tunnel("t3", "10.4.0.0/16", "10.50.0.0/16"),
        tunnel("t4", "10.5.0.0/16", None),
    )
    _, bob = one_pair(network, replace(gateway(), tunnels=(tunnel("t0", "10.1.0.0/16", None), *others)))
    assert carried(bob) == [["10.1.0.0/16", "10.5.0.0/16"]]


def test_a_tunnel_with_everything_is_preferred(network: Network) -> None:
    _, bob = one_pair(network, gateway("10.1.0.0/16", "0.0.0.0/0"))
    assert [(pair.name, pair.networks) for pair in bob.children] == [("t1", ())]


@pytest.mark.parametrize("remote", [None, "10.99.0.0/24"])
@pytest.mark.parametrize("host", ["10.99.0.11", "10.99.0.0/24", "10.1.0.1", "0.0.0.0/0"])
def test_the_address_of_another_client_is_refused(network: Network, remote: str | None, host: str) -> None:
    tunnels = [tunnel(f"t{number}", local, remote) for number, local in enumerate(BOTH)]
    alice, bob = meet(network, client("0.0.0.0/0"), replace(gateway(), tunnels=tuple(tunnels)))
    alice.calls(None)
    network.settle()
    accepts_no_less(bob)
    new = settings(replace(client(), tunnels=(tunnel("t0", host, "0.0.0.0/0"),)))
    alice.settings = new
    alice.does(lambda engine: engine.reconfigure(new, network.now, Reload()))
    alice.calls("t0")
    network.settle()
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert not bob.children


@pytest.mark.parametrize("left", [("10.1.0.0/16",), ("10.1.0.0/16", "10.3.0.0/16")])
def test_a_network_that_is_removed_ends_the_pair(network: Network, left: tuple[str, ...]) -> None:
    """At once: the client may not use it any more. It asks again, and gets what is left."""
    alice, bob = one_pair(network, gateway(*BOTH))
    reconfigures(bob, *left)
    network.settle()
    assert carried(bob) == []
    alice.calls("t0")
    network.settle()
    assert carried(bob) == [list(left)]


def test_a_pair_for_everything_ends_when_only_networks_are_left(network: Network) -> None:
    _, bob = one_pair(network, gateway("0.0.0.0/0"))
    assert carried(bob) == [["0.0.0.0/0"]]
    reconfigures(bob, *BOTH, how=Reload(at_once=True))
    network.settle()
    assert {str(local) for pair in bob.children for local in pair.locals} == {BOTH[0]}


def test_a_network_that_is_added_is_for_clients_that_connect_afterwards(network: Network) -> None:
    """They learn of it by mode config; the data plane switches between pairs for the same packets."""
    alice, bob = one_pair(network, gateway(*BOTH))
    reconfigures(bob, *BOTH, "10.3.0.0/16")
    rekeys_child(alice)
    assert carried(bob) == [BOTH]
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    alice.calls("t0")
    network.settle()
    assert carried(bob) == [[*BOTH, "10.3.0.0/16"]]


def reconfigures(peer: Peer, *locals_: str, how: Reload = USUAL) -> None:
    new = settings(gateway(*locals_), pools=(POOL,))
    peer.settings = new
    peer.does(lambda engine: engine.reconfigure(new, peer.network.now, how))


@pytest.mark.parametrize(("local", "refused"), [("10.2.0.0/16", True), ("10.3.0.0/16", False)])
def test_no_other_peer_gets_a_network_that_the_pair_carries(network: Network, local: str, refused: bool) -> None:
    """Only if the pair does not carry it, although its client IDs are everything."""
    _, bob = one_pair(network, gateway(*BOTH))
    host = "192.0.2.3"
    site = connection(BOB, host, tunnel("site", local, "10.99.0.10"))
    new = settings(gateway(*BOTH), replace(site, name="site"), pools=(POOL,))
    bob.settings = new
    bob.does(lambda engine: engine.reconfigure(new, network.now, Reload()))
    there = connection(host, BOB, tunnel("site", "10.99.0.10", local))
    carol = network.peer("carol", host, settings(there))
    carol.calls("site", host=BOB)
    network.settle()
    assert bool(carol.children) is not refused


def test_a_network_that_is_requested_for_itself_as_well_has_a_pair_of_its_own(network: Network) -> None:
    """As of a client that changes its mind; the end of that pair leaves the other one as it is."""
    alice, bob = meet(network, client("0.0.0.0/0", "10.2.0.0/16"), gateway(*BOTH))
    alice.calls(None)
    network.settle()
    accepts_no_less(bob)
    for name in ("t0", "t1"):
        alice.calls(name)
        network.settle()
    assert [sorted(map(str, pair.locals)) for pair in bob.children] == [BOTH, BOTH[1:]]
    alice.does(lambda engine: engine.close_child(alice.children[1].unique_id, network.now))
    network.settle()
    assert carried(bob) == [BOTH]
    rekeys_child(bob)
    assert carried(bob) == [BOTH]
    assert alice.failures == bob.failures == []
