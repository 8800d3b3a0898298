"""What a world of remote users consists of and what happens in it, as a value."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from ikev1.core.records.settings import Unique
from simulated.plan import Fault

LINK_FAULTS = ("loss", "duplication", "reordering", "delay", "outage")
CLIENT_FAULTS = ("vanishes", "moves", "leaves", "is-closed", "rebind")
GATEWAY_FAULTS = ("kill", "kill-in-store", "reload")
FAULTS = (*LINK_FAULTS, *CLIENT_FAULTS, *GATEWAY_FAULTS)
ANY = "0.0.0.0"


class RemotePlan(NamedTuple):
    """A gateway and its clients.

    Attributes:
        seed: decides every key and cookie, what links do, and how fast users are checked.
        users: the user of each client; two clients may have the same one.
        pool: how many addresses the pool has.
        push: whether the gateway begins mode config.
        aggressive: whether phase 1 is Aggressive Mode.
        unique: what a second client of a user does to the first one.
        behind_nat: how many of the clients are behind the same NAT, counted from the first.
        own: users with an address of their own in their profile, and that address.
        suggests: the address that each client suggests.
        wrong: how many wrong passwords each client gives first.
        attempts: how many the gateway allows under one ISAKMP SA.
        late: seconds within which a backend answers.
        fickle: the share of the attempts to which a backend says nothing useful, or asks for more.
        faults: what happens, in order.
        duration: seconds in which faults happen.
        keeps_esp: whether the IPsec SAs of the gateway outlive its process.
    """

    seed: int
    users: tuple[str, ...]
    pool: int
    push: bool = False
    aggressive: bool = False
    unique: Unique = Unique.REPLACE
    behind_nat: int = 0
    own: tuple[tuple[str, str], ...] = ()
    suggests: tuple[str, ...] = ()
    wrong: tuple[int, ...] = ()
    attempts: int = 1
    late: float = 0.0
    fickle: float = 0.0
    faults: tuple[Fault, ...] = ()
    duration: float = 60.0
    keeps_esp: bool = False

    @property
    def all_fit(self) -> bool:
        """Whether all clients can be connected at the same time, whoever comes first."""
        shared = {user for user in self.users if self.users.count(user) > 1}
        own = {user for user, _ in self.own}
        room = self.pool >= len(self.users) + len(own)
        return room and (not shared or (self.unique is Unique.NEVER and not shared & own))


def remote_plan(seed: int, faults: tuple[str, ...] = FAULTS) -> RemotePlan:
    """The plan of this seed."""
    random = Random(f"remote {seed}")
    clients = random.choice((1, 2, 2, 3))
    users = tuple(f"user{random.randrange(clients) if random.random() < 0.3 else number}" for number in range(clients))
    duration = random.choice((30.0, 60.0))
    own = tuple((f"user{number}", f"10.99.0.{10 + number}") for number in range(clients) if random.random() < 0.15)
    happens = sorted(_fault(random, faults, clients, duration) for _ in range(random.randint(0, 4)))
    return RemotePlan(
        seed,
        users,
        random.choice((1, clients, 2 * clients, 2 * clients, 2 * clients)),
        push=random.random() < 0.4,
        aggressive=random.random() < 0.4,
        unique=random.choice(list(Unique)),
        behind_nat=random.choice((0, 0, clients, clients - 1)),
        own=own,
        suggests=tuple(f"10.99.0.{random.randint(10, 13)}" if random.random() < 0.2 else ANY for _ in users),
        wrong=tuple(random.choice((0, 0, 0, 1, 2)) for _ in users),
        attempts=random.choice((1, 3)),
        late=random.choice((0.0, 0.5, 5.0)),
        fickle=random.choice((0.0, 0.0, 0.2)),
        faults=tuple(happens),
        duration=duration,
        keeps_esp=random.random() < 0.5,
    )


def _fault(random: Random, faults: tuple[str, ...], clients: int, duration: float) -> Fault:
    at = random.uniform(0, 3) if random.random() < 0.3 else random.uniform(0, duration)
    kind, who = random.choice(faults), f"client{random.randrange(clients)}"
    if kind in LINK_FAULTS:
        share = random.uniform(0.05, 0.5) if kind != "delay" else random.choice((0.01, 0.3, 3.0))
        return Fault(at, kind, who, random.uniform(1, 20), share)
    if kind in GATEWAY_FAULTS:
        return Fault(at, kind, "gateway", random.choice((0.0, 1.0, 10.0)), float(random.randint(0, 12)))
    return Fault(at, kind, who, random.choice((0.0, 2.0, 15.0)))
