"""Remote users and their virtual addresses: the records behind `show users`, `show pools` and `show leases`, as tables.

They are made only from VICI's `list-sa` and `get-pools`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ikev1.cli.control import Section
from ikev1.cli.tables import duration, table


class ConnectedUser(msgspec.Struct, frozen=True):
    """A line of `show users`: a user whose client is connected."""

    user: str
    addresses: list[str]  # virtual ones
    peer: str
    connection: str
    conn_id: int
    since: int | None  # seconds


class PoolUsage(msgspec.Struct, frozen=True):
    """A line of `show pools`: the addresses of a pool that are assigned, and those kept for their last owners."""

    pool: str
    base: str
    size: int
    online: int
    offline: int


class ShownLease(msgspec.Struct, frozen=True):
    """A line of `show leases`."""

    pool: str
    address: str
    owner: str
    kind: str  # of the owner: "user" or "identity"
    status: str


def users_of(sas: Iterable[tuple[str, Section]]) -> list[ConnectedUser]:
    """The users in a list of SAs. ISAKMP SAs that were replaced are left out."""
    return [
        ConnectedUser(
            user=sa["remote-xauth-id"],
            addresses=sa.get("remote-vips", []),
            peer=sa["remote-host"],
            connection=connection,
            conn_id=int(sa["uniqueid"]),
            since=int(sa["established"]) if "established" in sa else None,
        )
        for connection, sa in sas
        if "remote-xauth-id" in sa and sa["state"] != "REKEYED"
    ]


def pools_of(pools: Section) -> list[PoolUsage]:
    """The pools in the response of `get-pools`."""
    return [
        PoolUsage(name, pool["base"], int(pool["size"]), int(pool["online"]), int(pool["offline"]))
        for name, pool in pools.items()
    ]


def leases_of(pools: Section) -> list[ShownLease]:
    """The leases in the response of `get-pools`."""
    return [
        ShownLease(name, lease["address"], lease["identity"], lease.get("kind", "user"), lease["status"])
        for name, pool in pools.items()
        for lease in pool.get("leases", {}).values()
    ]


def users_table(users: Sequence[ConnectedUser]) -> str:
    """The table of `show users`."""
    rows = (
        (u.user, ", ".join(u.addresses) or "-", u.peer, u.connection, str(u.conn_id), duration(u.since)) for u in users
    )
    return table(("user", "address", "peer", "connection", "conn-id", "connected for"), rows)


def pools_table(pools: Sequence[PoolUsage]) -> str:
    """The table of `show pools`."""
    rows = ((pool.pool, pool.base, str(pool.size), str(pool.online), str(pool.offline)) for pool in pools)
    return table(("pool", "first address", "size", "online", "offline"), rows)


def leases_table(leases: Sequence[ShownLease]) -> str:
    """The table of `show leases`."""
    rows = ((lease.pool, lease.address, lease.kind, lease.owner, lease.status) for lease in leases)
    return table(("pool", "address", "of", "owner", "status"), rows)
