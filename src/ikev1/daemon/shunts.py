"""Shunts: traffic that passes outside all tunnels, or is dropped unless a tunnel carries it."""

from __future__ import annotations

from ikev1.core.records.settings import Settings, Shunt, ShuntAction, Start
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import DataPlane, PlaneError, Shunted


class Shunts:
    """The shunts that are in force in ``plane``: those of the configuration, unless a command has changed that."""

    def __init__(self, plane: DataPlane, log: EventLog) -> None:
        self._plane = plane
        self._log = log
        self._commanded: dict[str, bool] = {}  # whether a command has installed or uninstalled a shunt
        self.installed: dict[str, Shunt] = {}

    def adopt(self, settings: Settings) -> None:
        """Have exactly the shunts of ``settings`` in force; a failure is logged."""
        names = {shunt.name for shunt in settings.shunts}
        self._commanded = {name: on for name, on in self._commanded.items() if name in names}
        wanted = (shunt for shunt in settings.shunts if self._commanded.get(shunt.name, shunt.start is Start.TRAP))
        try:
            self._apply({shunt.name: shunt for shunt in wanted})
        except PlaneError as error:
            self._log.write(Level.ERROR, "ESP", f"shunts are not in force: {error}", code=error.code)

    def install(self, shunt: Shunt) -> None:
        """Have ``shunt`` in force, by command.

        Raises:
            PlaneError: the data plane refused.
        """
        self._apply({**self.installed, shunt.name: shunt})
        self._commanded[shunt.name] = True

    def uninstall(self, name: str) -> bool:
        """Have a shunt in force no more, by command; False if it was not.

        Raises:
            PlaneError: the data plane refused.
        """
        if name not in self.installed:
            return False
        self._apply({other: shunt for other, shunt in self.installed.items() if other != name})
        self._commanded[name] = False
        return True

    def _apply(self, wanted: dict[str, Shunt]) -> None:
        self._plane.shunt(
            [Shunted(each.local, each.remote, each.action is ShuntAction.DROP) for each in wanted.values()]
        )
        self.installed = wanted
