"""Policies: one set for all pairs, and all traps, of the same packets.

The outbound policy names the newest pair that sends, by its SPI. A rekey therefore switches at a time that we choose,
atomically in the kernel, and an older pair is used again if a newer one is removed. Inbound policies name a reqid,
which all these pairs share. If there is a trap but no pair, the policy has the templates of the trap, which no state
matches.

Protected traffic without a pair or a trap is dropped (`spd`), with a lower priority than the policies of all pairs and
traps.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from contextlib import suppress
from typing import NamedTuple

from ikev1.esp.inner import Flow, matches
from ikev1.esp.networks import encloses
from ikev1.esp.plane import PlaneError
from ikev1.esp.reach import Reach
from ikev1.esp.routes import Routes
from ikev1.esp.xfrm.ownership_file import OwnershipFile, RouteNote
from ikev1.esp.xfrm.policy import Direction, PolicyId, Template, neighbour_discovery, selectors
from ikev1.esp.xfrm.spd import Spd
from ikev1.esp.xfrm.translate import Flows

Key = int | tuple[str, str]  # the inbound SPI of a pair; connection and tunnel of a trap


class Bearer(NamedTuple):
    """A pair of IPsec SAs, or a trap, for the packets of some flows."""

    inbound: tuple[Template, ...]
    outbound: tuple[Template, ...]  # empty: it does not send yet, or is a trap
    peer: str  # the peer to which routes lead; empty: no routes are needed
    trap: bool = False


class _Group:
    """The pairs and traps that share the policies of one `Flows`."""

    __slots__ = ("bearers", "inbound", "outbound", "peer", "reqid")

    def __init__(self, reqid: int) -> None:
        self.reqid = reqid
        self.bearers: dict[Key, Bearer] = {}  # the newest last
        self.inbound: tuple[Template, ...] = ()  # templates in the kernel; empty: no policy
        self.outbound: tuple[Template, ...] = ()
        self.peer = ""  # to which the routes lead; empty: there are none

    def newest(self, *, sends: bool) -> tuple[Key, Bearer] | None:
        """The bearer that the policies should name; pairs are preferred to traps."""
        found = [item for item in self.bearers.items() if item[1].outbound or not sends]
        return next((item for item in reversed(found) if not item[1].trap), found[-1] if found else None)


class PolicySets:
    """The policies of one gateway, and the routes that lead packets to them.

    Raises:
        PlaneError: another program has policies for the same packets, or the ownership file cannot be written.
        OSError: the kernel refused.
    """

    def __init__(self, spd: Spd, routes: Routes, owner: OwnershipFile) -> None:
        self._spd = spd
        self._routes = routes
        self._owner = owner
        self._groups: dict[Flows, _Group] = {}
        self._flows: dict[int, Flows] = {}  # by reqid
        self._neighbour_discovery: list[PolicyId] = []
        self._spared: dict[PolicyId, set[Hashable]] = {}  # and the users of each
        self._protected: dict[Flows, frozenset[PolicyId]] = {}
        self._foreign: set[PolicyId] = set()  # those of them that another program has
        self._exempt: frozenset[PolicyId] = frozenset()
        self._dropped: frozenset[PolicyId] = frozenset()
        self._drops_v6 = False

    def was_ours(self, reqid: int) -> bool:
        """Whether an earlier process with the same file has left states or policies with the reqid."""
        return self._spd.was_ours(reqid)

    def reqid(self, flows: Flows) -> int:
        """The reqid that binds the states of ``flows`` to their policies; `detach` releases it."""
        group = self._groups.get(flows)
        return group.reqid if group else self._add_group(flows, self._unused()).reqid

    def resume(self, flows: Flows, reqid: int) -> bool:
        """Reuse the reqid of states of an earlier process; False if it is in use otherwise."""
        if flows not in self._groups and reqid not in self._flows:
            self._add_group(flows, reqid)
        return self._flows.get(reqid) == flows

    def bearer(self, reqid: int, flow: Flow) -> Key | None:
        """The key of the bearer of the policies with this reqid, if they are about ``flow``: other programs may have
        the same reqids.
        """
        flows = self._flows.get(reqid)
        newest = self._groups[flows].newest(sends=True) if flows and _includes(flows, flow) else None
        return newest[0] if newest else None

    def attach(self, flows: Flows, key: Key, bearer: Bearer) -> None:
        """Use ``bearer`` for the packets of ``flows``. If this fails, nothing has changed.

        A bearer that is already attached keeps its place, unless it begins to send: then it is preferred to all others.
        """
        self.reqid(flows)
        group = self._groups[flows]
        before = dict(group.bearers)
        if key in group.bearers and not group.bearers[key].outbound and bearer.outbound:
            del group.bearers[key]
        group.bearers[key] = bearer
        try:
            self._refresh(flows, group)
        except (PlaneError, OSError):
            group.bearers = before
            with suppress(PlaneError, OSError):  # the first refusal is the one that says why
                self._refresh(flows, group)
            self._drop_if_empty(flows, group)
            raise

    def protect(self, traffic: Collection[Flows]) -> int:
        """Let exactly these packets pass through tunnels only; this replaces the packets of an earlier call.

        Returns the number of those for which another program has a policy, which stays.
        """
        wanted = {flows: self._protected.get(flows) or _ids(flows) for flows in traffic}
        added, gone = wanted.keys() - self._protected.keys(), self._protected.keys() - wanted.keys()
        before = set().union(*self._protected.values())
        ids = set().union(*wanted.values())
        try:
            for flows in added:
                self._spare(flows, (flows,))
            self._foreign = self._spd.discard((ids - before) | (self._foreign & ids))
        except (PlaneError, OSError):
            for flows in added:
                with suppress(PlaneError, OSError):  # the first refusal is the one that says why
                    self._spare_no_more(flows, (flows,))
            raise
        self._protected = wanted
        self._spd.discard_no_more(before - ids - self._dropped)
        for flows in gone:
            self._spare_no_more(flows, (flows,))
        return len(self._foreign)

    def shunt(self, passing: Collection[Flows], dropping: Collection[Flows]) -> int:
        """Let exactly the packets of ``passing`` pass unprotected, before all tunnels, and drop those of ``dropping``
        that no tunnel carries; this replaces the packets of an earlier call.

        Returns the number of policies for which another program has one, which stays.
        """
        exempt, dropped = (frozenset[PolicyId]().union(*map(_ids, each)) for each in (passing, dropping))
        self._drops_v6 = any(flows.local.version == 6 for flows in dropping)
        if self._drops_v6:
            self._spare_neighbour_discovery()
        foreign = self._spd.exempt(exempt - self._exempt)
        protected = set().union(*self._protected.values())
        foreign |= self._spd.discard(dropped - self._dropped - protected)
        self._spd.exempt_no_more(self._exempt - exempt)
        self._spd.discard_no_more(self._dropped - dropped - protected)
        self._exempt, self._dropped = exempt - foreign, dropped - foreign
        return len(foreign)

    def close(self) -> None:
        """Remove what is left once nothing is attached, except the policies of `protect` and `shunt`."""
        if not self._drops_v6 and not any(flows.local.version == 6 for flows in self._protected):
            self._spd.bypass_no_more(self._neighbour_discovery)
            self._neighbour_discovery = []

    def detach(self, flows: Flows, key: Key) -> None:
        """Use another bearer for the packets; without one, the policies are removed."""
        group = self._groups.get(flows)
        if group is not None:
            group.bearers.pop(key, None)
            self._refresh(flows, group)
            self._drop_if_empty(flows, group)

    def _refresh(self, flows: Flows, group: _Group) -> None:
        """Bring the kernel's policies in line with the bearers."""
        if group.bearers:
            self._spare(flows, flows)
        receiving, sending = group.newest(sends=False), group.newest(sends=True)
        inbound = receiving[1].inbound if receiving else ()
        outbound = sending[1].outbound if sending else ()
        self._replace(_inbound_ids(flows), group.reqid, group.inbound, inbound)
        group.inbound = inbound
        self._replace(_outbound_ids(flows), group.reqid, group.outbound, outbound)
        group.outbound = outbound
        peer = sending[1].peer if sending and not any(_steered(flows)) else ""
        if peer != group.peer:
            self._route(flows, group, peer)
        if not group.bearers:
            self._spare_no_more(flows, flows)

    def _replace(self, ids: list[PolicyId], reqid: int, old: tuple[Template, ...], new: tuple[Template, ...]) -> None:
        if new and new != old:
            self._spd.protect(ids, reqid, new)
        elif old and not new:
            self._spd.protect_no_more(ids)

    def _spare(self, flows: Flows, user: Hashable) -> None:
        """Exempt, for ``user``, the packets that a policy for ``flows`` must not match.

        These are neighbour discovery, and packets that stay inside the local network although the remote one contains
        it. In user space, routes have the same effect.
        """
        if flows.local.version == 6:
            self._spare_neighbour_discovery()
        ids = _inner_ids(flows)
        self._spared |= {id: set() for id in self._spd.bypass([id for id in ids if id not in self._spared])}
        for id in ids:
            if id in self._spared:
                self._spared[id].add(user)

    def _spare_neighbour_discovery(self) -> None:
        if not self._neighbour_discovery:
            self._neighbour_discovery = self._spd.bypass(neighbour_discovery())

    def _spare_no_more(self, flows: Flows, user: Hashable) -> None:
        for id in _inner_ids(flows):
            users = self._spared.get(id, set())
            users.discard(user)
            if id in self._spared and not users:
                self._spd.bypass_no_more([id])
                del self._spared[id]

    def _route(self, flows: Flows, group: _Group, peer: str) -> None:
        notes = [RouteNote(network) for network in self._routes.networks(flows.local, flows.remote)]
        if not peer:
            self._routes.release(flows)
            self._owner.strike(*(note for note in notes if not self._routes.routed(note.network)))
        else:
            self._owner.note(*notes)
            self._routes.hold(flows, flows.local, flows.remote, peer)
        group.peer = peer

    def confine(self, address: str, reach: Reach | None) -> None:
        """As `Routes.confine`; the routes are noted before they are added, and struck after they are removed."""
        before, after = self._routes.networks_of(address), self._routes.confined(address, reach)
        self._owner.note(*map(RouteNote, after))
        try:
            self._routes.confine(address, reach)
        finally:
            gone = (network for network in (*before, *after) if not self._routes.routed(network))
            self._owner.strike(*map(RouteNote, gone))

    def _add_group(self, flows: Flows, reqid: int) -> _Group:
        group = self._groups[flows] = _Group(reqid)
        self._flows[reqid] = flows
        return group

    def _drop_if_empty(self, flows: Flows, group: _Group) -> None:
        if not group.bearers:
            self._groups.pop(flows, None)
            self._flows.pop(group.reqid, None)

    def _unused(self) -> int:
        while (reqid := self._spd.new_reqid()) in self._flows:
            pass
        return reqid


def _includes(flows: Flows, flow: Flow) -> bool:
    """Whether ``flow`` is one of the packets that are sent."""
    return any(matches(flow, local, flows.remote) for local in flows.locals)


def _steered(flows: Flows) -> tuple[int, ...]:
    """The marks and interface IDs. If there are any, the operator leads packets to the policies, not routes of ours."""
    marks = flows.marks
    return marks.mark_in.mask, marks.mark_out.mask, marks.if_id_in, marks.if_id_out


def _inner_ids(flows: Flows) -> list[PolicyId]:
    """The policies for packets that stay inside a local network, if the remote network contains it."""
    found = [Flows(local, local, flows.marks) for local in flows.locals if encloses(flows.remote, local)]
    return [id for inner in found for id in (*_inbound_ids(inner), *_outbound_ids(inner))]


def _ids(flows: Flows) -> frozenset[PolicyId]:
    return frozenset((*_inbound_ids(flows), *_outbound_ids(flows)))


def _outbound_ids(flows: Flows) -> list[PolicyId]:
    marks = flows.marks
    return [
        PolicyId(Direction.OUT, selector, marks.mark_out, marks.if_id_out)
        for selector in dict.fromkeys(each for local in flows.locals for each in selectors(local, flows.remote))
    ]


def _inbound_ids(flows: Flows) -> list[PolicyId]:
    marks = flows.marks
    return [
        PolicyId(direction, selector, marks.mark_in, marks.if_id_in)
        for selector in dict.fromkeys(each for local in flows.locals for each in selectors(flows.remote, local))
        for direction in (Direction.IN, Direction.FORWARD)
    ]
