"""Which pair or trap a packet goes to."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import child, tcp, udp
from ikev1.core.records.selector import Selector
from ikev1.esp import outbound_policies as module
from ikev1.esp.inner import Flow, decode, matches, parse
from ikev1.esp.outbound_policies import OutboundPolicies, Target, TrapQueue
from ikev1.esp.plane import Trap
from ikev1.esp.sa_pair import SaPair

FLOW = parse(udp("10.1.0.1", "10.2.3.4", 7, 53))[0]


def pair(local: str = "10.1.0.0/16", remote: str = "10.2.0.0/16") -> SaPair:
    return SaPair(child(local=local, remote=remote), 1400, os.urandom, print)


def trap(remote: str = "10.2.0.0/16") -> TrapQueue:
    return TrapQueue(Trap("peer", "net", Selector.parse("10.1.0.0/16"), Selector.parse(remote)))


def test_nobody_matches() -> None:
    policies = OutboundPolicies()
    policies.add_pair(pair(remote="10.3.0.0/16"))
    assert policies.find(FLOW) is None


def test_the_newest_of_equals_sends_and_the_older_takes_over_again() -> None:
    policies, old, new = OutboundPolicies(), pair(), pair()
    policies.add_pair(old)
    assert policies.find(FLOW) is old
    policies.add_pair(new)
    assert policies.find(FLOW) is new
    policies.remove_pair(new)
    assert policies.find(FLOW) is old
    policies.remove_pair(old)
    assert policies.find(FLOW) is None
    policies.remove_pair(old)  # not there any more


def test_the_narrowest_wins_whatever_the_order() -> None:
    selectors = ["0.0.0.0/0", "10.2.3.4[udp/53]", "10.2.0.0/16", "10.2.3.4", "10.2.3.4[udp]", "10.2.3.0-10.2.3.8"]
    policies = OutboundPolicies()
    pairs = {remote: pair(remote=remote) for remote in selectors}
    for each in pairs.values():
        policies.add_pair(each)
    for remote in ("10.2.3.4[udp/53]", "10.2.3.4[udp]", "10.2.3.4", "10.2.3.0-10.2.3.8", "10.2.0.0/16", "0.0.0.0/0"):
        assert policies.find(FLOW) is pairs[remote]
        policies.remove_pair(pairs[remote])
    assert policies.find(FLOW) is None


def test_selectors_hold_outbound() -> None:
    policies, one = OutboundPolicies(), pair(remote="10.2.0.0/16[tcp/80]")
    policies.add_pair(one)
    assert policies.find(FLOW) is None
    assert policies.find(parse(tcp("10.1.0.1", "10.2.0.9"))[0]) is one
    assert policies.find(parse(tcp("10.9.0.1", "10.2.0.9"))[0]) is None


def test_a_pair_covers_the_trap_with_its_selectors() -> None:
    policies, waiting, one = OutboundPolicies(), trap(), pair()
    policies.add_trap(waiting)
    assert policies.find(FLOW) is waiting
    policies.add_pair(one)
    assert policies.find(FLOW) is one
    policies.remove_pair(one)
    assert policies.find(FLOW) is waiting
    policies.remove_trap(waiting)
    assert policies.find(FLOW) is None


def test_a_trap_holds_few_packets_and_asks_seldom() -> None:
    waiting = trap()
    assert [waiting.hold(bytes((n,))) for n in range(17)] == [True] * 16 + [False]
    assert waiting.release() == [bytes((n,)) for n in range(16)]
    assert waiting.release() == []
    assert [waiting.due(now, 10.0) for now in (100.0, 101.0, 109.9, 110.0, 111.0)] == [True, False, False, True, False]


_LOCALS = ["10.1.0.0/16", "10.1.0.0/24", "0.0.0.0/0", "10.1.0.0-10.1.0.2", "10.1.0.1[udp/7]"]
_REMOTES = [
    "0.0.0.0/0",
    "10.2.0.0/16",
    "10.2.3.0/24",
    "10.2.3.3-10.2.3.4",
    "10.2.3.4-10.2.3.9",
    "10.2.3.4",
    "10.2.3.4[udp]",
    "10.2.3.4[udp/53]",
    "10.2.0.0/16[tcp/80]",
]
_PACKETS = [
    parse(packet)[0]
    for source in ("10.1.0.1", "10.1.9.9", "10.5.0.1")
    for packet in (
        udp(source, "10.2.3.4", 7, 53),
        udp(source, "10.2.3.3", 8, 53),
        udp(source, "10.6.0.1", 7, 9),
        tcp(source, "10.2.0.9"),
    )
]
# which selectors, whether it is a trap, whether it goes away again, and which packets come meanwhile
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(_LOCALS),
        st.sampled_from(_REMOTES),
        st.booleans(),
        st.booleans(),
        st.lists(st.sampled_from(_PACKETS), max_size=4),
    ),
    max_size=25,
)


def selectors_of(target: Target) -> tuple[Selector, Selector]:
    held = target.child if isinstance(target, SaPair) else target.trap
    return held.local, held.remote


def extent(selector: Selector) -> int:
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)


def rank(target: Target) -> tuple[int, int, bool, bool, bool]:
    local, remote = selectors_of(target)
    return extent(remote), extent(local), not remote.protocol, not remote.port, not local.port


def right(found: Target | None, targets: list[Target], flow: Flow) -> bool:
    """Whether ``found`` is what a look at all ``targets``, the oldest first, finds."""
    matching = [target for target in targets if matches(flow, *selectors_of(target))]
    if found is None or not matching:
        return found is None and not matching
    if rank(found) != min(map(rank, matching)):
        return False
    equals = [target for target in matching if selectors_of(target) == selectors_of(found)]
    pairs = [target for target in equals if isinstance(target, SaPair)]
    return found is (pairs or equals)[-1]


@given(_STEPS)
def test_whatever_comes_and_goes_the_answer_is_that_of_a_look_at_all(
    steps: list[tuple[str, str, bool, bool, list[bytes]]],
) -> None:
    """What is remembered of flows included: all that were asked for are asked for again after each step."""
    policies, targets = OutboundPolicies(), list[Target]()
    for local, remote, is_trap, goes, flows in steps:
        if goes and targets:
            target = targets.pop(len(remote) % len(targets))
            (policies.remove_pair if isinstance(target, SaPair) else policies.remove_trap)(target)  # type: ignore[arg-type]
        elif is_trap:
            target = TrapQueue(Trap("peer", "net", Selector.parse(local), Selector.parse(remote)))
            policies.add_trap(target)
            targets.append(target)
        else:
            target = pair(local, remote)
            policies.add_pair(target)
            targets.append(target)
        for flow in (*_PACKETS[:6], *flows):
            assert right(policies.find(flow), targets, decode(flow))


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The flows that had to be looked up, which really are."""
    seen: list[bytes] = []

    def decode_and_tell(flow: bytes) -> Flow:
        seen.append(flow)
        return decode(flow)

    monkeypatch.setattr(module, "decode", decode_and_tell)
    return seen


def flow_to(number: int) -> bytes:
    return parse(udp("10.1.0.1", f"10.2.{number // 250}.{1 + number % 250}", 7, 53))[0]


def test_flows_stay_known_while_other_pairs_are_rekeyed_come_and_go(looked_up: list[bytes]) -> None:
    policies = OutboundPolicies()
    pairs = [pair(remote=f"10.2.{number}.0/24") for number in range(20)]
    for each in pairs:
        policies.add_pair(each)
    flow = flow_to(1)
    assert policies.find(flow) is pairs[0]
    heir = pair(remote="10.2.0.0/24")
    policies.add_pair(heir)
    assert policies.find(flow) is heir
    policies.remove_pair(pairs[0])
    for each in pairs[1:]:
        policies.remove_pair(each)
        policies.add_pair(pair(remote=str(each.child.remote)))
    policies.add_pair(pair(remote="10.3.0.0/16"))
    policies.add_pair(pair(remote="10.0.0.0/8"))
    assert policies.find(flow) is heir
    assert looked_up == [flow]
    narrower = pair(remote="10.2.0.0/25")
    policies.add_pair(narrower)
    assert policies.find(flow) is narrower


def test_a_port_scan_pushes_out_no_flow_that_is_in_use(looked_up: list[bytes]) -> None:
    policies, one = OutboundPolicies(), pair()
    policies.add_pair(one)
    used = flow_to(60_000)
    for number in range(20_000):
        assert policies.find(flow_to(number)) is one
        if number % 1_000 == 0:
            assert policies.find(used) is one
    assert looked_up.count(used) == 1
    assert policies.remembered <= 8192


def test_packets_that_belong_to_nobody_are_not_remembered() -> None:
    policies = OutboundPolicies()
    policies.add_pair(pair(remote="10.9.0.0/16"))
    numbers = random.Random(1)
    for _ in range(100):
        assert policies.find(flow_to(numbers.randrange(60_000))) is None
    assert policies.remembered == 0
