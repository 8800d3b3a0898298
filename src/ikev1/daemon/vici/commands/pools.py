"""get-pools: the pools of virtual addresses, and with ``leases`` the owners of their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.store import Lease


async def get_pools(call: Call) -> Section:
    """All pools, or that with the ``name`` of the request."""
    pools, wanted = call.gateway.pools, call.request.text("name")
    with_leases = call.request.flag("leases")
    found: dict[str, Section] = {}
    for name, usage in pools.usage().items():
        if wanted not in (None, name):
            continue
        leases = [lease for lease in pools.leases.values() if lease.pool == name] if with_leases else []
        found[name] = {
            "base": pools.base(name),
            "size": str(usage.size),
            "online": str(usage.online),
            "offline": str(usage.offline),
            **({"leases": _leases(leases)} if with_leases else {}),
        }
    return found


def _leases(leases: Iterable[Lease]) -> Section:
    ordered = sorted(leases, key=_in_order)
    return {
        str(number): {
            "address": lease.address,
            "identity": lease.owner,
            "status": "online" if lease.online else "offline",
            **({} if lease.is_user else {"kind": "identity"}),  # an extension
        }
        for number, lease in enumerate(ordered)
    }


def _in_order(lease: Lease) -> tuple[int, bytes]:
    """A sort key: IPv4 addresses first, then by number."""
    address = ip_address(lease.address)
    return address.version, address.packed


COMMANDS: dict[str, Command] = {"get-pools": get_pools}
