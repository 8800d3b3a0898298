"""Mode config between two engines: pull and push, addresses of both IP versions, renewal, and what a client may use."""

from __future__ import annotations

import pytest

from configured import ALICE, BOB, esp, settings, tunnel
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import phase2_iv, seal
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.negotiation import mode_config as attributes
from ikev1.core.records.actions import AssignAddresses
from ikev1.core.records.answers import AddressesAssigned
from ikev1.core.records.events import Code, ConfigAssigned, ConfigReceived
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.mode_config import ModeConfig, ModeConfigMethod
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Unique
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigType
from nat import NatBox
from playbook import Datagram, Network, change, end
from remote_peers import CONFIG, POOL, Desk, client, gateway, meet, rekeys_ike

PUSH = ModeConfigMethod.PUSH
EVERYTHING = Selector.parse("0.0.0.0/0")


@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_a_client_calls(network: Network, method: ModeConfigMethod) -> None:
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    alice.calls("t0")
    network.settle()
    assert alice.failures == bob.failures == []
    (pair,) = alice.children
    assert (pair.local, pair.remote) == (Selector.parse("10.99.0.10"), EVERYTHING)
    assert bob.sa.assigned == replace(CONFIG, addresses=("10.99.0.10",))
    received = alice.sa.received
    assert received is not None
    assert (received.addresses, received.dns, received.split_include) == (
        ("10.99.0.10",),
        ("10.1.0.53",),
        ("10.1.0.0/16",),
    )
    assert received.banner == "hello"
    assert len(alice.saw(ConfigReceived)) == len(bob.saw(ConfigAssigned)) == 1
    assert [label for label in network.labels("alice") if label[:3] in ("CFG", "QM1")] == (
        ["CFG1", "QM1"] if method is ModeConfigMethod.PULL else ["CFG2", "QM1"]
    )


@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_a_gateway_calls_its_client(network: Network, method: ModeConfigMethod) -> None:
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    bob.calls(None)
    network.settle()
    alice.calls("t0")
    network.settle()
    (pair,) = alice.children
    assert pair.local == Selector.parse("10.99.0.10")
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_a_tunnel_with_a_called_client_waits_for_its_address(network: Network, method: ModeConfigMethod) -> None:
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    bob.calls("t0")
    network.settle()
    (pair,) = bob.children
    assert pair.remote == Selector.parse("10.99.0.10")
    assert alice.failures == bob.failures == []


def test_a_called_client_that_requests_no_address(network: Network) -> None:
    _, bob = meet(network, client(vips=()), gateway())
    bob.calls("t0")
    network.settle()
    assert (bob.failures, bob.sa.queued) == ([], ("t0",))
    network.run(300)
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert bob.sa.is_up


@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_an_address_is_requested_again_before_it_expires(network: Network, method: ModeConfigMethod) -> None:
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    bob.assigns = Desk("10.99.0.10", config=replace(CONFIG, expiry=3600))
    alice.calls("t0")
    network.settle()
    first = alice.sa
    assert first.rekey_at - network.now == pytest.approx(3240.0, abs=5.0)
    network.run(first.rekey_at + 20.0 - network.now)
    assert [len(peer.saw(kind)) for peer, kind in ((alice, ConfigReceived), (bob, ConfigAssigned))] == [2, 2]
    renewed = alice.sa
    assert renewed.unique_id != first.unique_id
    assert renewed.rekey_at - first.rekey_at == pytest.approx(3240.0, abs=5.0)
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("expiry", [1, 59])
def test_a_gateway_cannot_have_a_client_renew_all_the_time(network: Network, expiry: int) -> None:
    alice, bob = meet(network, client(), gateway())
    bob.assigns = Desk("10.99.0.10", config=replace(CONFIG, expiry=expiry))
    alice.calls("t0")
    network.settle()
    assert alice.sa.rekey_at - network.now > 50.0


def test_addresses_of_both_ip_versions(network: Network) -> None:
    alice, bob = meet(
        network,
        client("0.0.0.0/0", "::/0", vips=("::", "0.0.0.0")),
        gateway("0.0.0.0/0", "::/0", pools=("office", "office6")),
    )
    alice.calls("t0")
    alice.calls("t1")
    network.settle()
    assert {(str(pair.local), str(pair.remote)) for pair in alice.children} == {
        ("10.99.0.10/32", "0.0.0.0/0"),
        ("fd00::10/128", "::/0"),
    }
    assert {str(pair.remote) for pair in bob.children} == {"10.99.0.10/32", "fd00::10/128"}
    assert alice.failures == bob.failures == []


def test_a_tunnel_to_the_gateway_itself(network: Network) -> None:
    """One end is virtual; only the address of the IP version of the other end is used."""
    alice, bob = meet(network, client(vips=("0.0.0.0", "::")), gateway(pools=("office", "office6")))
    alice.is_given(settings(replace(alice.settings.connections[0], tunnels=(tunnel("t0", None, None),))))
    alice.calls("t0")
    network.settle()
    assert [(str(pair.local), str(pair.remote)) for pair in alice.children] == [("10.99.0.10/32", f"{BOB}/32")]
    assert bob.failures == []


@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_a_gateway_that_gives_its_own_address(network: Network, method: ModeConfigMethod) -> None:
    """On an interface of the client, it would keep all packets to the gateway there."""
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    bob.assigns = Desk(BOB)
    alice.calls("t0")
    network.settle()
    assert Code.MALFORMED in alice.failures
    assert alice.saw(ConfigReceived) == []
    assert alice.sa.received is None


def test_no_free_address(network: Network) -> None:
    alice, bob = meet(network, client(), gateway())
    bob.assigns = Desk()
    alice.calls("t0")
    network.settle()
    assert bob.failures[0] == Code.NO_ADDRESS
    assert alice.failures == [Code.NO_ADDRESS]
    assert not alice.engine.sas
    assert not alice.children
    assert not bob.children


def test_a_later_message_of_the_gateway_changes_only_what_it_contains(network: Network) -> None:
    """A banner must not have everything sent through a tunnel that was for some networks."""
    alice, _ = meet(network, client(), gateway())
    seen: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        seen.append(datagram)
        return [datagram]

    network.link = link
    alice.calls("t0")
    network.settle()
    (answer,) = [each for each in seen if each.label == "CFG2"]
    exchange = new_exchange(TRANSACTION, 77, Role.INITIATOR, 0.0, phase2_iv(alice.sa, 77))
    pushed = ConfigAttributes(ConfigType.SET, 9, attributes.pushed(ModeConfig(banner="bye"), unity=True))
    octets, _, _ = seal(alice.sa, exchange, TRANSACTION.exchange, TRANSACTION.grammars[0], [pushed])
    network.deliver(answer._replace(octets=octets))
    network.settle()
    assert alice.sa.received == replace(CONFIG, addresses=("10.99.0.10",), banner="bye")
    assert alice.failures == []


def test_no_free_address_to_push(network: Network) -> None:
    alice, bob = meet(network, client(mode_config=PUSH), gateway(mode_config=PUSH))
    bob.assigns = Desk()
    alice.calls("t0")
    network.settle()
    assert Code.NO_ADDRESS in bob.failures
    assert not alice.children
    assert not bob.engine.sas


def test_peers_that_disagree_about_who_begins(network: Network) -> None:
    alice, _ = meet(network, client(mode_config=PUSH), gateway())
    alice.calls("t0")
    network.run(200)
    assert alice.failures == [Code.NO_ADDRESS]
    assert not alice.engine.sas


def test_a_gateway_that_pushes_and_ignores_requests(network: Network) -> None:
    """A client that begins itself accepts what the gateway sends meanwhile."""
    alice, bob = meet(network, client(), gateway(mode_config=PUSH))
    requests: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label == "CFG1" and datagram.sender == "alice":
            requests.append(datagram)
            return []
        return [datagram]

    network.link = link
    alice.calls("t0")
    network.run(300)
    assert requests
    assert alice.failures == bob.failures == []
    (pair,) = alice.children
    assert pair.local == Selector.parse("10.99.0.10")
    assert len(alice.saw(ConfigReceived)) == len(bob.saw(ConfigAssigned)) == 1


def test_a_gateway_that_pushes_and_answers_requests(network: Network) -> None:
    alice, bob = meet(network, client(), gateway(mode_config=PUSH))
    alice.calls("t0")
    network.settle()
    assert alice.failures == bob.failures == []
    (pair,) = alice.children
    assert pair.local == Selector.parse("10.99.0.10")


def test_a_client_that_has_not_asked_gets_no_tunnel(network: Network) -> None:
    alice, bob = meet(network, client(vips=()), gateway())
    alice.calls("t0")
    network.settle()
    assert not bob.children
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]


@pytest.mark.parametrize("local", ["10.99.0.11", "10.99.0.0/24", "10.99.0.10-10.99.0.11", "0.0.0.0/0"])
def test_a_client_uses_no_address_but_its_own(network: Network, local: str) -> None:
    """Whatever the operator allows in ``remote``: the addresses of a pool belong to whom they were assigned to."""
    alice, bob = meet(
        network,
        client(tunnels=(tunnel("t0", local, "10.1.0.0/16"),)),
        gateway(tunnels=(tunnel("t0", "10.1.0.0/16", "0.0.0.0/0"),)),
    )
    alice.calls("t0")
    network.settle()
    assert bob.sa.assigned_addresses == ("10.99.0.10",)
    assert not bob.children
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]


def test_networks_behind_a_client(network: Network) -> None:
    alice, bob = meet(
        network,
        client(tunnels=(tunnel("t0", "10.2.0.0/16", "10.1.0.0/16"),)),
        gateway(tunnels=(tunnel("t0", "10.1.0.0/16", "0.0.0.0/0"),)),
    )
    alice.calls("t0")
    network.settle()
    assert [str(pair.remote) for pair in bob.children] == ["10.2.0.0/16"]


@pytest.mark.parametrize("renews", ["alice", "bob"])
@pytest.mark.parametrize("method", list(ModeConfigMethod))
def test_a_renewed_isakmp_sa_keeps_the_address(network: Network, renews: str, method: ModeConfigMethod) -> None:
    alice, bob = meet(network, client(mode_config=method), gateway(mode_config=method))
    alice.calls("t0")
    network.settle()
    peer = alice if renews == "alice" else bob
    rekeys_ike(peer)
    network.run(60)
    assert alice.failures == bob.failures == []
    (one,), (other,) = alice.engine.sas.values(), bob.engine.sas.values()
    assert one.received is not None
    assert one.received.addresses == other.assigned_addresses == ("10.99.0.10",)
    assert len(alice.children) == len(bob.children) == 1
    assert bob.released == []
    (pair,) = alice.children
    alice.does(lambda engine: engine.rekey_child(pair.unique_id, network.now))
    network.run(10)
    assert [str(each.local) for each in alice.children] == 2 * ["10.99.0.10/32"]
    alice.does(lambda engine: engine.close_ike(one.unique_id, network.now))
    network.settle()
    assert bob.released == ["10.99.0.10"]


def test_a_gateway_that_assigns_another_address_at_renewal(network: Network) -> None:
    alice, bob = meet(network, client(), gateway())
    alice.calls("t0")
    network.settle()
    bob.assigns = lambda action: AddressesAssigned(replace(CONFIG, addresses=("10.99.0.99",)))
    rekeys_ike(alice)
    network.run(60)
    assert [str(pair.local) for pair in alice.children] == ["10.99.0.99/32"]
    assert [str(pair.remote) for pair in bob.children] == ["10.99.0.99/32"]
    assert bob.released == ["10.99.0.10"]
    assert alice.saw(ConfigReceived)[-1].before == replace(CONFIG, addresses=("10.99.0.10",))


def test_the_address_is_free_when_the_last_sa_has_ended(network: Network) -> None:
    """The pairs of IPsec SAs outlive the ISAKMP SA, and so does the lease."""
    alice, bob = meet(network, client(), gateway())
    alice.calls("t0")
    network.settle()
    del network.peers["alice"]
    change(bob.engine, bob.sa, expires_at=network.now + 30)
    network.run(60)
    assert bob.sa.state is IkeState.DELETED
    assert bob.released == []
    network.run(4000)
    assert not bob.engine.sas
    assert bob.released == ["10.99.0.10"]


def test_a_replaced_sa_that_expired_while_no_process_ran_leaves_the_address_to_its_heir(network: Network) -> None:
    alice, bob = meet(network, client(), gateway())
    alice.calls("t0")
    network.settle()
    rekeys_ike(alice)
    network.run(1)
    old, heir = sorted(bob.stored.values(), key=lambda sa: sa.unique_id)
    assert (old.heir, old.assigned_addresses) == (heir.unique_id, heir.assigned_addresses)
    bob.stored[old.cookies] = replace(old, expires_at=network.now)
    bob.is_killed(*bob.inbound)
    assert list(bob.engine.sas) == [heir.cookies]
    assert bob.released == []
    bob.does(lambda engine: engine.close_ike(heir.unique_id, network.now))
    assert bob.released == ["10.99.0.10"]


def test_an_early_quick_mode_waits_for_the_configuration(network: Network) -> None:
    """The client of a gateway that pushes begins Quick Mode before the address is there."""
    alice, bob = meet(network, client(vips=()), gateway(mode_config=PUSH))
    bob.delays.add(AssignAddresses)
    alice.calls("t0")
    network.settle()
    assert bob.sa.awaits_config
    assert len(bob.sa.held) == 1
    bob.gives_answers()
    network.settle()
    assert not bob.sa.awaits_config
    assert not bob.sa.held
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]  # for its own address, in place of the virtual one


def test_a_client_uses_forward_secrecy_if_the_gateway_demands_it(network: Network) -> None:
    """With the group of phase 1, also for the next pair."""
    server = replace(gateway(), tunnels=(tunnel("t0", "0.0.0.0/0", None, proposals=(esp("aes128-sha256-ecp256"),)),))
    alice, bob = meet(network, client(), server)
    bob.assigns = Desk("10.99.0.10", config=replace(CONFIG, pfs=1))
    alice.calls("t0")
    network.settle()
    assert alice.failures == bob.failures == []
    assert alice.sa.chosen is not None
    assert [pair.group for pair in alice.children] == [alice.sa.chosen.suite.group]
    alice.does(lambda engine: engine.rekey_child(alice.children[0].unique_id, network.now))
    network.run(60)
    assert [pair.group for pair in bob.children] == [alice.sa.chosen.suite.group]
    assert alice.failures == bob.failures == []


def test_a_request_without_a_pool(network: Network) -> None:
    alice, bob = meet(network, client(), gateway(pools=()))
    alice.calls("t0")
    network.settle()
    assert alice.failures == [Code.NO_ADDRESS]
    assert bob.asked_for == []


def test_what_a_client_suggests_and_holds(network: Network) -> None:
    alice, bob = meet(network, client(vips=("10.99.0.77",)), gateway())
    alice.calls("t0")
    network.settle()
    (asked,) = bob.asked_for
    assert (asked.versions, asked.suggested, asked.held) == ((4,), ("10.99.0.77",), ())
    rekeys_ike(alice)
    network.run(60)
    assert bob.asked_for[-1].held == ("10.99.0.10",)


def test_addresses_that_are_requested_one_after_the_other(network: Network) -> None:
    alice, bob = meet(network, client("::/0", vips=("0.0.0.0",)), gateway("::/0", pools=("office", "office6")))
    alice.calls(None)
    network.settle()
    change(bob.engine, bob.sa, assigned=replace(CONFIG, addresses=("fd00::10",)))
    rekeys_ike(alice)
    network.run(60)
    assert set(bob.sa.assigned_addresses) == {"10.99.0.11", "fd00::10"}


def test_a_reborn_gateway_keeps_the_address(network: Network) -> None:
    alice, bob = meet(network, client(), gateway())
    alice.calls("t0")
    network.settle()
    bob.is_reborn()
    assert bob.sa.assigned_addresses == ("10.99.0.10",)
    assert bob.engine.of_address("10.99.0.10") == [bob.sa]


def test_a_client_at_the_old_port_of_another_one_does_not_get_its_address(network: Network) -> None:
    """The first one has renewed its ISAKMP SA, and the NAT has given it another port since."""
    outside, shared = "203.0.113.1", {"local_id": "group@lab", "remote_id": "gw"}
    ours = replace(gateway("10.1.0.0/16"), remote_address="%any", local_id="gw", unique=Unique.NEVER)
    bob = network.peer("bob", BOB, settings(ours, pools=(POOL,)))
    bob.assigns = Desk("10.99.0.10", "10.99.0.11")
    known = [replace(client("10.1.0.0/16"), local_address=host, **shared) for host in (ALICE, "192.0.2.3")]
    alice, carol = (
        network.peer(name, each.local_address, settings(each))
        for name, each in zip(("alice", "carol"), known, strict=True)
    )
    box = NatBox(network, alice, outside)
    alice.calls("t0", host=BOB)
    network.settle()
    rekeys_ike(alice)
    network.run(1)
    old, heir = bob.engine.sas.values()
    assert old.heir == heir.unique_id
    box.rebind()
    alice.does(lambda engine: engine.rekey_child(alice.children[0].unique_id, network.now))
    network.settle()
    assert [(sa.path.remote_port, sa.reached) for sa in bob.engine.sas.values()] == 2 * [(40_003, (outside, 40_003))]
    NatBox(network, carol, outside)
    carol.calls("t0", host=BOB)
    network.settle()
    assert [sa.path.remote_port for sa in bob.engine.sas.values()] == [40_003, 40_003, 40_002]
    assert [str(pair.local) for pair in carol.children] == ["10.99.0.11/32"]
    network.run(60)
    assert [str(pair.local) for pair in (alice.carries, carol.carries)] == ["10.99.0.10/32", "10.99.0.11/32"]
    assert alice.failures == bob.failures == carol.failures == []


def test_a_client_does_not_get_the_pairs_of_another_client_of_the_same_peer(network: Network) -> None:
    shared = {"local_id": "group@lab", "remote_id": "gw"}
    ours = replace(gateway("10.1.0.0/16"), remote_address="%any", local_id="gw", unique=Unique.NEVER)
    bob = network.peer("bob", BOB, settings(ours, pools=(POOL,)))
    bob.assigns = Desk("10.99.0.10", "10.99.0.11")
    for name, host in (("alice", ALICE), ("carol", "192.0.2.3")):
        known = replace(client("10.1.0.0/16"), local_address=host, **shared)
        network.peer(name, host, settings(known)).calls("t0", host=BOB)
        network.settle()
    first, second = sorted(bob.engine.sas.values(), key=lambda sa: sa.unique_id)
    assert first.peer == second.peer
    bob.does(lambda engine: end(engine, first, "lost", network.now))
    left = bob.engine.sas[first.cookies]
    assert left.state is IkeState.DELETED
    assert left.assigned_addresses == ("10.99.0.10",)
    assert [str(child.remote.network) for child in left.children] == ["10.99.0.10/32"]
    assert len(bob.engine.sas[second.cookies].children) == 1
    assert bob.released == []
    network.run(4000)
    assert "10.99.0.10" in bob.released
