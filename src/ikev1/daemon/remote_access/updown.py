"""The updown hook of a tunnel: run when its first pair of IPsec SAs is up, and when its last one is removed.

The pairs of one tunnel with one peer and the same selectors are one *instance*, so rekeying does not run the hook. The
runs for an instance never overlap; a run that is outdated before it begins is omitted. The environment for ``down`` is
that of ``up``. If an earlier process has run the hook for ``up``, the instance continues if its pair was taken over;
otherwise, the hook is run for ``down``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import msgspec

from ikev1.config.formats.cisco_client.tables import runs_script
from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.events import ChildDown, ChildUp, Code, Event
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Settings, XauthRole
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.hook import HookFailed, prepare_thread, run_hook
from ikev1.daemon.remote_access.updown_environment import environment_of, verb
from ikev1.daemon.remote_access.vpnc_environment import vpnc_variables
from ikev1.files.journal import Journal

_THREADS = 4
SECONDS = 30.0  # for each run
_CLOSING = 20.0  # seconds for all remaining runs when the gateway stops


class Interface(Protocol):
    """Finds the device that packets of a pair pass through."""

    def __call__(self, child: ChildSa, /) -> str: ...


class Raised(msgspec.Struct, frozen=True):
    """A hook that was run for ``up``, with its environment. ``verb`` is ``PLUTO_VERB`` of the run for ``down``.

    ``label`` is a text for the log, if this is no hook of a tunnel but a program for the resolver of this host.
    """

    key: str
    command: tuple[str, ...]
    environment: dict[str, str]
    verb: str
    label: str = ""


class _Instance:
    """A tunnel with one peer, or what `Updown.hold` holds. ``wanted``: it is up; ``done``: what was run for ``up``
    last, None if it was run for ``down`` since. ``repeat``: it is run for ``up`` once more.
    """

    def __init__(self, up: Raised, up_verb: str, done: Raised | None = None) -> None:
        self.up = up
        self.up_verb = up_verb
        self.children: set[int] = set()
        self.wanted = True
        self.done = done
        self.repeat = False
        self.task: asyncio.Task[None] | None = None

    @property
    def target(self) -> Raised | None:
        """What ``done`` is to be."""
        return self.up if self.wanted else None

    @property
    def settled(self) -> bool:
        """Whether no run is due."""
        return self.target == self.done and not (self.repeat and self.wanted)


class Updown:
    """Runs hooks in threads, from the running event loop; ``settings`` gives the current settings. ``journal`` has the
    hooks that were run for ``up`` and not yet for ``down``.
    """

    def __init__(
        self, settings: Callable[[], Settings], interface: Interface, log: EventLog, journal: Journal[Raised] | None
    ) -> None:
        self._settings = settings
        self._interface = interface
        self._log = log
        self._journal = journal
        self._pool = ThreadPoolExecutor(_THREADS, "updown", prepare_thread)
        self._instances: dict[str, _Instance] = {}
        self._of_child: dict[int, list[_Instance]] = {}

    def begin(self, alive: Iterable[tuple[IkeSa, ChildSa]]) -> None:
        """Resume the instances of an earlier process; ``alive`` are the pairs that were taken over."""
        for raised in self._journal.left if self._journal is not None else ():
            replaced = self._instances.get(raised.key)
            if replaced is not None and self._journal is not None:
                self._journal.strike(replaced.up)
            self._instances[raised.key] = _Instance(raised, "", raised)
        for sa, child in alive:
            self._rise(sa, child)
        for instance in tuple(self._instances.values()):
            if not instance.children:
                self._want(instance, up=False)

    def observe(self, event: Event) -> None:
        """A pair is up or down."""
        if isinstance(event, ChildUp):
            self._rise(event.sa, event.child)
        elif isinstance(event, ChildDown):
            self.removed(event.child)

    def removed(self, child: ChildSa) -> None:
        """The pair is removed, with or without an event."""
        for instance in self._of_child.pop(child.unique_id, ()):
            instance.children.discard(child.unique_id)
            if not instance.children:
                self._want(instance, up=False)

    def hold(self, up: Raised) -> None:
        """Run the program of ``up`` for ``up``, in place of an earlier one with the same key."""
        instance = self._instances.get(up.key)
        if instance is None:
            instance = self._instances[up.key] = _Instance(up, "up")
        else:  # what an earlier process did may have ended with it
            instance.repeat = not instance.up_verb
        instance.up, instance.up_verb = up, "up"
        self._want(instance, up=True)

    def let_go(self, key: str) -> None:
        """Run the program of `hold` for ``down``, if it was run for ``up``."""
        instance = self._instances.get(key)
        if instance is not None:
            self._want(instance, up=False)

    async def done(self) -> None:
        """Wait until all hooks have been run for what is up now."""
        while tasks := self._tasks():
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Wait for the remaining runs, for at most `_CLOSING` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                while tasks := self._tasks():  # one that is done may be followed by another
                    await asyncio.wait(tasks)
        late = self._tasks()
        for task in late:
            task.cancel()
        if late:
            text = f"{len(late)} updown hooks have not been run to their end; the next start runs them down"
            self._log.write(Level.ERROR, "CHD", text, code=Code.UPDOWN_FAILED)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._journal is not None:
            self._journal.close()

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [instance.task for instance in self._instances.values() if instance.task is not None]

    def _rise(self, sa: IkeSa, child: ChildSa) -> None:
        """A pair is up: one run for each of its local networks."""
        connection = self._settings().connection(child.connection)
        tunnel = None if connection is None else connection.tunnel(child.name)
        command = () if tunnel is None else tunnel.updown
        if child.unique_id in self._of_child or (not command and not self._instances):
            return
        for local in child.locals:
            self._rise_for(sa, replace(child, local=local), connection, command)

    def _rise_for(self, sa: IkeSa, child: ChildSa, connection: Connection | None, command: tuple[str, ...]) -> None:
        key = _key(sa, child, for_all=runs_script(command))
        instance = self._instances.get(key)
        if instance is None and not command:
            return
        if instance is None:
            own_user = connection.xauth_user if connection and connection.xauth is XauthRole.CLIENT else ""
            interface = self._interface(child)
            environment = environment_of(sa, child, interface, own_user)
            if sa.received is not None:
                environment |= vpnc_variables(sa.received, child.path.remote_host, interface)
            up = Raised(key, command, environment, verb(child, up=False))
            instance = self._instances[key] = _Instance(up, verb(child, up=True))
        instance.up_verb = instance.up_verb or verb(child, up=True)
        instance.children.add(child.unique_id)
        self._of_child.setdefault(child.unique_id, []).append(instance)
        self._want(instance, up=True)

    def _want(self, instance: _Instance, *, up: bool) -> None:
        instance.wanted = up
        if instance.task is None:
            instance.task = asyncio.get_running_loop().create_task(self._settle(instance))
            instance.task.add_done_callback(lambda task: self._settled(instance, task))

    async def _settle(self, instance: _Instance) -> None:
        """Run the hook until its last run agrees with the state of the tunnel."""
        while not instance.settled:
            target, done = instance.target, instance.done
            if target is not None:
                if self._journal is not None:
                    self._journal.note(target)
                await self._run(target, instance.up_verb)
                instance.repeat = False
            elif done is not None:
                await self._run(done, done.verb)
            instance.done = target
            if self._journal is not None and done is not None and done != target:
                self._journal.strike(done)

    async def _run(self, raised: Raised, word: str) -> None:
        environment = {**raised.environment, "PLUTO_VERB": word}
        run = asyncio.get_running_loop().run_in_executor
        try:
            await run(self._pool, run_hook, raised.command, environment, SECONDS)
        except HookFailed as error:
            connection = environment.get("IKEV1_CONNECTION", "")
            if raised.label:
                self._log.write(Level.ERROR, "NET", f"{raised.label}, {word}: {error}", code=Code.RESOLVER_FAILED)
                return
            text = f"updown hook of tunnel {connection}/{environment['PLUTO_CONNECTION']} for {word}: {error}"
            kind = "failures of updown hooks"
            self._log.write(Level.ERROR, "CHD", text, kind=kind, connection=connection, code=Code.UPDOWN_FAILED)

    def _settled(self, instance: _Instance, task: asyncio.Task[None]) -> None:
        instance.task = None
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._log.bug("an updown hook", error)
            instance.done, instance.repeat = instance.target, False  # do not run it again
        if not task.cancelled() and not instance.settled:
            self._want(instance, up=instance.wanted)
        elif not instance.wanted and self._instances.get(instance.up.key) is instance:
            del self._instances[instance.up.key]


def _key(sa: IkeSa, child: ChildSa, *, for_all: bool) -> str:
    """The key of the instance of a pair, which is the same in the next process; ``for_all`` pairs of a tunnel, one.

    In tunnel mode, no two peers have the same traffic, and a peer behind a NAT may get another port there. In transport
    mode, the port is what distinguishes clients behind one NAT.
    """
    peer = sa.claim
    if peer is not None and child.mode is IpsecMode.TUNNEL:
        peer = replace(peer, location=None)
    remote = "" if for_all else child.remote
    said = "\n".join(map(str, (child.connection, child.name, child.local, remote, peer)))
    return hashlib.blake2s(said.encode(), digest_size=16).hexdigest()
