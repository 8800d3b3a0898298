"""The virtual addresses that gateways assigned to this host as client, and the routes into their tunnels, in the data
plane while they are in use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ikev1.core.records.events import ChildDown, Code, ConfigReceived, Event, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.client_routes import reach_of
from ikev1.esp.attached import attached_networks
from ikev1.esp.plane import DataPlane, PlaneError
from ikev1.esp.reach import Reach

_SHOWN = 5  # lines on what a gateway named and is not used


class ClientAddresses:
    """Configures the addresses of the ISAKMP SAs in ``plane``; ``of_connection`` gives the SAs of a connection.

    ``settings`` gives the current settings, ``attached`` the networks to which this host is attached, or an OSError.
    """

    def __init__(
        self,
        plane: DataPlane,
        of_connection: Callable[[str], Collection[IkeSa]],
        settings: Callable[[], Settings],
        log: EventLog,
        attached: Callable[[], Collection[Selector]] = attached_networks,
    ) -> None:
        self._plane = plane
        self._of_connection = of_connection
        self._settings = settings
        self._log = log
        self._attached = attached
        self._held: dict[str, dict[str, Reach]] = {}  # by connection and address

    def resume(self, sas: Iterable[IkeSa]) -> None:
        """Hold the addresses of SAs that an earlier process received."""
        for sa in sas:
            if sa.received is not None:
                self._hold(sa.connection, sa.received)

    def observe(self, event: Event) -> None:
        """Follow the configuration that was received, and the end of SAs."""
        if isinstance(event, ConfigReceived):
            self._hold(event.sa.connection, event.sa.received or ModeConfig())
        if isinstance(event, (ConfigReceived, IkeDown, ChildDown)) and event.sa.connection in self._held:
            self._release_unused(event.sa.connection)

    def follow(self) -> None:
        """Follow a change of the network to which this host is attached."""
        for name, held in self._held.items():
            connection = self._settings().connection(name)
            if held and connection is not None and connection.local_lan:
                for sa in self._of_connection(name):
                    if sa.received is not None:
                        self._hold(name, sa.received)

    def _hold(self, name: str, config: ModeConfig) -> None:
        held = self._held.setdefault(name, {})
        connection = self._settings().connection(name)
        if connection is None:  # removed from the configuration; its SAs go as well
            return
        attached = self._attached_networks() if config.local_lan and connection.local_lan else ()
        for address in config.addresses:
            reach, refused = reach_of(address, config, connection, attached)
            if held.get(address) == reach:
                continue
            try:
                self._plane.hold_address(address, reach)
            except PlaneError as error:
                self._log.write(Level.ERROR, "ESP", f"virtual address {address}: {error}", code=error.code)
                continue
            held[address] = reach
            for text in refused[:_SHOWN]:
                self._log.write(Level.WARNING, "NET", text, connection=name, code=Code.UNUSABLE_CONFIG)

    def _attached_networks(self) -> Collection[Selector]:
        try:
            return self._attached()
        except OSError as error:
            self._log.write(Level.ERROR, "NET", f"the local networks cannot be read: {error}")
            return ()

    def _release_unused(self, connection: str) -> None:
        """Release the addresses of the connection that no SA has any more."""
        used = {
            address
            for sa in self._of_connection(connection)
            if sa.received is not None
            for address in sa.received.addresses
        }
        for address in self._held[connection].keys() - used:
            del self._held[connection][address]
            if any(address in others for others in self._held.values()):
                continue
            try:
                self._plane.release_address(address)
            except PlaneError as error:
                self._log.write(Level.ERROR, "ESP", f"virtual address {address}: {error}", code=error.code)
