"""Initiators at addresses that no connection has, while a host name may have a new address."""

from __future__ import annotations

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Aggressive, Mode
from playbook import Network, Peer

NAME, BEFORE = "alice.example.org", "192.0.2.99"
REFUSED = "INFO N(NO_PROPOSAL_CHOSEN) in the clear"


@pytest.fixture
def network() -> Network:
    """Peers that stay as they are: the addresses of names are no part of an engine's state."""
    return Network(reborn=False)


def named(network: Network, mode: Mode, name: str) -> tuple[Peer, Peer]:
    """Alice calls bob, who knows her by ``name``."""
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), mode=mode)))
    options = {"aggressive": Aggressive.ACCEPT_PSK, "remote_id": ALICE}
    bob = network.peer("bob", BOB, settings(connection(BOB, name, tunnel(mirrored=True), **options)))
    bob.engine.name_addresses({NAME: (BEFORE,)})
    return alice, bob


@pytest.mark.parametrize("mode", list(Mode))
def test_a_peer_at_a_new_address_is_not_refused_before_its_name_is_looked_up(network: Network, mode: Mode) -> None:
    alice, bob = named(network, mode, NAME)
    alice.calls()
    network.settle()
    assert bob.failures == [Code.NO_CONNECTION]
    assert network.labels("bob") == []
    bob.engine.name_addresses({NAME: (ALICE,)})
    network.run(10)
    assert alice.sa.is_up
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("mode", list(Mode))
def test_it_is_refused_if_the_name_has_no_new_address(network: Network, mode: Mode) -> None:
    alice, _ = named(network, mode, NAME)
    alice.calls()
    network.run(9)
    assert set(network.labels("bob")) == {REFUSED}


@pytest.mark.parametrize("mode", list(Mode))
def test_without_host_names_it_is_refused_at_once(network: Network, mode: Mode) -> None:
    alice, _ = named(network, mode, BEFORE)
    alice.calls()
    network.settle()
    assert network.labels("bob") == [REFUSED]
