"""Answers the engine's requests for virtual addresses of clients, from the pools and the profiles of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from ikev1.core.engine import Engine, UnknownName
from ikev1.core.peer import identity
from ikev1.core.records.actions import Action, AssignAddresses, ReleaseAddresses
from ikev1.core.records.answers import AddressesAssigned
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC
from ikev1.core.records.settings import Settings, Unique
from ikev1.daemon.remote_access.pools import NoAddress, Owner, Pools
from ikev1.daemon.remote_access.usable import is_reachable


class AddressDesk:
    """Assigns and releases the addresses of ``pools`` for ``engine``; ``clock`` gives the time."""

    def __init__(self, engine: Engine, pools: Pools, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._pools = pools
        self._clock = clock
        self._closed: tuple[int, frozenset[int]] = 0, frozenset()  # the last request, and what was closed for it

    def resume(self, settings: Settings, sas: Iterable[IkeSa]) -> None:
        """Take over the leases of an earlier process, whose ISAKMP SAs are ``sas``."""
        online = [(owner_of(sa), address) for sa in sas for address in sa.assigned_addresses]
        self._pools.resume(settings.pools, online)

    def assign(self, action: AssignAddresses) -> list[Action]:
        """Answer ``action``, and return the next actions. If other ISAKMP SAs of the user must be closed first, these
        are the actions of that, followed by ``action`` itself.
        """
        owner = owner_of(action.sa)
        others = self._other_clients(action, owner) if owner.is_user else []
        unique = action.connection.unique
        if others and unique is Unique.KEEP:
            reason = f"user {owner.name!r} is connected from {others[0].path.remote_host}, and unique is 'keep'"
            return self._answer(action, AddressesAssigned(ModeConfig(), reason))
        in_the_way = others if others and unique is Unique.REPLACE else self._holders_of_own(action, owner)
        if in_the_way:
            if not self._are_new(action, in_the_way):
                reason = f"ISAKMP SA #{in_the_way[0].unique_id}, which is in the way, cannot be closed"
                return self._answer(action, AddressesAssigned(ModeConfig(), reason))
            return [*self._close(in_the_way), action]
        answer = self._assigned(action, owner)
        actions = self._answer(action, answer)
        # if the ISAKMP SA has ended in the meantime, nothing else releases its addresses
        self._pools.release([each for each in answer.config.addresses if not self._engine.of_address(each)])
        return actions

    def release(self, action: ReleaseAddresses) -> None:
        """Free the addresses."""
        self._pools.release(action.addresses)

    def _answer(self, action: AssignAddresses, answer: AddressesAssigned) -> list[Action]:
        return self._engine.answered(action.request, answer, self._clock())

    def _other_clients(self, action: AssignAddresses, owner: Owner) -> list[IkeSa]:
        """The ISAKMP SAs of the same connection with other clients of the user."""
        addresses = [address for address in self._pools.online_of(owner) if address not in action.held]
        found = {sa.unique_id: sa for address in addresses for sa in self._engine.of_address(address)}
        return [
            sa for sa in found.values() if sa.connection == action.sa.connection and sa.unique_id != action.sa.unique_id
        ]

    def _holders_of_own(self, action: AssignAddresses, owner: Owner) -> list[IkeSa]:
        """The ISAKMP SAs with clients that got an address of the user's profile from a pool, perhaps because they
        suggested it: no pool knows whose it is before that user comes.
        """
        own = _profile(action.sa)
        wanted = [own[version] for version in action.versions if own.get(version)]
        wanted = [address for address in wanted if not self._pools.is_reserved(address)]
        found = {sa.unique_id: sa for address in wanted for sa in self._engine.of_address(address)}
        return [
            sa for sa in found.values() if owner_of(sa) != owner and not set(_profile(sa).values()).intersection(wanted)
        ]

    def _are_new(self, action: AssignAddresses, sas: Iterable[IkeSa]) -> bool:
        """Whether none of ``sas`` was closed for ``action`` before. One that was, and is there again, stays after an
        internal error: closing it again would never end.
        """
        request, before = self._closed
        known = before if request == action.request else frozenset()
        numbers = {sa.unique_id for sa in sas}
        self._closed = action.request, known | numbers
        return known.isdisjoint(numbers)

    def _close(self, sas: Iterable[IkeSa]) -> list[Action]:
        actions: list[Action] = []
        for sa in sas:
            try:
                actions += self._engine.close_ike(sa.unique_id, self._clock())
            except UnknownName:  # it was closed with one before it
                continue
        return actions

    def _assigned(self, action: AssignAddresses, owner: Owner) -> AddressesAssigned:
        user, names = action.sa.user, action.connection.pools
        if user is not None and user.pool:
            names = (user.pool,)
        static = _profile(action.sa)
        permitted = [address for address in action.suggested if self._is_no_other_hosts(address, action.sa)]
        found = []
        reasons = []
        for version in action.versions:
            try:
                found.append(
                    self._pools.assign(
                        names,
                        owner,
                        version,
                        held=action.held,
                        suggested=action.suggested,
                        permitted=permitted,
                        static=static.get(version, ""),
                    )
                )
            except NoAddress as error:
                reasons.append(str(error))
        config = self._config([*(lease.pool for lease in found if lease.pool), *names])
        if user is not None:
            profile = {"netmask": user.netmask, "dns": user.dns, "nbns": user.nbns}
            config = replace(config, **{key: value for key, value in profile.items() if value})
        addresses = tuple(lease.address for lease in found)
        return AddressesAssigned(replace(config, addresses=addresses), "; ".join(reasons))

    def _is_no_other_hosts(self, address: str, sa: IkeSa) -> bool:
        """Whether an address can be that of one client, and is not known as that of this gateway, of a network behind
        it, or of another peer, whose packets would be routed to the client.
        """
        host = DYNAMIC.at(address)
        tunnels = (tunnel for connection in self._engine.settings.connections for tunnel in connection.tunnels)
        networks = (tunnel.local for tunnel in tunnels if not tunnel.local.dynamic)
        if any(local.contains(host) for local in networks if not local.has_all_addresses):
            return False
        paths = (other.path for other in self._engine.sas.values())
        ends = {end for path in paths for end in (path.local_host, path.remote_host)} - {sa.path.remote_host}
        return is_reachable(address) and ip_address(address) not in {ip_address(end.partition("%")[0]) for end in ends}

    def _config(self, names: Iterable[str]) -> ModeConfig:
        """The configuration of the first of these pools that exists."""
        pools = (self._pools.pool(name) for name in names)
        return next((pool.config for pool in pools if pool is not None), ModeConfig())


def _profile(sa: IkeSa) -> dict[int, str]:
    """The addresses in the profile of the user, by IP version; empty where there is none."""
    return {} if sa.user is None else {4: sa.user.address, 6: sa.user.address6}


def owner_of(sa: IkeSa) -> Owner:
    """The owner of the virtual addresses of the client of ``sa``."""
    if sa.user is not None:
        return Owner(sa.user_name, True)
    return Owner(identity.text_of(identity.parse(sa.peer_id_body)), False)
