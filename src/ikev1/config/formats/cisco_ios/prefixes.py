"""Values by networks, found by an address in time that does not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Prefixes(Generic[Value]):
    """Values by networks."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Value]] = {}  # by IP version and length of the prefix

    def put(self, network: IPv4Network | IPv6Network, value: Value, *, replaces: bool) -> None:
        """Add a value; one for the same network is replaced, or else kept."""
        values = self._by_length.setdefault((network.version, network.prefixlen), {})
        if replaces or int(network.network_address) not in values:
            values[int(network.network_address)] = value

    def fitting(self, address: IPv4Address | IPv6Address) -> Iterator[Value]:
        """The values of all networks that an address is in, that of the longest prefix first."""
        width = address.max_prefixlen
        for (version, length), values in sorted(self._by_length.items(), reverse=True):
            if version == address.version:
                network = int(address) >> (width - length) << (width - length)
                if network in values:
                    yield values[network]
