"""The configuration that clients have loaded: it is in use beside that of the files until the process ends.

A client loads many items one after another. Each is checked when it comes, and all are applied together: as soon as
no more came for a moment, before the next command that needs them, or when a client leaves. What they mean is computed
in a thread, because a thousand connections take seconds, and only its result is applied in the event loop. Peers that
call meanwhile, and have no connection yet, are answered then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ikev1.config import BackendOptions, ConfigError, Finding, GatewayOptions, Loaded, Rule, load_beside
from ikev1.config.formats.swanctl.loaded import SOURCE, Items, LoadedSection, SharedSecret, read_items
from ikev1.core.records.record import replace as with_fields
from ikev1.core.records.reload import Reload
from ikev1.core.records.settings import Connection, Settings, Start
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.observe.event_log import Level
from ikev1.daemon.vici.request import Refused

MOST_OCTETS = 256 << 20  # of all that is loaded
_PAUSE = 0.1  # seconds without a change after which changes are applied
_LATEST = 2.0  # seconds after the first change, if applying it takes no longer than
_SHARE = 0.1  # of the time

# What a connection may lack when it is loaded, because clients may load it later
_LATER = frozenset(
    {Rule.NO_CREDENTIAL, Rule.METHOD_NEEDS_KEY, Rule.NO_USABLE_POLICY, Rule.NO_TRUST, Rule.TRUST_WITHOUT_KEY}
    | {Rule.UNKNOWN_POOL, Rule.NO_BACKEND, Rule.XAUTH_WITHOUT_BACKEND}
)


# When a connection is loaded: those of others need not be read, and its own may come later
_SOME_SECRET = {"": SharedSecret("ike", b"some secret", ())}


class _Joined(NamedTuple):
    """What is loaded beside what stands in files, and what is to be told; ``waiting`` as in `LoadedConfiguration`."""

    settings: Settings
    users: BackendOptions
    waiting: dict[str, str]
    warnings: tuple[Finding, ...] = ()
    failure: str = ""


class _Prepared(NamedTuple):
    """What was computed of ``items`` beside these settings and users of files."""

    items: Items
    settings: Settings
    users: BackendOptions
    joined: _Joined


class LoadedConfiguration:
    """What clients have loaded into ``gateway``, whose options are ``options``. ``waiting`` are the connections that
    cannot be used, because they lack something that may still be loaded, and what.
    """

    def __init__(self, gateway: Gateway, options: GatewayOptions) -> None:
        self.items = Items()
        self.waiting: dict[str, str] = {}
        self._gateway = gateway
        self._options = options
        self._applied = Items()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = False  # whether `items` are not in use yet
        self._running: asyncio.Task[None] | None = None
        self._prepared: _Prepared | None = None
        self._changed_at = 0.0
        self._took = 0.0  # seconds, the last time that changes were applied
        self._told: set[str] = set()  # warnings that are in the log
        gateway.extend = self._extended
        gateway.early_callers.awaited = lambda: self._changed or self._is_running

    # --- changes

    def change(self, **items: object) -> None:
        """Replace some of the fields of `items`, in the running event loop.

        Raises:
            Refused: there would be too much of them.
        """
        changed = replace(self.items, **items)  # type: ignore[arg-type]  # the callers name fields of `Items`
        self.become(changed)

    def become(self, items: Items) -> None:
        """Use ``items`` from now on, in the running event loop.

        Raises:
            Refused: there is too much of them.
        """
        if items.octets > MOST_OCTETS and items.octets > self.items.octets:
            raise Refused(f"more than {MOST_OCTETS >> 20} MiB are loaded: unload some of it first")
        self.items = items
        self._changed = True
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._changed_at = loop.time()
        else:
            self._timer.cancel()
        self._timer = loop.call_at(
            min(loop.time() + _PAUSE, self._changed_at + max(_LATEST, self._took / _SHARE)), self.settle_soon
        )

    def check(self, name: str, items: Items) -> None:
        """Check the connection ``name`` of ``items``, which may lack credentials and pools.

        Raises:
            Refused: it cannot be used.
        """
        one = replace(items, connections={name: items.connections[name]}, secrets=_SOME_SECRET)
        loaded, errors = self._loaded(
            one, with_fields(self._gateway.file_settings, connections=(), shunts=()), BackendOptions()
        )
        wrong = [error for error in errors if error.rule not in _LATER]
        if wrong:
            raise refusal(wrong)
        if loaded is None:
            return
        names = {connection.name for connection in loaded.settings.connections}
        if name not in names and not loaded.settings.shunts:
            why = [each for each in loaded.warnings if each.rule is Rule.NOT_IKEV1]
            raise refusal(why) if why else Refused(f"connection {name!r} is not for IKEv1")
        self._tell(each for each in loaded.warnings if each.key.startswith(f"connections.{name}"))

    def check_items(self, items: Items) -> None:
        """Check the pools and authorities of ``items``.

        Raises:
            Refused: they cannot be used.
        """
        _, errors = self._loaded(replace(items, connections={}), self._gateway.file_settings, BackendOptions())
        if errors:
            raise refusal(errors)

    def why_unusable(self, connection: str | None, tunnel: str | None) -> str | None:
        """What a loaded connection lacks that has this name, or a tunnel of this name; None if there is none."""
        for name, why in self.waiting.items():
            loaded = self.items.connections.get(name)
            children = {} if loaded is None else loaded.values.get("children", {})
            if connection in (None, name) and (tunnel is None or tunnel in children):
                return f"connection '{name}' cannot be used: {why}"
        return None

    # --- use

    async def settled(self) -> None:
        """Wait until all changes that were made before this call are in use."""
        for _ in range(2):  # what runs may have begun before the last of them
            if self._changed or self._is_running:
                await asyncio.shield(self._use())

    def settle_soon(self) -> None:
        """Apply all changes, if there are any, and log it if that fails."""
        if self._changed:
            self._use().add_done_callback(self._log_failure)

    @property
    def _is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def _use(self) -> asyncio.Task[None]:
        """What applies the changes: one at a time."""
        if self._running is None or not self._is_running:
            self._running = asyncio.get_running_loop().create_task(self._apply_changes())
            self._running.add_done_callback(self._take_early_callers)
        return self._running

    async def _apply_changes(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        began = time.monotonic()
        self._changed = False
        gateway, items = self._gateway, self.items
        settings, users = gateway.file_settings, gateway.file_users()
        loop = asyncio.get_running_loop()
        joined = await loop.run_in_executor(None, self._joined, items, settings, users)
        self._prepared = _Prepared(items, settings, users, joined)
        try:
            self._apply(items)
        finally:
            self._prepared = None
        self._took = time.monotonic() - began

    def _take_early_callers(self, done: asyncio.Task[None]) -> None:
        if not done.cancelled():
            self._gateway.receive_isakmp(self._gateway.early_callers.release())

    def _log_failure(self, done: asyncio.Task[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, Exception):
            self._gateway.log.bug("the use of what VICI clients have loaded", error)

    def _apply(self, items: Items) -> None:
        before, self._applied = self._applied, items
        gateway, old = self._gateway, self._gateway.settings
        names = before.connections.keys() | items.connections.keys()
        changed = {name for name in names if before.connections.get(name) != items.connections.get(name)}
        was = {connection.name: connection for connection in old.connections}
        gateway.adopt(Reload(drain=True), changed=self._affected(changed, old))
        for name in changed & before.connections.keys() & was.keys():
            self._close_started(was[name])

    def _affected(self, changed: set[str], old: Settings) -> set[str]:
        """``changed`` and the connections that had lacked something, with those that were made of them."""
        made = {name for name in self._made(old) if self._origin(name) in changed}
        return changed | made | set(self.waiting)

    def _made(self, settings: Settings) -> Iterable[str]:
        return (connection.name for connection in settings.connections)

    def _origin(self, name: str) -> str:
        """The loaded connection of which ``name`` was made: the name has a number behind it if it is for one peer."""
        base, _, number = name.rpartition("-")
        return base if number.isdecimal() and name not in self.items.connections else name

    def _close_started(self, connection: Connection) -> None:
        """Close the tunnels of a changed or unloaded connection that its ``start`` has brought up, as charon does;
        others stay.
        """
        started = {tunnel.name for tunnel in connection.tunnels if tunnel.start is Start.START}
        for sa in self._gateway.engine.of_connection(connection.name):
            pairs = sa.complete_children
            if pairs and all(pair.name in started for pair in pairs):
                self._gateway.close_ike(sa)
            else:
                for pair in pairs:
                    if pair.name in started:
                        self._gateway.close_child(pair)

    def _extended(self, settings: Settings, users: BackendOptions) -> tuple[Settings, BackendOptions]:
        """``settings`` with the connections that were loaded and can be used."""
        found = self._prepared
        if found is None or found.settings is not settings or found.users != users:
            found = _Prepared(self.items, settings, users, self._joined(self.items, settings, users))
        joined = found.joined
        self.waiting = joined.waiting
        self._tell(joined.warnings)
        if joined.failure:
            self._gateway.log.write(Level.ERROR, "CFG", f"what is loaded cannot be used: {joined.failure}")
        return joined.settings, joined.users

    def _joined(self, items: Items, settings: Settings, users: BackendOptions) -> _Joined:
        """``settings`` with those of ``items`` that can be used. Runs in a thread: it changes nothing."""
        waiting: dict[str, str] = {}
        warnings: list[Finding] = []
        while items.connections or items.pools or items.authorities:
            loaded, errors = self._loaded(items, settings, users)
            if loaded is not None:
                return _Joined(loaded.settings, loaded.aaa, waiting, (*warnings, *loaded.warnings))
            refused = {
                name: str(refusal(found)) for name, found in _by_owner(errors, "connection", items.connections).items()
            }
            pools = {name: str(refusal(found)) for name, found in _by_owner(errors, "pools", items.pools).items()}
            if not (refused or pools):
                return _Joined(settings, users, waiting, tuple(warnings), str(refusal(errors)))
            waiting |= refused
            for name, why in (refused | pools).items():
                warnings.append(Finding(SOURCE, name, Rule.MISSING_KEY, f"not in use: {why}"))
            items = replace(items, connections=_without(items.connections, refused), pools=_without(items.pools, pools))
        return _Joined(settings, users, waiting, tuple(warnings))

    def _loaded(
        self, items: Items, settings: Settings, users: BackendOptions
    ) -> tuple[Loaded | None, tuple[Finding, ...]]:
        """``items`` beside ``settings``, or the errors."""
        try:
            beside = Loaded(settings, self._options, (), users)
            return load_beside(read_items(items), beside, self._gateway.wall), ()
        except ConfigError as error:
            return None, error.findings

    def _tell(self, warnings: Iterable[Finding]) -> None:
        """Log each warning once."""
        for warning in warnings:
            if (text := str(warning)) not in self._told:
                self._told.add(text)
                self._gateway.log.write(Level.WARNING, "CFG", text)


def _by_owner(errors: Iterable[Finding], kind: str, names: Iterable[str]) -> dict[str, list[Finding]]:
    """The errors about sections of a ``kind`` by the ``names`` of those that were loaded."""
    found: dict[str, list[Finding]] = {}
    longest_first = sorted(names, key=len, reverse=True)
    for error in errors:
        path = error.key.partition(".")[2]
        # of a connection, several may be made, with numbers behind its name
        owner = next((name for name in longest_first if path.startswith(name)), None)
        if error.key.startswith(kind) and owner is not None:
            found.setdefault(owner, []).append(error)
    return found


def _without(loaded: Mapping[str, LoadedSection], names: Container[str]) -> dict[str, LoadedSection]:
    return {name: section for name, section in loaded.items() if name not in names}


def refusal(errors: Iterable[Finding]) -> Refused:
    """Why something was not loaded."""
    return Refused("; ".join(": ".join(filter(None, (each.key, each.text))) for each in errors))
