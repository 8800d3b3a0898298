"""Initiating a tunnel: to which address, from which one, and to which next if a peer has several."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ikev1.core.engine import CannotInitiate, Engine
from ikev1.core.peer.connection_lookup import can_call, is_address, is_host_name
from ikev1.core.records.actions import Action, Report
from ikev1.core.records.events import Event, Failure
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Connection
from ikev1.daemon.net.host_names import HostNames
from ikev1.daemon.net.udp import local_address_towards
from ikev1.daemon.pending_operations import NotEstablished, NotResolved, PendingOperations
from ikev1.errors import LocalError

Apply = Callable[[Iterable[Action]], None]


class Initiation:
    """Brings up tunnels by ``engine``. ``port`` is the local port for ISAKMP. `due` must be called at `deadline`.

    The addresses of a peer that has several are called in turn; the next call begins after the one that failed last.
    """

    def __init__(
        self,
        engine: Engine,
        names: HostNames,
        operations: PendingOperations,
        apply: Apply,
        report: Callable[[Event], None],
        clock: Callable[[], float],
        port: int,
    ) -> None:
        self._engine = engine
        self._names = names
        self._operations = operations
        self._apply = apply
        self._report = report
        self._clock = clock
        self._port = port
        self._failed_last: dict[str, str] = {}  # by connection with several addresses: the one that failed last
        self.called_on: dict[str, UdpPath] = {}  # by connection: the path on which phase 1 was begun last
        self._unanswered: dict[int, float] = {}  # by ISAKMP SA: when the next address is called instead

    @property
    def deadline(self) -> float:
        """The time at which `due` has something to do."""
        return min(self._unanswered.values()) if self._unanswered else math.inf

    def due(self, now: float) -> None:
        """End the calls to one of several addresses that were not answered by ``now``."""
        for unique_id in [number for number, at in self._unanswered.items() if at <= now]:
            del self._unanswered[unique_id]
            self._apply(self._engine.give_up_call(unique_id, now))

    async def initiate(self, name: str, tunnel: str | None) -> None:
        """Bring up ``tunnel`` of the connection ``name``, or its ISAKMP SA alone (None), and wait until it is up.

        To stop waiting cancels nothing.

        Raises:
            NotEstablished: it did not come up; the text is the reason.
        """
        tried: dict[str, str] = {}  # why each address failed
        while True:
            sa = self._engine.ike_for(name)
            path = sa.path if sa is not None else await self._next_path(name, tried)
            try:
                await self._attempt(name, tunnel, path)
            except NotEstablished as error:
                left = self._engine.ike_for(name)
                if left is not None and not left.is_call_of_ours:
                    raise
                addresses = self._engine.called_addresses(name)
                self._failed_last[name] = path.remote_host
                tried[path.remote_host] = str(error)
                if len(tried) >= len(addresses) or all(address in tried for address in addresses):
                    raise NotEstablished("; ".join(tried.values()), error.code) from error
            else:
                return

    async def _attempt(self, name: str, tunnel: str | None, path: UdpPath) -> None:
        actions: list[Action] = []
        if tunnel is None or not self._engine.is_under_way(name, tunnel):
            try:
                actions = self._engine.initiate(name, tunnel, path, self._clock())
            except CannotInitiate as error:
                self._report(Failure(error.code, error.text, path.remote_host, tunnel=tunnel or ""))
                raise NotEstablished(error.text, error.code) from error
            except LocalError as error:
                raise NotEstablished(str(error), error.code) from error
        sa = self._engine.ike_for(name)
        if sa is None:
            self._apply(actions)
            raise _not_begun(actions)
        if tunnel is None and sa.is_up:
            self._apply(actions)
            return
        if self._engine.is_unanswered(sa.unique_id) and len(self._engine.called_addresses(name)) > 1:
            patience = self._engine.settings.next_address_after
            self._unanswered.setdefault(sa.unique_id, self._clock() + patience)
        outcome = self._operations.expect(sa.unique_id, name, tunnel)
        self._apply(actions)
        await outcome

    async def _next_path(self, name: str, tried: dict[str, str]) -> UdpPath:
        """The path to the address that is to be called next, or that of a call that another one began meanwhile.

        Raises:
            NotEstablished: no address is left that can be called; the text is the reason.
        """
        connection = self._engine.settings.connection(name)
        if connection is None:
            raise NotEstablished(f"there is no connection {name!r}")
        if not can_call(connection):
            where = ", ".join(connection.remotes)
            raise NotEstablished(f"remote_address of {name} is {where}: initiating needs an address or a host name")
        await self._names.refresh(filter(is_host_name, connection.remotes))
        sa = self._engine.ike_for(name)
        if sa is not None:
            return sa.path
        addresses = _turned(self._engine.called_addresses(name), self._failed_last.get(name))
        if not addresses:
            named = ", ".join(filter(is_host_name, connection.remotes))
            raise NotResolved(f"no address of {named} is known: check that the name exists and a resolver answers")
        for remote in addresses:
            if remote in tried:
                continue
            try:
                path = self.called_on[name] = self._path(connection, remote)
            except NotEstablished as error:
                self.called_on.pop(name, None)
                tried[remote] = str(error)
            else:
                return path
        raise NotEstablished("; ".join(tried.values()))

    def path_now(self, name: str) -> UdpPath | None:
        """The path on which phase 1 with the peer of the connection ``name`` would begin, None if there is none."""
        connection = self._engine.settings.connection(name)
        if connection is None:
            return None
        for remote in _turned(self._engine.called_addresses(name), self._failed_last.get(name)):
            try:
                return self._path(connection, remote)
            except NotEstablished:
                continue
        return None

    def _path(self, connection: Connection, remote: str) -> UdpPath:
        """The path to ``remote``. Phase 1 may begin on the encapsulation port (RFC 3947 §4), at both ends.

        Raises:
            NotEstablished: there is no route, or ``local_address`` has another IP version.
        """
        local = connection.local_address
        if not is_address(local):
            try:
                local = local_address_towards(remote)
            except OSError as error:
                raise NotEstablished(f"no route to {remote}: {error.strerror}") from error
        elif (":" in local) != (":" in remote):
            raise NotEstablished(f"{remote} cannot be called from local_address {local}, which has another IP version")
        own, floated = self._engine.settings.floated_ports
        port = own if connection.remote_port == floated else self._port
        return UdpPath(local.partition("%")[0], port, remote, connection.remote_port)


def _turned(addresses: tuple[str, ...], last: str | None) -> tuple[str, ...]:
    """``addresses``, beginning after ``last``."""
    if last not in addresses:
        return addresses
    place = addresses.index(last) + 1
    return addresses[place:] + addresses[:place]


def _not_begun(actions: Iterable[Action]) -> NotEstablished:
    """Why nothing was begun, according to the failures that are reported."""
    events = (action.event for action in actions if isinstance(action, Report))
    failures = [event for event in events if isinstance(event, Failure)]
    if not failures:
        return NotEstablished("nothing was begun")
    return NotEstablished("; ".join(failure.text for failure in failures), failures[-1].code)
