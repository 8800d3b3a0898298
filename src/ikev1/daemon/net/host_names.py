"""Host names of peers: looked up in threads, for both IP versions, and again at intervals.

The engine does not resolve names: it receives the addresses of each.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ikev1.core.machine.engine_state import LOOK_UP_INTERVAL
from ikev1.core.peer.connection_lookup import is_host_name
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import EventLog, Level

_THREADS = 4
_MOST_ADDRESSES = 16  # of one name
_PATIENCE = 15.0  # seconds for which a call waits for a look-up; glibc asks each resolver for 10 s (resolv.conf(5))

LookUp = Callable[[str], Awaitable[tuple[str, ...]]]


class HostNames:
    """The addresses of the host names in ``remote_address`` of all connections.

    ``changed`` gets the addresses of all names when some have changed. ``look_up`` gives the addresses of a name, or
    raises OSError.
    """

    def __init__(
        self,
        look_up: LookUp,
        changed: Callable[[Mapping[str, tuple[str, ...]]], None],
        log: EventLog,
        clock: Callable[[], float],
    ) -> None:
        self._look_up = look_up
        self._changed = changed
        self._log = log
        self._clock = clock
        self._interval = math.inf
        self._names: frozenset[str] = frozenset()
        self._found: dict[str, tuple[str, ...]] = {}
        self._unresolved: set[str] = set()  # the last look-up failed
        self._running: dict[str, asyncio.Task[None]] = {}
        self._hinted_at = -math.inf
        self.deadline = math.inf

    def adopt(self, settings: Settings) -> None:
        """Look up the names in ``settings``, now and at their interval, and forget all others."""
        self._names = frozenset(each for c in settings.connections for each in c.remotes if is_host_name(each))
        self._interval = settings.dns_interval
        known = {name: found for name, found in self._found.items() if name in self._names}
        if known != self._found:
            self._found = known
            self._changed(dict(known))
        self._unresolved &= self._names
        self._refresh(self._names)

    def due(self, now: float) -> None:
        """Look up all names again if it is time."""
        if now >= self.deadline:
            self._refresh(self._names)

    def hint(self) -> None:
        """Look up all names again, unless that was done just now: a caller has an address that matches nothing."""
        if self._names and self._clock() >= self._hinted_at + LOOK_UP_INTERVAL:
            self._hinted_at = self._clock()
            self._refresh(self._names)

    async def refresh(self, names: Iterable[str]) -> None:
        """Look up ``names``; returns when that is done, has failed or takes too long."""
        tasks = [self._begin(name) for name in names if name in self._names]
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)

    async def close(self) -> None:
        """Look up nothing any more."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, names: Iterable[str]) -> None:
        self.deadline = self._clock() + self._interval if self._names else math.inf
        for name in names:
            self._begin(name)

    def _begin(self, name: str) -> asyncio.Task[None]:
        """The task that looks up ``name``; there is never more than one for a name."""
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.get_running_loop().create_task(self._find(name))
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return task

    async def _find(self, name: str) -> None:
        try:
            found = _usable(await self._look_up(name))
        except OSError as error:
            self._not_found(name, error.strerror or str(error))
        except UnicodeError as error:  # of the IDNA codec
            self._not_found(name, str(error))
        except Exception as error:
            self._log.bug(f"the look-up of {name}", error)
        else:
            if found:
                self._is_at(name, found)
            else:
                self._not_found(name, "it has no address")

    def _not_found(self, name: str, reason: str) -> None:
        if name in self._unresolved or name not in self._names:
            return
        self._unresolved.add(name)
        known = self._found.get(name)
        rest = f"still using {', '.join(known)}" if known else "the peer cannot be called or recognized by it"
        text = f"cannot look up {name}: {reason}; {rest}"
        self._log.write(Level.WARNING, "NET", text, code=Code.NAME_NOT_RESOLVED)

    def _is_at(self, name: str, found: tuple[str, ...]) -> None:
        if name not in self._names:
            return
        self._unresolved.discard(name)
        before = self._found.get(name, ())
        if before == found:
            return
        self._found[name] = found
        self._changed(dict(self._found))
        if set(before) != set(found):  # the order often rotates
            self._log.write(Level.INFO, "NET", f"{name} is at {', '.join(found)}")


class SystemLookUp:
    """Looks up names by getaddrinfo(3), in threads of its own; the order is that of RFC 6724."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None  # most gateways have no names to look up

    async def __call__(self, name: str) -> tuple[str, ...]:
        """The addresses of ``name``, IPv4 and IPv6.

        Raises:
            OSError: there are none, or no resolver answered.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "host-names")
        found = await asyncio.get_running_loop().run_in_executor(self._pool, _addresses_of, name)
        return tuple(dict.fromkeys(found))


def _addresses_of(name: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)]


def _usable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of ``addresses`` that can be an IKE peer's, at most `_MOST_ADDRESSES`."""
    found = [address for address in map(ipaddress.ip_address, addresses) if not address.is_multicast]
    return tuple(str(address) for address in found if not address.is_unspecified)[:_MOST_ADDRESSES]
