"""Which destinations are routed into the tunnels of a virtual address: a client may have one pair of IPsec SAs for all
addresses, and send only some of its traffic through it.

What is not routed into a tunnel leaves this host as if there were no tunnel, with another source address than the
virtual one, which no pair carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.esp.networks import Network, encloses, networks

NEVER = tuple(
    map(
        Selector.parse,
        ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"),
    )
)
"""Destinations that belong to this host or to the link that a program has chosen, and to no tunnel (RFC 6890):
loopback, link-local, multicast, broadcast and unspecified addresses, and reserved ones.
"""


class Reach(NamedTuple):
    """Of the networks of a pair, those in ``include`` (None: all) are routed into it, without those in ``exclude``.
    Those in ``always`` are routed into it although they are in ``exclude``.
    """

    include: tuple[Selector, ...] | None = None
    exclude: tuple[Selector, ...] = ()
    always: tuple[Selector, ...] = ()


EVERYTHING = Reach()


def routed(local: Selector, remote: Selector, reach: Reach | None) -> dict[Network, bool]:
    """The networks of the routes for a pair. True: a route into the tunnel; False: a throw route.

    ``reach`` is that of a virtual address, None for tunnels of other addresses.
    """
    if reach is None:
        found = dict.fromkeys(networks(remote), True)
    else:
        inside = [remote] if reach.include is None else _common(remote, reach.include)
        found = {network: True for part in inside for network in networks(part)}
        for others, inward in ((reach.exclude, False), (reach.always, True), (NEVER, False)):
            common = (each for part in inside for each in _common(part, others))
            found |= {network: inward for part in common for network in networks(part)}
    if encloses(remote, local):
        found |= dict.fromkeys(networks(local), False)
    return found


def _common(outer: Selector, others: Iterable[Selector]) -> list[Selector]:
    """The addresses of ``outer`` that each of ``others`` has, too."""
    same = [other for other in others if len(other.first) == len(outer.first)]
    ranges = ((max(outer.first, other.first), min(outer.last, other.last)) for other in same)
    return [Selector(first, last) for first, last in ranges if first <= last]
