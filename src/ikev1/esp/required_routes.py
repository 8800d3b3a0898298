"""The routes that pairs of IPsec SAs require, and which pair has precedence where a gateway has named networks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.esp.networks import Network
from ikev1.esp.rtnetlink import Hop


class RequiredRoute(NamedTuple):
    """The route that ``key`` requires for a network: to a hop, to the hop for a host, or a throw route (None).

    ``local`` and ``remote`` are those of its pair. ``is_local``: the network is the local one.
    """

    key: Hashable
    towards: Hop | str | None
    mtu: int
    local: Selector
    remote: Selector
    is_local: bool = False


def narrowest(network: Network, required: Mapping[Network, Sequence[RequiredRoute]]) -> list[RequiredRoute]:
    """The routes for ``network``, or for one that contains it, of the pairs that carry the least; empty if such a pair
    has it as its local network, or none requires it.

    A gateway that may have all traffic could otherwise name a part of another tunnel's network.
    """
    best: list[RequiredRoute] = []
    refused: set[Selector] = set()
    for prefix in range(network.prefix, -1, -1):
        there = required.get(_around(network, prefix), ())
        refused |= {route.local for route in there if route.towards is None and not route.is_local}
        around = [route for route in there if route.local not in refused]
        least = min((_size(route.remote) for route in around), default=math.inf)
        if around and (not best or least < _size(best[0].remote)):
            best = [route for route in around if _size(route.remote) == least]
    return [] if any(route.is_local for route in best) else best


def _size(selector: Selector) -> int:
    """The number of addresses, less one."""
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)


def _around(network: Network, prefix: int) -> Network:
    """The network with this shorter prefix that contains ``network``."""
    bits = 8 * len(network.address) - prefix
    return Network((int.from_bytes(network.address) >> bits << bits).to_bytes(len(network.address)), prefix)
