"""Pools: the assignment of virtual addresses to clients.

An address belongs to its owner: a user or, without XAUTH, an identity. It is never assigned to two clients at a time,
even if the pools are changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from ikev1.core.records.path import ip_version
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Pool
from ikev1.daemon.remote_access.address_supply import AddressSupply, Range
from ikev1.daemon.remote_access.saved_leases import SavedLeases
from ikev1.errors import LocalError
from ikev1.store import Lease

_IPV4 = 4  # octets of an address
_IDENTITY = "id:"  # prefix of identities in `Pool.reserved`, which are not names of users


class Owner(NamedTuple):
    """The owner of an address: a user that XAUTH authenticated, or the identity of a peer."""

    name: str
    is_user: bool


class NoAddress(LocalError):
    """No address can be assigned to a client; the text gives the reason, for the operator."""

    code = "no-address"


class Usage(NamedTuple):
    """The number of addresses in a pool, of those that are assigned, and of those kept for their last owners."""

    size: int
    online: int
    offline: int


class _OpenPool(NamedTuple):
    pool: Pool
    supplies: dict[int, AddressSupply]  # by IP version
    reserved: dict[Owner, tuple[str, ...]]


class Pools:
    """All pools of the gateway and the leases of their addresses, which ``saved`` keeps; ``clock`` gives the time."""

    def __init__(self, saved: SavedLeases, clock: Callable[[], float]) -> None:
        self._saved = saved
        self._clock = clock
        self._pools: dict[str, _OpenPool] = {}
        self._reserved: set[str] = set()  # in any pool
        self.leases: dict[str, Lease] = {}
        """The leases by address, those of clients that are online and those kept for their owners."""
        self._of_owner: dict[Owner, dict[str, None]] = {}  # addresses, the one that was released last is last

    # --- the beginning

    def resume(self, pools: Sequence[Pool], online: Iterable[tuple[Owner, str]]) -> None:
        """Take over the leases of an earlier process. ``online`` are the owners and addresses of the ISAKMP SAs that
        were taken over as well: these addresses stay assigned, all others are free.
        """
        living = {address: owner for owner, address in online}
        for lease in sorted(self._saved.read(), key=lambda lease: lease.changed_at):
            self._keep(replace(lease, online=lease.address in living))
        for address, owner in living.items():
            known = self.leases.get(address)
            if known is None or _owner_of(known) != owner:
                pool = "" if known is None else known.pool
                self._keep(Lease(address, owner.name, owner.is_user, pool, True, self._clock()))
        self.adopt(pools)

    def adopt(self, pools: Sequence[Pool]) -> None:
        """Use these pools from now on. Leases of clients that are online stay; others are forgotten if their pool has
        lost the address.
        """
        self._reserved = {address for pool in pools for _, address in pool.reserved}
        self._pools = {pool.name: self._open(pool) for pool in pools}
        forgotten = []
        for lease in tuple(self.leases.values()):
            supply = self._supply_of(lease.address)
            if supply is not None:
                supply.take(lease.address)
                if not lease.online:
                    supply.give_back(lease.address)
            elif not lease.online:
                self._forget(lease)
                forgotten.append(lease.address)
        if forgotten:
            self._saved.write((), forgotten)

    def _open(self, pool: Pool) -> _OpenPool:
        ranges: dict[int, list[Range]] = {}
        for selector in pool.selectors:
            ranges.setdefault(selector.version, []).append((selector.first, selector.last))
        supplies = {version: AddressSupply(version, ends, self._reserved) for version, ends in ranges.items()}
        reserved: dict[Owner, tuple[str, ...]] = {}
        for name, address in pool.reserved:
            owner = Owner(name.removeprefix(_IDENTITY), not name.startswith(_IDENTITY))
            reserved[owner] = (*reserved.get(owner, ()), address)
        return _OpenPool(pool, supplies, reserved)

    # --- assignment

    def pool(self, name: str) -> Pool | None:
        """The pool of this name, if it is configured."""
        found = self._pools.get(name)
        return None if found is None else found.pool

    def assign(
        self,
        names: Sequence[str],
        owner: Owner,
        version: int,
        *,
        held: Sequence[str] = (),
        suggested: Sequence[str] = (),
        permitted: Sequence[str] = (),
        static: str = "",
    ) -> Lease:
        """Assign an address of the IP ``version`` to ``owner`` and store the lease.

        The address is, in this order: one that the same client has under another ISAKMP SA (``held``); the ``static``
        address of the user's profile, or the one that a pool reserves for the owner; one that the owner had before, if
        possible one of those ``suggested``; a suggested one that belongs to nobody; a free one of the first pool in
        ``names`` that has one. If one of the pools has any address, it is the first ``permitted`` one.

        Raises:
            NoAddress: there is none.
        """
        for address in held:
            lease = self.leases.get(address)
            if ip_version(address) == version and lease is not None and lease.online and _owner_of(lease) == owner:
                return lease
        pools = [self._pools[name] for name in names if name in self._pools]
        fixed = static or self._reserved_for(pools, owner, version)
        if fixed:
            return self._assign_fixed(fixed, owner)
        if any(each.pool.any for each in pools):
            asked = (address for address in permitted if ip_version(address) == version)
            return self._assign_asked(next(asked, ""), owner)
        supplies = [(each.pool.name, each.supplies[version]) for each in pools if version in each.supplies]
        if not supplies:
            raise NoAddress(f"no pool of the connection has IPv{version} addresses")
        own = [
            address
            for address in self._of_owner.get(owner, ())
            if not self.leases[address].online
            and address not in self._reserved
            and any(address in supply for _, supply in supplies)
        ]
        wanted = [address for address in suggested if ip_version(address) == version]
        had = next((address for address in wanted if address in own), own[-1] if own else None)
        if had is not None:
            return self._begin(had, owner)
        for address in wanted:
            if any(supply.is_new(address) for _, supply in supplies):
                return self._begin(address, owner)
        for _, supply in supplies:
            found = supply.find()
            if found is not None:
                return self._begin(found, owner)
        raise NoAddress(f"all IPv{version} addresses are assigned: pool {', '.join(name for name, _ in supplies)}")

    def _reserved_for(self, pools: Iterable[_OpenPool], owner: Owner, version: int) -> str:
        found = (
            address for each in pools for address in each.reserved.get(owner, ()) if ip_version(address) == version
        )
        return next(found, "")

    def _assign_asked(self, address: str, owner: Owner) -> Lease:
        if not address or address in self._reserved or self._supply_of(address) is not None:
            raise NoAddress("the client asks for no address, or for one that is not free")
        return self._assign_fixed(address, owner)

    def _assign_fixed(self, address: str, owner: Owner) -> Lease:
        other = self.leases.get(address)
        if other is not None and other.online:
            whose = "another client of the user" if _owner_of(other) == owner else other.owner
            raise NoAddress(f"{address}, the address of {owner.name}, is assigned to {whose}")
        return self._begin(address, owner)

    def _begin(self, address: str, owner: Owner) -> Lease:
        holders = (name for name, each in self._pools.items() if any(address in one for one in each.supplies.values()))
        name = next(holders, "")
        lease = Lease(address, owner.name, owner.is_user, name, True, self._clock())
        self._keep(lease)
        supply = self._supply_of(address)
        if supply is not None:
            supply.take(address)
        self._saved.write([lease])
        return lease

    def release(self, addresses: Iterable[str]) -> None:
        """Note that the last ISAKMP SA of the client that had ``addresses`` has ended."""
        kept, forgotten = [], []
        for address in addresses:
            lease = self.leases.get(address)
            if lease is None or not lease.online:
                continue
            supply = self._supply_of(address)
            if supply is None:
                self._forget(lease)
                forgotten.append(address)
                continue
            offline = replace(lease, online=False, changed_at=self._clock())
            self._keep(offline)
            supply.give_back(address)
            kept.append(offline)
        if kept or forgotten:
            self._saved.write(kept, forgotten)

    def _supply_of(self, address: str) -> AddressSupply | None:
        version = ip_version(address)
        found = (each.supplies[version] for each in self._pools.values() if version in each.supplies)
        return next((supply for supply in found if address in supply), None)

    # --- leases

    def _keep(self, lease: Lease) -> None:
        before = self.leases.get(lease.address)
        if before is not None:
            self._forget(before)
        self.leases[lease.address] = lease
        self._of_owner.setdefault(_owner_of(lease), {})[lease.address] = None

    def _forget(self, lease: Lease) -> None:
        del self.leases[lease.address]
        owner = _owner_of(lease)
        addresses = self._of_owner[owner]
        del addresses[lease.address]
        if not addresses:
            del self._of_owner[owner]

    def base(self, name: str) -> str:
        """The first address of a pool or, as of charon, its network if it has all hosts of that; ``%any`` if it has
        none of its own.
        """
        ranges = self._pools[name].pool.ranges
        if not ranges:
            return "%any"
        first, last = (int.from_bytes(end) for end in ranges[0])
        of_network = first - 1, last + (len(ranges[0][0]) == _IPV4)
        differing = of_network[0] ^ of_network[1]
        is_network = not differing & (differing + 1) and not of_network[0] & differing
        return str(ip_address(of_network[0].to_bytes(len(ranges[0][0])) if is_network else ranges[0][0]))

    def is_reserved(self, address: str) -> bool:
        """Whether a pool reserves the address for somebody."""
        return address in self._reserved

    def online_of(self, owner: Owner) -> list[str]:
        """The addresses that clients of ``owner`` have."""
        return [address for address in self._of_owner.get(owner, ()) if self.leases[address].online]

    def usage(self) -> dict[str, Usage]:
        """How much of each pool is used, by name."""
        counts = {name: [0, 0] for name in self._pools}
        for lease in self.leases.values():
            if lease.pool in counts:
                counts[lease.pool][0 if lease.online else 1] += 1
        sizes = {name: sum(each.size for each in pool.supplies.values()) for name, pool in self._pools.items()}
        return {name: Usage(sizes[name], *counts[name]) for name in self._pools}


def _owner_of(lease: Lease) -> Owner:
    return Owner(lease.owner, lease.is_user)
