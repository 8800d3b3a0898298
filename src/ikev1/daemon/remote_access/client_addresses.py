"""The virtual addresses that gateways assigned to this host as client, in the data plane while they are in use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ikev1.core.records.events import ChildDown, ConfigReceived, Event, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import DataPlane, PlaneError


class ClientAddresses:
    """Configures the addresses of the ISAKMP SAs in ``plane``; ``of_connection`` gives the SAs of a connection.

    Routes and name servers of the received configuration are not applied here.
    """

    def __init__(self, plane: DataPlane, of_connection: Callable[[str], Collection[IkeSa]], log: EventLog) -> None:
        self._plane = plane
        self._of_connection = of_connection
        self._log = log
        self._held: dict[str, set[str]] = {}  # by connection

    def resume(self, sas: Iterable[IkeSa]) -> None:
        """Hold the addresses of SAs that an earlier process received."""
        for sa in sas:
            if sa.received is not None:
                self._hold(sa.connection, sa.received.addresses)

    def observe(self, event: Event) -> None:
        """Follow the configuration that was received, and the end of SAs."""
        if isinstance(event, ConfigReceived):
            config = event.sa.received
            self._hold(event.sa.connection, () if config is None else config.addresses)
        if isinstance(event, (ConfigReceived, IkeDown, ChildDown)) and event.sa.connection in self._held:
            self._release_unused(event.sa.connection)

    def _hold(self, connection: str, addresses: Iterable[str]) -> None:
        held = self._held.setdefault(connection, set())
        for address in addresses:
            if address in held:
                continue
            try:
                self._plane.hold_address(address)
            except PlaneError as error:
                self._log.write(Level.ERROR, "ESP", f"virtual address {address}: {error}", code=error.code)
                continue
            held.add(address)

    def _release_unused(self, connection: str) -> None:
        """Release the addresses of the connection that no SA has any more."""
        used = {
            address
            for sa in self._of_connection(connection)
            if sa.received is not None
            for address in sa.received.addresses
        }
        for address in self._held[connection] - used:
            self._held[connection].discard(address)
            if any(address in others for others in self._held.values()):
                continue
            try:
                self._plane.release_address(address)
            except PlaneError as error:
                self._log.write(Level.ERROR, "ESP", f"virtual address {address}: {error}", code=error.code)
