"""Alice as client with a virtual address, Bob as gateway with pools, between two engines."""

from __future__ import annotations

from typing import Any

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.records.actions import AssignAddresses
from ikev1.core.records.answers import AddressesAssigned
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Pool
from playbook import Network, Peer

POOL = Pool("office", ((bytes([10, 99, 0, 10]), bytes([10, 99, 0, 200])),))
POOL6 = Pool("office6", ((bytes.fromhex("fd00" + 27 * "0" + "1"), bytes.fromhex("fd00" + 26 * "0" + "ff")),))
CONFIG = ModeConfig(dns=("10.1.0.53",), banner="hello", split_include=("10.1.0.0/16",))


def client(*remotes: str, **more: Any) -> Connection:
    """Alice as client: one tunnel from her virtual address to each of the networks ``remotes``."""
    tunnels = (tunnel(f"t{number}", None, remote) for number, remote in enumerate(remotes or ("0.0.0.0/0",)))
    return replace(connection(ALICE, BOB, *tunnels), **{"vips": ("0.0.0.0",)} | more)


def gateway(*locals_: str, **more: Any) -> Connection:
    """Bob as gateway: one tunnel to the virtual addresses of clients from each of the networks ``locals_``."""
    tunnels = (tunnel(f"t{number}", local, None) for number, local in enumerate(locals_ or ("0.0.0.0/0",)))
    return replace(connection(BOB, ALICE, *tunnels), **{"pools": ("office",)} | more)


class Desk:
    """Assigns addresses in order; a client keeps those that it holds."""

    def __init__(self, *addresses: str, config: ModeConfig = CONFIG) -> None:
        self.free = list(addresses)
        self.config = config

    def __call__(self, action: AssignAddresses) -> AddressesAssigned:
        found = []
        for version in action.versions:
            held = [address for address in action.held if (":" in address) is (version == 6)]
            free = [address for address in self.free if (":" in address) is (version == 6)]
            found += held[:1] or free[:1]
            self.free = [address for address in self.free if address not in found]
        reason = "" if len(found) == len(action.versions) else "all addresses are assigned"
        return AddressesAssigned(replace(self.config, addresses=tuple(found)), reason)


def meet(network: Network, alice: Connection, bob: Connection) -> tuple[Peer, Peer]:
    made = []
    for name, each in (("alice", alice), ("bob", bob)):
        peer = network.peer(name, each.local_address, settings(each, pools=(POOL, POOL6)))
        peer.assigns = Desk("10.99.0.10", "10.99.0.11", "fd00::10")
        made.append(peer)
    return made[0], made[1]


def rekeys_ike(peer: Peer) -> None:
    peer.does(lambda engine: engine.rekey_ike(peer.sa.unique_id, peer.network.now))
