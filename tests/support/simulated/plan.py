"""What a world consists of and what happens in it, as a value: the repr of a plan makes the same world again."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

KINDS = ("ours", "charon", "pluto", "windows", "cisco")
"""How a spoke behaves: see `simulated.models`."""

LINK_FAULTS = ("loss", "duplication", "reordering", "delay", "outage", "mtu")
NODE_FAULTS = ("kill", "kill-in-store", "reload", "rekey-ike", "rekey-child", "close-child", "close-ike", "rebind")
FAULTS = (*LINK_FAULTS, *NODE_FAULTS)
AMNESIA = "amnesia"
"""A node that loses its process, its store and its kernel: only who asks it notices. It is not among `FAULTS`."""


class Spoke(NamedTuple):
    """A peer of the hub.

    Attributes:
        kind: one of `KINDS`.
        calls: whether the spoke brings the tunnel up; otherwise the hub does.
        aggressive: whether phase 1 is Aggressive Mode.
        behind_nat: whether a NAT hides it.
        ike_lifetime: seconds.
        child_lifetime: seconds.
        clock: what its clock shows more than that of the world, in seconds.
        rate: how many seconds its clock goes on in one second.
        keeps_esp: whether its IPsec SAs outlive its process, as in a kernel.
        tunnels: how many, 1 or 2.
    """

    kind: str = "ours"
    calls: bool = True
    aggressive: bool = False
    behind_nat: bool = False
    ike_lifetime: int = 900
    child_lifetime: int = 300
    clock: float = 0.0
    rate: float = 1.0
    keeps_esp: bool = False
    tunnels: int = 1


class Fault(NamedTuple):
    """Something that happens.

    Attributes:
        at: seconds after the beginning.
        kind: one of `FAULTS`.
        who: the name of the node that it happens to; for a fault of the link, the spoke at its end.
        seconds: how long it lasts: the link is bad, or the node is down.
        share: of the datagrams, for faults of the link; for "kill-in-store" the number of writes until then.
    """

    at: float
    kind: str
    who: str
    seconds: float = 0.0
    share: float = 0.0

    @property
    def ends_at(self) -> float:
        """When it is over."""
        return self.at + self.seconds


class Plan(NamedTuple):
    """A world.

    Attributes:
        seed: decides every key, SPI and cookie, what a bad link does, and when packets are sent.
        spokes: the peers of the hub, ``spoke0`` and so on.
        faults: what happens, in order.
        duration: seconds in which faults happen; time to heal follows.
        idle: times within which nobody sends a packet.
        hub_keeps_esp: whether the IPsec SAs of the hub outlive its process.
        brisk: whether exchanges are repeated sooner and given up sooner than by default.
    """

    seed: int
    spokes: tuple[Spoke, ...]
    faults: tuple[Fault, ...] = ()
    duration: float = 1200.0
    idle: tuple[tuple[float, float], ...] = ()
    hub_keeps_esp: bool = False
    brisk: bool = False


def brisk_plan(seed: int, kinds: tuple[str, ...] = KINDS, faults: tuple[str, ...] = FAULTS) -> Plan:
    """A small plan: one spoke and short lives, so that many can be played in little time."""
    random = Random(f"brisk {seed}")
    spoke = _spoke(random, kinds, (150, 200, 400), (60, 100))
    duration = random.choice((40.0, 100.0))
    happens = sorted(_fault(random, faults, ["spoke0"], (spoke,), duration, 0.2) for _ in range(random.randint(1, 4)))
    return Plan(seed, (spoke,), tuple(happens), duration, (), random.random() < 0.5, brisk=True)


def short_plan(seed: int, kinds: tuple[str, ...] = KINDS, faults: tuple[str, ...] = FAULTS) -> Plan:
    """The smallest plan: one spoke whose SAs outlive the world, so that only faults have it negotiate again."""
    random = Random(f"short {seed}")
    spoke = _spoke(random, kinds, (600,), (120,))
    happens = sorted(_fault(random, faults, ["spoke0"], (spoke,), 15.0, 0.1) for _ in range(random.randint(1, 3)))
    return Plan(seed, (spoke,), tuple(happens), 15.0, (), random.random() < 0.5, brisk=True)


def with_two_tunnels(plan: Plan) -> Plan:
    """The same plan with two tunnels to each spoke."""
    return plan._replace(spokes=tuple(spoke._replace(tunnels=2) for spoke in plan.spokes))


def random_plan(seed: int, kinds: tuple[str, ...] = KINDS, faults: tuple[str, ...] = FAULTS) -> Plan:
    """The plan of this seed: up to three spokes, and hours of their lives in minutes.

    Args:
        seed: another one is another plan.
        kinds: which spokes may be in it.
        faults: what may happen.
    """
    random = Random(f"plan {seed}")
    spokes = tuple(
        _spoke(random, kinds, (200, 400, 900), (90, 150, 300)) for _ in range(random.choices((1, 2, 3), (6, 3, 1))[0])
    )
    duration = random.choice((300.0, 600.0, 1000.0))
    names = [f"spoke{number}" for number in range(len(spokes))]
    happens = sorted(_fault(random, faults, names, spokes, duration, 1.0) for _ in range(random.randint(0, 6)))
    idle = tuple(
        (begin, min(begin + random.uniform(100, 600), duration))
        for begin in sorted(random.uniform(0, duration) for _ in range(random.choice((0, 0, 1))))
    )
    return Plan(seed, spokes, tuple(happens), duration, idle, random.random() < 0.5)


def _spoke(random: Random, kinds: tuple[str, ...], ike: tuple[int, ...], child: tuple[int, ...]) -> Spoke:
    behind_nat = random.random() < 0.25
    return Spoke(
        kind=random.choice(kinds),
        calls=behind_nat or random.random() < 0.5,
        aggressive=random.random() < 0.25,
        behind_nat=behind_nat,
        ike_lifetime=random.choice(ike),
        child_lifetime=random.choice(child),
        clock=random.choice((0.0, -3600.0, 7200.0, 3e8)),
        rate=random.choice((1.0, 1.0, 0.999, 1.001)),
        keeps_esp=random.random() < 0.5,
    )


def _fault(
    random: Random, faults: tuple[str, ...], names: list[str], spokes: tuple[Spoke, ...], duration: float, long: float
) -> Fault:
    """Something that happens; ``long`` makes it last longer."""
    at, number = random.uniform(1, duration), random.randrange(len(names))
    if random.random() < 0.15:  # while the tunnels come up
        at = random.uniform(0, 2)
    kind = random.choice(faults)
    if kind == "rebind" and not spokes[number].behind_nat:
        kind = "outage" if "outage" in faults else "reload"
    if kind in LINK_FAULTS:
        seconds = (
            random.uniform(0.1, 20) if kind == "outage" and random.random() < 0.7 else random.uniform(5, 300) * long
        )
        share = random.uniform(0.05, 0.5) if kind != "delay" else random.choice((0.01, 0.3, 3.0, 20.0))
        return Fault(at, kind, names[number], seconds, share)
    who = "hub" if kind != "rebind" and random.random() < 0.4 else names[number]
    if kind in ("kill", AMNESIA):
        return Fault(at, kind, who, random.choice((0.0, 1.0, 30.0, 200.0)) * long)
    if kind == "kill-in-store":
        return Fault(at, kind, who, random.choice((0.0, 5.0)), float(random.randint(0, 5)))
    return Fault(at, kind, who)
