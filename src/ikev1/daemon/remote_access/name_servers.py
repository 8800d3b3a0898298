"""The name servers of gateways, which the resolver of this host, as client, uses while a tunnel to them is up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ikev1.core.records.events import ChildDown, ChildUp, Code, ConfigReceived, Event, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.resolver import KEY, Resolver, names_in
from ikev1.daemon.remote_access.updown import Updown
from ikev1.daemon.remote_access.usable import usable_servers
from ikev1.wire.words import printable


class NameServers:
    """Runs ``resolver`` by ``updown``; None: this host has none. ``of_connection`` gives the SAs of a connection."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        of_connection: Callable[[str], Collection[IkeSa]],
        updown: Updown,
        resolver: Resolver | None,
        log: EventLog,
    ) -> None:
        self._settings = settings
        self._of_connection = of_connection
        self._updown = updown
        self._resolver = resolver
        self._log = log
        self._used: dict[str, ModeConfig] = {}  # by connection

    def begin(self, sas: Iterable[IkeSa]) -> None:
        """Follow the connections of ``sas``, which were taken over from an earlier process."""
        for connection in {sa.connection for sa in sas if sa.received is not None}:
            self._follow(connection)

    def observe(self, event: Event) -> None:
        """Follow tunnels and the configurations that came with them."""
        if isinstance(event, (ConfigReceived, ChildUp, ChildDown, IkeDown)) and (
            event.sa.received is not None or event.sa.connection in self._used
        ):
            self._follow(event.sa.connection)

    def _follow(self, connection: str) -> None:
        config = self._config_of(connection)
        if config == self._used.get(connection):
            return
        if config is None:
            del self._used[connection]
        else:
            self._used[connection] = config
        names, refused = names_in(self._used.values())
        if config is None or not names.servers:
            refused = []
        for text in refused[:5]:
            self._log.write(Level.WARNING, "NET", printable(text), connection=connection, code=Code.UNUSABLE_CONFIG)
        if not names.servers:
            self._updown.let_go(KEY)
        elif self._resolver is not None:
            self._updown.hold(self._resolver.raised(names))
        elif config is not None:
            text = (
                f"the name servers {' '.join(names.servers)} of the gateway are not used: neither systemd-resolved nor "
                "resolvconf is there to install them"
            )
            self._log.write(Level.WARNING, "NET", text, connection=connection, code=Code.RESOLVER_FAILED)

    def _config_of(self, name: str) -> ModeConfig | None:
        """The configuration of a tunnel that is up, with its usable name servers only; None if there is none."""
        connection = self._settings().connection(name)
        if connection is None or not connection.install_dns:
            return None
        for sa in self._of_connection(name):
            if sa.received is not None and sa.complete_children:
                config: ModeConfig = replace(sa.received, dns=usable_servers(sa.received))
                return config if config.dns else None
        return None
