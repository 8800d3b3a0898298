"""A gateway of remote users: an engine with the daemon's pools, a store that outlives both, and slow backends."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, AssignAddresses, CheckUser, Forget, Keep, ReleaseAddresses
from ikev1.core.records.answers import UserChecked
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
)
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.remote_access.address_desk import AddressDesk, owner_of
from ikev1.daemon.remote_access.pools import Pools
from ikev1.daemon.remote_access.saved_leases import SavedLeases
from ikev1.store import Lease
from playbook import Datagram, Peer
from simulated.invariants import Violation

if TYPE_CHECKING:
    from simulated.remote_world import RemoteWorld

PASSWORD, CODE = b"the password of ", b"the code of "
_MOST_OCTETS = 150_000  # of all that the engine knows, for three clients


class LeaseStore:
    """The leases on a disk."""

    def __init__(self) -> None:
        self.leases: dict[str, Lease] = {}

    def write_leases(self, changed: Iterable[Lease], forgotten: Iterable[str]) -> None:
        """As `ikev1.store.Store`."""
        self.leases |= {lease.address: lease for lease in changed}
        for address in forgotten:
            self.leases.pop(address, None)

    def read_leases(self) -> list[Lease]:
        """As `ikev1.store.Store`."""
        return list(self.leases.values())


class _KilledError(BaseException):
    """The process ends here."""


class RemoteGateway(Peer):
    """The gateway.

    Attributes:
        is_down: no process runs.
        accepted: the ISAKMP SAs, by their cookies, and the users that a backend accepted for them.
        checked: how many attempts were checked.
        fickle: the share of the attempts to which a backend says nothing useful, or asks for more.
    """

    def __init__(self, world: RemoteWorld, address: str, settings: Settings) -> None:
        super().__init__(world, "gateway", address, settings)  # type: ignore[arg-type]
        self.world = world
        self.chance = Random(f"backends {world.plan.seed}")
        self.is_down = False
        self.accepted: dict[bytes, str] = {}
        self.checked = 0
        self.fickle = world.plan.fickle
        self.disk = LeaseStore()
        self._profiles = dict(world.plan.own)
        self._actions_left = math.inf
        self._down_for = 0.0
        self._opens()

    def _opens(self) -> None:
        """The pools of a new process."""
        saved = SavedLeases(self.disk, EventLog())  # type: ignore[arg-type]
        self.pools = Pools(saved, lambda: self.network.now)
        self.desk = AddressDesk(self.engine, self.pools, lambda: self.network.now)
        self.desk.resume(self.settings, self.stored.values())

    # --- the process

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrives."""
        if not self.is_down:
            super().receive(datagram)

    def get_timer(self) -> float:
        """When the engine wants to be called."""
        return math.inf if self.is_down else super().get_timer()

    def is_killed_for(self, seconds: float) -> None:
        """The process ends without a word, and another one begins after so long."""
        if not self.is_down:
            self.is_down, self._actions_left = True, math.inf
            self.world.at(seconds, self._goes_on)

    def is_killed_in_store(self, actions: int, seconds: float) -> None:
        """The process ends when it has done ``actions`` more."""
        self._actions_left, self._down_for = actions, seconds

    def is_not_killed(self) -> None:
        """What `is_killed_in_store` said does not happen any more."""
        self._actions_left = math.inf

    def is_given(self, settings: Settings) -> None:
        """The operator changes the configuration."""
        if not self.is_down:
            self.settings = settings
            self.pools.adopt(settings.pools)
            super().is_given(settings)

    def _goes_on(self) -> None:
        self.is_down = False
        known = {child.inbound.spi for sa in self.stored.values() for child in sa.children}
        both = {child.inbound.spi for child in self.outbound.values()}
        alive = known & set(self.inbound) & both if self.world.plan.keeps_esp else set()
        self.engine = Engine(self.settings, self.random)
        self.inbound = {spi: child for spi, child in self.inbound.items() if spi in alive}
        self.outbound = {key: child for key, child in self.outbound.items() if child.inbound.spi in alive}
        self._opens()
        stored = list(self.stored.values())
        self.does(lambda engine: engine.restore(stored, self.network.now, alive))

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """Have the engine do something, and do what it asks for then, as the daemon does."""
        if self.is_down:
            return
        try:
            pending = deque(self._written(wish(self.engine)))
            while pending:
                pending.extendleft(reversed(self._written(self._done(pending.popleft()))))
        except _KilledError:
            self.is_killed_for(self._down_for)
            return
        self._check()
        self.holds()
        self.world.read(self)

    def wishes(self, wish: Callable[[Engine, int, float], list[Action]], number: int) -> None:
        """Call a method of the engine for the SA of this number."""
        self.does(lambda engine: wish(engine, number, self.network.now))

    def _done(self, action: Action) -> list[Action]:
        self._actions_left -= 1
        if self._actions_left < 0:
            raise _KilledError
        match action:
            case Keep() | Forget():
                return []  # `_written` did it
            case AssignAddresses():
                return self.desk.assign(action)
            case ReleaseAddresses():
                self.desk.release(action)
                return []
            case CheckUser():
                self.checked += 1
                self._checks_later(action)
                return []
        answer = self._perform(action, None)
        return [] if answer is None else self._answered(action.request, answer)  # type: ignore[union-attr]

    def _written(self, actions: list[Action]) -> list[Action]:
        """What the store is to have is in it before anything else happens."""
        changes = [action for action in actions if isinstance(action, (Keep, Forget))]
        if changes and self._actions_left <= 0:
            raise _KilledError
        for change in changes:
            if isinstance(change, Keep):
                self.stored[change.sa.cookies] = change.sa
            else:
                self.stored.pop(change.sa.cookies, None)
        return actions

    # --- backends

    def _checks_later(self, question: CheckUser) -> None:
        verdict, asking = self._verdict(question.attempt), self.engine

        def tells() -> None:
            if self.engine is not asking:
                return  # another process
            if isinstance(verdict, Accepted) and question.request in self._open_questions():
                self.accepted[question.sa.cookies] = verdict.user.name
            self.does(lambda engine: engine.answered(question.request, UserChecked(verdict), self.network.now))

        self.world.at(self.chance.uniform(0, self.world.plan.late), tells)

    def _open_questions(self) -> set[int]:
        return {question.request for question in self.engine.questions() if isinstance(question, CheckUser)}

    def _verdict(self, attempt: XauthAttempt) -> Verdict:
        if attempt.state:
            right = attempt.state == attempt.user.encode() and attempt.passcode == CODE + attempt.user.encode()
        elif self.chance.random() < self.fickle:
            return Unavailable("out of order")
        else:
            right = attempt.password == PASSWORD + attempt.user.encode()
            if right and self.chance.random() < self.fickle:
                return Challenged(Prompt.PASSCODE, state=attempt.user.encode())
        if not right:
            return Rejected("wrong")
        return Accepted(User(attempt.user, address=self._profiles.get(attempt.user, "")))

    # --- what must hold all the time

    def holds(self) -> None:
        """Check the invariants.

        Raises:
            Violation: one of them does not hold.
        """
        has: dict[str, list[IkeSa]] = {}
        for sa in self.engine.sas.values():
            if sa.children:
                self._is_entitled(sa)
            for address in sa.assigned_addresses:
                has.setdefault(address, []).append(sa)
        for address, holders in has.items():
            owners = {owner_of(sa) for sa in holders}
            # An ISAKMP SA inherits addresses of one from the same port, perhaps before its peer proves to be elsewhere:
            # then it has no pairs while that one has some
            used = (sa for sa in holders if sa.state is not IkeState.DELETED and (sa.children or sa.heir))
            clients = {sa.peer for sa in used if sa.peer is not None}
            lease = self.pools.leases.get(address)
            if len(owners) > 1 or len(clients) > 1:
                raise Violation(f"{address} is leased to {owners or clients}")
            if lease is None or not lease.online or (lease.owner, lease.is_user) not in owners:
                raise Violation(f"{address} of {owners} has the lease {lease}")
        for address, lease in self.pools.leases.items():
            if lease.online and address not in has:
                raise Violation(f"{address} is still leased to {lease.owner}, who is gone")
            stored = self.disk.leases.get(address)
            if stored is None or (stored.owner, stored.is_user) != (lease.owner, lease.is_user):
                raise Violation(f"the store has another lease of {address}")
        most = self.world.plan.pool + len(self.world.plan.own)
        if len(self.pools.leases) > most:
            raise Violation(f"{len(self.pools.leases)} leases of {most} addresses")

    def is_bounded(self) -> None:
        """Check what the engine knows.

        Raises:
            Violation: it is too much.
        """
        if len(self.engine.dump()) > _MOST_OCTETS:
            raise Violation("the engine knows too much")

    def _is_entitled(self, sa: IkeSa) -> None:
        """A client has pairs only after a backend accepted its user, and only for its own virtual address."""
        if sa.user is None or sa.xauth is not None:
            raise Violation(f"#{sa.unique_id} has pairs without XAUTH")
        if self.accepted.get(sa.cookies) != sa.user.name:
            raise Violation(f"#{sa.unique_id} has pairs of {sa.user.name}, whom no backend accepted for it")
        for child in sa.children:
            remote = str(child.remote.network).partition("/")[0]
            if remote not in sa.assigned_addresses:
                raise Violation(f"pair #{child.unique_id} of {sa.user.name} is for {remote}")
