"""Drops traffic of tunnels that is received or would be sent in the clear (RFC 4301 §5.1, §5.2).

The kernel's packet filter drops it, by rules in a separate table (`ikev1.esp.nft.ruleset`). The table outlives this
process and the tunnels' device, which it refers to by name: if the process is killed, the device is removed, and
traffic that requires it stays blocked. The next process replaces the table atomically with its first change; until then
the old table stays. If another program removes the table, as ``nft flush ruleset`` does, the kernel reports it and the
table is recreated.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.nft import layout
from ikev1.esp.nft.layout import Message
from ikev1.esp.nft.ruleset import (
    COUNTERS,
    PORTS,
    Carrier,
    Entry,
    Shape,
    always,
    by_device,
    dropped,
    entries,
    exempt,
    frame,
    rules,
    sets,
)
from ikev1.esp.nft.transaction import Nftables
from ikev1.esp.plane import PlaneError, Reader, Unguarded

Traffic = tuple[Selector, Selector]  # local, remote; neither is dynamic
_SHUNTS = "shunts"  # the key that holds them
_Change = Callable[[str, str, Sequence[bytes]], Iterable[Message]]


class ClearTrafficFilter:
    """The table of ``name``, by default for the tunnels of the device with this name; ``carrier`` is another way to
    recognize their packets. Outgoing packets with ``mark`` are ESP and ISAKMP of this gateway. ``more`` returns the
    steps that add the other content of a table of this name.

    Each key holds traffic, which is protected as long as a key holds it. If the kernel has no nf_tables, nothing is
    protected, and ``listener`` is called once.
    """

    def __init__(
        self,
        name: str,
        mark: int,
        listener: Callable[[Unguarded], None],
        carrier: Carrier | None = None,
        more: Callable[[str], Sequence[Message]] = lambda table: (),
    ) -> None:
        self._table = table_name(name)
        self._carrier = carrier or by_device(name)
        self._more = more
        self._mark = mark
        self._listener = listener
        self._held: dict[Hashable, tuple[Entry, ...]] = {}
        self._holders = Counter(always())
        self._sizes = Counter(entry.shape for entry in self._holders)
        self._shapes = dict.fromkeys(self._sizes)  # those that have a set
        self._ports: set[int] = set()
        self._built = False
        self._reported = ""  # the last reason why there is no table
        self._kernel: Nftables | None = None
        try:
            self._kernel = Nftables()
        except OSError as error:
            self._missing = error

    def possible(self) -> bool:
        """Whether the kernel accepts such a table, tested by one that is removed at once. The table of an earlier
        process stays.
        """
        if self._kernel is None:
            return False
        trial = f"{self._table}-trial"
        steps = [*frame(trial, self._carrier, self._mark, ()), *self._more(trial), layout.delete_table(trial)]
        try:
            self._kernel.commit(steps)
        except OSError:
            return False
        return True

    def close(self, *, keep: bool) -> None:
        """Remove the table or, with ``keep``, leave it as it is.

        Raises:
            PlaneError: the kernel refused.
        """
        if self._kernel is None:
            return
        try:
            if self._built and not keep:
                self._kernel.commit([layout.delete_table(self._table)])
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise PlaneError(
                    f"nftables: cannot remove table inet {self._table}, which still drops packets: {error}"
                ) from error
        finally:
            self._kernel.close()
            self._kernel = None

    def allow_port(self, port: int) -> None:
        """Accept ISAKMP and ESP in UDP on this local port, even from a peer whose traffic is protected."""
        if port not in self._ports:
            self._ports.add(port)
            if self._built:
                self._do(list(layout.add_elements(self._table, PORTS, [port.to_bytes(2)])))

    def change(self, wanted: Mapping[Hashable, Collection[Traffic]]) -> None:
        """Set the traffic that each key holds, replacing what it held, atomically."""
        self._hold({key: tuple(e for each in some for e in entries(*each)) for key, some in wanted.items()})

    def shunt(self, passing: Collection[Traffic], dropping: Collection[Traffic]) -> None:
        """Accept the traffic of ``passing`` whoever protects it, and drop that of ``dropping`` in the clear; both
        replace those of an earlier call.
        """
        found = [entry for traffic in passing for entry in exempt(*traffic)]
        found += [entry for traffic in dropping for entry in dropped(*traffic)]
        self._hold({_SHUNTS: tuple(found)})

    def _hold(self, wanted: Mapping[Hashable, tuple[Entry, ...]]) -> None:
        change: Counter[Entry] = Counter()
        for key, found in wanted.items():
            change.update(found)
            change.subtract(self._held.pop(key, ()))
            if found:
                self._held[key] = found
        more = [entry for entry, by in change.items() if by > 0 and not self._holders[entry]]
        self._holders.update(change)
        fewer = [entry for entry, by in change.items() if by < 0 and not self._holders[entry]]
        for entry in fewer:
            del self._holders[entry]
        self._sizes.update(entry.shape for entry in more)
        self._sizes.subtract(entry.shape for entry in fewer)
        if not self._built:
            self._do([])
        elif more or fewer:
            steps = self._members(fewer, layout.delete_elements)
            steps += self._new_shapes(dict.fromkeys(entry.shape for entry in more))
            steps += self._members(more, layout.add_elements)
            self._do(steps)

    def _new_shapes(self, wanted: Iterable[Shape]) -> list[Message]:
        """The steps that add sets for all of ``wanted``. Empty sets are deleted only when others are added, so that a
        tunnel that is brought up and down repeatedly does not change the rules each time.
        """
        new = [shape for shape in wanted if shape not in self._shapes]
        if not new:
            return []
        empty = [shape for shape in self._shapes if not self._sizes[shape]]
        for shape in empty:
            del self._shapes[shape], self._sizes[shape]
        self._shapes |= dict.fromkeys(new)
        steps = [*sets(self._table, new), *rules(self._table, self._shapes)]
        return steps + [layout.delete_set(self._table, shape.name) for shape in empty]

    def dropped(self) -> tuple[int, int]:
        """The packets dropped on input and on output since the table was added."""
        if self._kernel is None or not self._built:
            return 0, 0
        try:
            counted = self._kernel.counters(self._table)
        except OSError:  # the table was just removed
            return 0, 0
        inbound, outbound = COUNTERS
        return counted.get(inbound, 0), counted.get(outbound, 0)

    def readers(self) -> Sequence[Reader]:
        """The netlink socket that reports whether another program removed the table."""
        return [(self._kernel.descriptor, self._read_events)] if self._kernel is not None else []

    def _read_events(self) -> None:
        if self._kernel is None:
            return
        try:
            removed = self._kernel.taken_away(self._table)
        except OSError as error:
            raise PlaneError(f"nftables: cannot watch table inet {self._table} any longer: {error}") from error
        if removed and self._built:
            self._built = False
            self._do([])
            if self._built:
                text = f"another program changed or removed the nftables table inet {self._table}"
                self._listener(Unguarded(f"{text}, which blocks clear traffic of tunnels: recreated it"))

    def _do(self, steps: Sequence[Message]) -> None:
        """Change the table by ``steps``; recreate it if it does not exist or the steps are rejected."""
        if self._kernel is None:
            self._report(self._missing)
            return
        if self._built:
            try:
                self._kernel.commit(steps)
            except OSError:
                self._built = False  # another program changed it
            else:
                return
        try:
            self._kernel.commit(self._whole())
        except OSError as error:
            self._report(error)
        else:
            self._built, self._reported = True, ""

    def _whole(self) -> list[Message]:
        self._sizes = Counter(entry.shape for entry in self._holders)
        self._shapes = dict.fromkeys(self._sizes)
        steps = frame(self._table, self._carrier, self._mark, sorted(self._ports))
        steps += self._more(self._table)
        steps += sets(self._table, self._shapes)
        steps += rules(self._table, self._shapes)
        steps += self._members(self._holders, layout.add_elements)
        return steps

    def _members(self, found: Iterable[Entry], change: _Change) -> list[Message]:
        keys: dict[str, list[bytes]] = {}
        for shape, key in found:
            keys.setdefault(shape.name, []).append(key)
        return [step for name, some in keys.items() for step in change(self._table, name, some)]

    def _report(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self._reported:
            self._reported = reason
            self._listener(
                Unguarded(f"traffic of tunnels is not blocked in the clear: nftables rejected the rules ({reason})")
            )


def traffic_of(child: ChildSa) -> list[Traffic]:
    """The traffic that only ``child`` may carry. If other peers may share the address of its peer, the remote port is
    any: local programs see the peers at ports other than those that they use.
    """
    any_port = child.shares_address and child.local.port
    remote = replace(child.remote, port=0) if any_port else child.remote
    return [(local, remote) for local in child.locals]


def table_name(name: str) -> str:
    """The name of the table, of the family ``inet``, for the tunnels of the device ``name``."""
    return f"ikev1-{name}"


def forget(device: str) -> bool:
    """Remove the table of an earlier process. Returns whether there was one.

    Raises:
        PlaneError: the table may remain, and drop packets.
    """
    try:
        kernel = Nftables()
    except OSError:  # without nf_tables there is none
        return False
    try:
        kernel.commit([layout.delete_table(table_name(device))])
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):
            return False
        raise PlaneError(f"nftables: table inet {table_name(device)}: {error}") from error
    else:
        return True
    finally:
        kernel.close()
