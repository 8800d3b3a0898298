"""The backends that the configuration asks for. A reload keeps a backend whose options are unchanged.

Their libraries are loaded only if they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ikev1.aaa.accounting import Accounting
from ikev1.aaa.backend import Backend, BackendError
from ikev1.aaa.options import BackendOptions, CommandOptions, PamOptions, RadiusOptions, UsersOptions
from ikev1.core.records.record import Record
from ikev1.daemon.observe.event_log import EventLog, Level


class Backends:
    """The backends of the configuration in use."""

    def __init__(self, clock: Callable[[], float], log: EventLog) -> None:
        self._clock = clock
        self._log = log
        self._made: dict[str, tuple[Record, Backend]] = {}

    def adopt(self, backends: BackendOptions) -> dict[str, Backend]:
        """The backends of ``backends`` by their names; one that cannot be used is left out, which is logged."""
        made: dict[str, tuple[Record, Backend]] = {}
        for name in backends.configured:
            options: Record = getattr(backends, name)
            before = self._made.get(name)
            if before is not None and before[0] == options:
                made[name] = before
                continue
            try:
                made[name] = options, self._make(options)
            except BackendError as error:
                self._log.write(Level.ERROR, "CFG", str(error), code=error.code)
        self._made = made
        return {name: backend for name, (_, backend) in made.items()}

    def _make(self, options: Record) -> Backend:
        match options:
            case UsersOptions():
                from ikev1.aaa.users import ListedUsersBackend, UsersBackend

                of_file = UsersBackend(Path(options.file)) if options.file else None
                if of_file is not None and not options.secrets:
                    return of_file
                return ListedUsersBackend(dict(options.secrets), of_file)
            case PamOptions():
                from ikev1.aaa.pam import PamBackend

                return PamBackend(options.service, options.timeout)
            case CommandOptions():
                from ikev1.aaa.command import CommandBackend

                return CommandBackend(options.run, options.timeout)
            case RadiusOptions():
                from ikev1.aaa.radius.backend import RadiusBackend

                return RadiusBackend(options, self._clock)
            case _:
                raise TypeError(f"{type(options).__name__} is not the options of a backend")


def accounting_of(backends: BackendOptions, clock: Callable[[], float], wall: Callable[[], float]) -> Accounting | None:
    """Accounting by the RADIUS servers, None if it is not configured."""
    options = backends.radius
    if options is None or not options.accounting:
        return None
    from ikev1.aaa.radius.accounting import RadiusAccounting

    return RadiusAccounting(options, clock, wall)
