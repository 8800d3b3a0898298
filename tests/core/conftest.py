"""Two peers that know each other, both as they are and dumped and loaded between any two things they do."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from playbook import Couple, Network, Peer


@pytest.fixture(params=[False, True], ids=["kept", "reborn"])
def network(request: pytest.FixtureRequest) -> Network:
    """A network of peers that stay as they are, then one of peers that are reborn all the time."""
    return Network(reborn=request.param)


@pytest.fixture
def couple(network: Network) -> Couple:
    """Makes alice and bob."""

    def make(
        *,
        alice: dict[str, Any] | None = None,
        bob: dict[str, Any] | None = None,
        tunnel_options: dict[str, Any] | None = None,
        settings_options: dict[str, Any] | None = None,
        addresses: tuple[str, str] = (ALICE, BOB),
        **both: Any,
    ) -> tuple[Peer, Peer]:
        a, b = addresses
        joined, whole = tunnel_options or {}, settings_options or {}
        of_alice = connection(a, b, tunnel(**joined), **(both | (alice or {})))
        of_bob = connection(b, a, tunnel(mirrored=True, **joined), **(both | (bob or {})))
        return (
            network.peer("alice", a, settings(of_alice, **whole)),
            network.peer("bob", b, settings(of_bob, **whole)),
        )

    return make


@pytest.fixture
def pair(couple: Couple) -> tuple[Peer, Peer]:
    """Alice and bob, with nothing special about them."""
    return couple()


@pytest.fixture
def alice(pair: tuple[Peer, Peer]) -> Peer:
    return pair[0]


@pytest.fixture
def bob(pair: tuple[Peer, Peer]) -> Peer:
    return pair[1]
