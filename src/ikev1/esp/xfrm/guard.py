"""Policies: one set for all pairs, and all traps, of the same packets.

The newest pair that sends is what the outbound policy names, by its SPI: so a rekey switches when we say so, in one
step of the kernel, and an older pair takes over again when a newer one goes. Inbound policies name a reqid, which all
these pairs share. Where there is no pair but a trap, its templates stand in the policy and no state fits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from ikev1.esp.networks import encloses
from ikev1.esp.plane import PlaneError
from ikev1.esp.routes import Routes
from ikev1.esp.rtnetlink import Hop
from ikev1.esp.xfrm.owner import Owner, PolicyNote, RouteNote
from ikev1.esp.xfrm.policy import Direction, PolicyId, Template, neighbour_discovery, selectors
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.translate import Flows

__all__ = ["Bearer", "Guard"]

_OURS = 0x8000_0000  # of 32 bits; people and other daemons count from 1
_NUMBER_SHIFT = 23  # then 8 bits: the number of the owner's file
_LAST = (1 << _NUMBER_SHIFT) - 1

Policy = tuple[PolicyId, Sequence[Template]]
Key = int | tuple[str, str]  # the inbound SPI of a pair; connection and tunnel of a trap


class Bearer(NamedTuple):
    """Who carries the packets of some flows, or would: a pair of IPsec SAs, or a trap."""

    inbound: tuple[Template, ...]
    outbound: tuple[Template, ...]  # empty: it does not send yet
    peer: str  # where routes lead; empty: none are needed
    trap: bool = False


class _Group:
    """All that share the policies of one `Flows`."""

    __slots__ = ("bearers", "hop", "inbound", "outbound", "reqid")

    def __init__(self, reqid: int) -> None:
        self.reqid = reqid
        self.bearers: dict[Key, Bearer] = {}  # the newest last
        self.inbound: tuple[Template, ...] = ()  # what the kernel has; empty: no policy
        self.outbound: tuple[Template, ...] = ()
        self.hop: Hop | None = None  # to which the routes lead

    def newest(self, *, sends: bool) -> tuple[Key, Bearer] | None:
        """Who should be in the policies: a pair before any trap."""
        found = [item for item in self.bearers.items() if item[1].outbound or not sends]
        return next((item for item in reversed(found) if not item[1].trap), found[-1] if found else None)


class Guard:
    """The policies of one gateway, and the routes that bring packets to them.

    Raises:
        PlaneError: another program has policies for the same packets, or the owner's file cannot be written.
        OSError: the kernel refused.
    """

    def __init__(self, xfrm: Xfrm, routes: Routes, owner: Owner) -> None:
        self._xfrm = xfrm
        self._routes = routes
        self._owner = owner
        self._groups: dict[Flows, _Group] = {}
        self._flows: dict[int, Flows] = {}  # by reqid
        self._first = _OURS | owner.number << _NUMBER_SHIFT
        self._next = 1
        self._neighbour_discovery: list[PolicyId] = []
        self._spared: dict[PolicyId, set[Flows]] = {}  # and for whom

    def is_ours(self, reqid: int) -> bool:
        """Whether this gateway, or one before it with the same file, gave the number out."""
        return self._first < reqid <= self._first + _LAST

    def reqid(self, flows: Flows) -> int:
        """The number that binds the states of ``flows`` to their policies; given back by `detach`."""
        group = self._groups.get(flows)
        return group.reqid if group else self._add_group(flows, self._unused()).reqid

    def resume(self, flows: Flows, reqid: int) -> bool:
        """Go on with the number that states of an earlier process bear; False if that cannot be."""
        if flows not in self._groups and reqid not in self._flows:
            self._add_group(flows, reqid)
        return self._flows.get(reqid) == flows

    def bearer(self, reqid: int) -> Key | None:
        """The key of who carries, or should, the packets of the policies with this number."""
        flows = self._flows.get(reqid)
        newest = self._groups[flows].newest(sends=True) if flows else None
        return newest[0] if newest else None

    def policies(self) -> set[PolicyId]:
        """All that there are."""
        named = {id for flows in self._groups for id in (*_inbound_ids(flows), *_outbound_ids(flows))}
        return named.union(self._neighbour_discovery, self._spared)

    def attach(self, flows: Flows, key: Key, bearer: Bearer) -> None:
        """Let ``bearer`` carry the packets of ``flows``; if that fails, all stays as it was.

        One that is attached already keeps its place, unless it begins to send: then it goes before all others.
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

    def close(self) -> None:
        """Take away what is left when nobody is attached any more."""
        for id in self._neighbour_discovery:
            self._xfrm.delete_policy(id)
        self._owner.strike(*(PolicyNote(id, 0) for id in self._neighbour_discovery))
        self._neighbour_discovery = []

    def detach(self, flows: Flows, key: Key) -> None:
        """Let another carry the packets; without one the policies go."""
        group = self._groups.get(flows)
        if group is not None:
            group.bearers.pop(key, None)
            self._refresh(flows, group)
            self._drop_if_empty(flows, group)

    def _refresh(self, flows: Flows, group: _Group) -> None:
        """Bring the kernel in line with who should be in the policies."""
        if flows.local.version == 6 and not self._neighbour_discovery:
            self._neighbour_discovery = self._let_pass(neighbour_discovery())
        if group.bearers:
            self._spare(flows)
        receiving, sending = group.newest(sends=False), group.newest(sends=True)
        inbound = receiving[1].inbound if receiving else ()
        outbound = sending[1].outbound if sending else ()
        self._replace(_inbound_ids(flows), group.reqid, group.inbound, inbound)
        group.inbound = inbound
        self._replace(_outbound_ids(flows), group.reqid, group.outbound, outbound)
        group.outbound = outbound
        hop = self._hop(flows, sending[1].peer if sending else "")
        if hop != group.hop:
            self._route(flows, group, hop)
        if not group.bearers:
            self._spare_no_more(flows)

    def _spare(self, flows: Flows) -> None:
        """Let pass what stays inside the local network, though the remote one takes it in; in user space routes do."""
        ids = _inner_ids(flows)
        self._spared |= {id: set() for id in self._let_pass([id for id in ids if id not in self._spared])}
        for id in ids:
            if id in self._spared:
                self._spared[id].add(flows)

    def _spare_no_more(self, flows: Flows) -> None:
        for id in _inner_ids(flows):
            users = self._spared.get(id, set())
            users.discard(flows)
            if id in self._spared and not users:
                del self._spared[id]
                self._xfrm.delete_policy(id)
                self._owner.strike(PolicyNote(id, 0))

    def _replace(self, ids: list[PolicyId], reqid: int, old: tuple[Template, ...], new: tuple[Template, ...]) -> None:
        if old == new:
            return
        notes = [PolicyNote(id, reqid) for id in ids]
        if not new:
            for id in ids:
                self._xfrm.delete_policy(id)
            self._owner.strike(*notes)
        elif old:
            self._xfrm.put_policies([(id, new) for id in ids])
        else:
            self._owner.note(*notes)
            self._add([(id, new) for id in ids], reqid)

    def _add(self, policies: list[Policy], reqid: int) -> None:
        """Add policies where there are none, or such as an earlier process of ours left."""
        there = self._xfrm.add_policies(policies)
        whose = {other for id in there for other in self._xfrm.policy_reqids(id) or (0,)}
        if any(other != reqid and (other in self._flows or not self.is_ours(other)) for other in whose):
            for id, _ in policies:
                if id not in there:
                    self._xfrm.delete_policy(id)
            self._owner.strike(*(PolicyNote(id, reqid) for id, _ in policies))
            who = "another tunnel" if whose & self._flows.keys() else "another program"
            raise PlaneError(f"{who} has an IPsec policy for the same packets: see `ip xfrm policy`")
        self._xfrm.put_policies([policy for policy in policies if policy[0] in there])

    def _let_pass(self, ids: list[PolicyId]) -> list[PolicyId]:
        """Add policies without templates; those that others have for these packets stay, and do not come back."""
        self._owner.note(*(PolicyNote(id, 0) for id in ids))
        there = self._xfrm.add_policies([(id, ()) for id in ids])
        left = [id for id in there if PolicyNote(id, 0) in self._owner.left and self._xfrm.policy_reqids(id) == ()]
        others = [id for id in there if id not in left]
        self._owner.strike(*(PolicyNote(id, 0) for id in others))
        return [id for id in ids if id not in others]

    def _hop(self, flows: Flows, peer: str) -> Hop | None:
        return self._routes.hop_towards(peer) if peer and not any(_steered(flows)) else None

    def _route(self, flows: Flows, group: _Group, hop: Hop | None) -> None:
        notes = [RouteNote(network) for network in self._routes.networks(flows.local, flows.remote)]
        if hop is None:
            self._routes.release(flows)
            self._owner.strike(*(note for note in notes if not self._routes.routed(note.network)))
        else:
            self._owner.note(*notes)
            self._routes.hold(flows, flows.local, flows.remote, hop)
        group.hop = hop

    def _add_group(self, flows: Flows, reqid: int) -> _Group:
        group = self._groups[flows] = _Group(reqid)
        self._flows[reqid] = flows
        return group

    def _drop_if_empty(self, flows: Flows, group: _Group) -> None:
        if not group.bearers:
            self._groups.pop(flows, None)
            self._flows.pop(group.reqid, None)

    def _unused(self) -> int:
        while self._first + self._next in self._flows:
            self._next = self._next % _LAST + 1
        reqid = self._first + self._next
        self._next = self._next % _LAST + 1
        return reqid


def _steered(flows: Flows) -> tuple[int, ...]:
    """Marks and interface IDs: with them it is the operator who brings packets to the policies."""
    steering = flows.steering
    return steering.mark_in.mask, steering.mark_out.mask, steering.if_id_in, steering.if_id_out


def _inner_ids(flows: Flows) -> list[PolicyId]:
    """Of the packets that never leave the local network, where the remote one takes it in."""
    if not encloses(flows.remote, flows.local):
        return []
    inner = flows._replace(remote=flows.local)
    return [*_inbound_ids(inner), *_outbound_ids(inner)]


def _outbound_ids(flows: Flows) -> list[PolicyId]:
    steering = flows.steering
    return [
        PolicyId(Direction.OUT, selector, steering.mark_out, steering.if_id_out)
        for selector in selectors(flows.local, flows.remote)
    ]


def _inbound_ids(flows: Flows) -> list[PolicyId]:
    steering = flows.steering
    return [
        PolicyId(direction, selector, steering.mark_in, steering.if_id_in)
        for selector in selectors(flows.remote, flows.local)
        for direction in (Direction.IN, Direction.FORWARD)
    ]
