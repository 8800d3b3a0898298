"""Which pair or trap a packet goes to."""

from __future__ import annotations

import os

from esp_packets import child, tcp, udp
from ikev1.core.selector import Selector
from ikev1.esp.inner import parse
from ikev1.esp.pair import Pair
from ikev1.esp.plane import Trap
from ikev1.esp.policies import Catch, Policies

FLOW = parse(udp("10.1.0.1", "10.2.3.4", 7, 53))[0]


def pair(local: str = "10.1.0.0/16", remote: str = "10.2.0.0/16") -> Pair:
    return Pair(child(local=local, remote=remote), 1400, os.urandom, print)


def trap(remote: str = "10.2.0.0/16") -> Catch:
    return Catch(Trap("peer", "net", Selector.parse("10.1.0.0/16"), Selector.parse(remote)))


def test_nobody_matches() -> None:
    policies = Policies()
    policies.add_pair(pair(remote="10.3.0.0/16"))
    assert policies.find(FLOW) is None


def test_the_newest_of_equals_sends_and_the_older_takes_over_again() -> None:
    policies, old, new = Policies(), pair(), pair()
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
    policies = Policies()
    pairs = {remote: pair(remote=remote) for remote in selectors}
    for each in pairs.values():
        policies.add_pair(each)
    for remote in ("10.2.3.4[udp/53]", "10.2.3.4[udp]", "10.2.3.4", "10.2.3.0-10.2.3.8", "10.2.0.0/16", "0.0.0.0/0"):
        assert policies.find(FLOW) is pairs[remote]
        policies.remove_pair(pairs[remote])
    assert policies.find(FLOW) is None


def test_selectors_hold_outbound() -> None:
    policies, one = Policies(), pair(remote="10.2.0.0/16[tcp/80]")
    policies.add_pair(one)
    assert policies.find(FLOW) is None
    assert policies.find(parse(tcp("10.1.0.1", "10.2.0.9"))[0]) is one
    assert policies.find(parse(tcp("10.9.0.1", "10.2.0.9"))[0]) is None


def test_a_pair_covers_the_trap_with_its_selectors() -> None:
    policies, waiting, one = Policies(), trap(), pair()
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
