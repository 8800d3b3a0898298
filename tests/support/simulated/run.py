"""One plan from start to end, with the invariants checked on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from simulated.invariants import Violation, watched_ivs
from simulated.models import CONNECTION, MODELS, Model
from simulated.node import network
from simulated.plan import LINK_FAULTS, Plan
from simulated.world import Way, World

ALWAYS, LINEAGE, HEALS = "always", "lineage", "heals"
RULES = (ALWAYS, LINEAGE, HEALS)
"""What is checked: what never may happen; how many SAs there are once it is quiet; whether packets pass in the end."""

QUIET = 60.0  # seconds after the last fault
HEALING, BRISK = 300.0, 70.0  # seconds: longer than an exchange is repeated, and the pause between two calls
# Seconds from one look at the lineages to the next, and to the second look at what is wrong: the initiator of a pair
# sends with it five seconds after the peer may, and INVALID-SPI, which heals much, comes with the next packet, up to 20
# seconds later
_LOOK, _SOON = 11.0, 25.0
_KEEP_UP = 4.0  # seconds
_COLLISIONS = 3  # one after another at most
_PACKETS = (2.0, 20.0)  # seconds from one packet to the next
_MOST_OCTETS = 200_000  # of all that an engine knows, in a world of three spokes
_LINES = 70  # of the ladder in a report


def run(plan: Plan, rules: Iterable[str] = RULES, tally: Counter[str] | None = None) -> World:
    """Play a plan.

    Args:
        plan: which world.
        rules: what is checked.
        tally: gets what `World.figures` says, also if an invariant does not hold.

    Raises:
        Violation: an invariant does not hold; the text has the plan and the end of the conversation.
    """
    with watched_ivs() as ivs:
        world = World(plan, ivs)
        try:
            _play(world, frozenset(rules))
        except Exception as error:
            ladder = "\n".join(world.ladder[-_LINES:])
            kind = "" if isinstance(error, Violation) else f"{type(error).__name__}: "
            raise Violation(f"{kind}{error}\n{ladder}\n{plan}") from error
        finally:
            if tally is not None:
                tally.update(world.figures())
    return world


def _play(world: World, rules: frozenset[str]) -> None:
    plan = world.plan
    for fault in plan.faults:
        world.at(fault.at, lambda fault=fault: world.happens(fault))  # type: ignore[misc]
    if LINEAGE in rules:
        _watch_lineages(world)
    _keep_up(world)
    world.at(_PACKETS[0], lambda: _send(world))
    world.plays_until(world.began + plan.duration)
    world.write("--- the faults end")
    for name in world.spokes:  # what lasts longer than the plan
        world.mend(name)
        world.slow_links.pop(name, None)
    for node in world.peers.values():
        node.is_not_killed()
    back = max(
        (world.began + fault.ends_at for fault in plan.faults if fault.kind not in LINK_FAULTS), default=world.now
    )
    longer = 2 if any(fault.kind == "reload" for fault in plan.faults) else 1  # may be the lifetimes of a reload
    unasked = (spoke.child_lifetime * longer for spoke in plan.spokes if not MODELS[spoke.kind].ASKS)
    world.plays_until(max(world.now, back) + (BRISK if plan.brisk else HEALING) + max(unasked, default=0))
    if LINEAGE in rules:
        _check_lineages_at_last(world)
    world.lost_packets = world.sent_packets - sum(len(node.received) for node in world.peers.values())
    if HEALS in rules:
        _check_traffic(world)
    for node in world.peers.values():
        octets = len(node.engine.dump())
        if octets > _MOST_OCTETS:
            raise Violation(f"{node.name} knows {octets} octets")


def _check_lineages_at_last(world: World) -> None:
    for _ in range(_COLLISIONS):
        if world.now < world.collided_at + QUIET:
            world.plays_until(world.collided_at + QUIET)
    wrong = lineage_faults(world)
    if wrong:
        world.plays_until(world.now + _SOON)
        _raise_if_still(wrong, world)


def _raise_if_still(wrong: list[str], world: World) -> None:
    """Raise if something that was wrong is wrong again: what else is wrong now may be so during an exchange."""
    still = [fault for fault in lineage_faults(world) if fault in wrong]
    if still:
        raise Violation(still[0])


def _is_quiet(world: World) -> bool:
    """Whether nothing happened for a while. A process that is killed in its store ends later than the plan says, and in
    the middle of an exchange, which the other end repeats until it gives up. Replacing the same SA at the same time at
    both ends is like a fault.
    """
    elapsed = world.now - world.began
    dead_in_store = any(fault.kind == "kill-in-store" for fault in world.plan.faults)
    if dead_in_store and world.now - world.died_at < (BRISK if world.plan.brisk else HEALING):
        return False
    if world.now < world.collided_at + QUIET:
        return False
    return all(elapsed < fault.at or fault.ends_at + QUIET <= elapsed for fault in world.plan.faults)


# --- what goes on all the time


def _keep_up(world: World) -> None:
    """Whoever calls calls again when no pair carries its packets."""
    for number, (name, spoke) in enumerate(world.spokes.items()):
        if world.is_idle and not spoke.CALLS_WHEN_IDLE:
            continue
        if world.plan.spokes[number].calls:
            for way in world.ways[name]:
                spoke.keeps_up(world.hub.address, CONNECTION, way.tunnel, way.hub)
        else:
            for way in world.ways[name]:
                world.hub.keeps_up(world.outside_of(number), name, way.tunnel, way.spoke)
    world.at(_KEEP_UP, lambda: _keep_up(world))


def _send(world: World) -> None:
    """A packet each way through every tunnel, unless all are idle."""
    if not world.is_idle:
        for name, spoke in world.spokes.items():
            for _, hub, net in world.ways[name]:
                world.sent_packets += 2
                spoke.sends(net, hub)
                world.hub.sends(hub, net)
    world.at(world.chance.uniform(*_PACKETS), lambda: _send(world))


# --- what must hold


def _watch_lineages(world: World) -> None:
    """Check the lineages now and then while it is quiet. What is wrong during an exchange may be right soon."""

    wrong = lineage_faults(world) if _is_quiet(world) else []

    def once_more() -> None:
        if _is_quiet(world):
            _raise_if_still(wrong, world)

    if wrong:
        world.at(_SOON, once_more)
    world.at(_LOOK, lambda: _watch_lineages(world))


def lineage_faults(world: World) -> list[str]:
    """What is wrong: more than two ISAKMP SAs per peer or two pairs per tunnel, or one end sends what the other one
    cannot open, or the two ends send with different pairs.
    """
    wrong = []
    for name, spoke in world.spokes.items():
        for node, connection in ((spoke, CONNECTION), (world.hub, name)):
            if node.is_down:
                continue
            sas = node.sas_with(connection)
            if len(sas) > 2:
                wrong.append(f"{node.name} has {len(sas)} ISAKMP SAs with {connection}: {_numbers(sas)}")
            for way in world.ways[name]:
                pairs = [child for child in node.pairs_with(connection) if child.name == way.tunnel]
                if len(pairs) > 2:
                    wrong.append(f"{node.name} has {len(pairs)} pairs of the tunnel of {connection}: {_numbers(pairs)}")
        for way in world.ways[name]:
            wrong += _tunnel_faults(world, way, spoke)
    return wrong


def _tunnel_faults(world: World, way: Way, spoke: Model) -> list[str]:
    wrong = []
    ours, theirs = world.hub.carrier(network(way.spoke)), spoke.carrier(network(way.hub))
    for sender, child, receiver in ((world.hub, ours, spoke), (spoke, theirs, world.hub)):
        if child is None or receiver.is_down or not sender.ASKS:
            continue
        if world.is_idle and not any(sa.is_up for sa in sender.engine.sas.values()):
            continue  # nothing but a packet makes it ask
        if sender.ASKS_FOR and world.was_idle_within(sender.ASKS_FOR):
            continue  # dead peer detection on demand (RFC 3706 §5.4): likewise, also while an ISAKMP SA is up
        if not receiver.ANSWERS and world.was_idle_within(QUIET):
            continue  # without dead peer detection, only packets tell
        if child.outbound.spi not in receiver.inbound:
            wrong.append(f"{sender.name} sends with pair #{child.unique_id}, which {receiver.name} does not have")
    if ours is not None and theirs is not None and ours.inbound.spi != theirs.outbound.spi:
        wrong.append(
            f"hub sends with its pair #{ours.unique_id}, {spoke.name} with another one: its #{theirs.unique_id}"
        )
    return wrong


def _numbers(of: Iterable[object]) -> list[int]:
    return [each.unique_id for each in of]  # type: ignore[attr-defined]


def _check_traffic(world: World) -> None:
    """Packets pass both ways through every tunnel."""
    for name, spoke in world.spokes.items():
        for _, hub, net in world.ways[name]:
            _check_packet(world, spoke, world.hub, net, hub)
            _check_packet(world, world.hub, spoke, hub, net)


def _check_packet(world: World, sender: Model, receiver: Model, source: str, destination: str) -> None:
    before = sum(packet.source == source for packet in receiver.received)
    sent = sender.sends(source, destination)
    world.settle()
    after = sum(packet.source == source for packet in receiver.received)
    if not sent:
        raise Violation(f"no pair of {sender.name} carries packets to {receiver.name}")
    if after != before + 1:
        raise Violation(f"a packet of {sender.name} to {receiver.name} is lost")
