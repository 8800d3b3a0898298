"""A daemon that is killed, and the next one: with ``state`` in the configuration ISAKMP SAs outlive it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import ping


def cookies(control: Control) -> tuple[str, str]:
    (sa,) = control.sas()
    return sa["initiator-spi"], sa["responder-spi"]


def pairs(control: Control) -> set[tuple[str, str]]:
    """The inbound and the outbound SPI of each pair of IPsec SAs."""
    return {(child["spi-in"], child["spi-out"]) for child in control.children()}


def start_again(lab: Lab, killed: OurGateway, node: Node, options: OurOptions) -> OurGateway:
    """Another daemon in place of one that gets no chance to say goodbye."""
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    return lab.ours(node, options)


@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
def test_a_killed_daemon_is_taken_over_from(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    state = lab.folder("state")
    options = OurOptions(calls=we_call, state=state)
    first = lab.ours(our_node, options)
    charon = lab.charon(charon_node, CharonOptions(calls=not we_call))
    (first if we_call else charon).control.initiate()
    ping(a)
    before, old_pairs = cookies(first.control), pairs(first.control)
    assert cookies(charon.control) == before

    second = start_again(lab, first, our_node, options)
    ((ours_in, ours_out),) = second.wait_for(lambda: pairs(second.control), "a pair under the ISAKMP SA of before")
    assert cookies(second.control) == cookies(charon.control) == before
    charon.wait_for(lambda: pairs(charon.control) == {(ours_out, ours_in)}, "charon to use that pair and no other")
    assert {(ours_in, ours_out)}.isdisjoint(old_pairs)
    assert "MM1" not in second.log()
    ping(our_node)
    ping(charon_node)
    child = second.control.child()
    assert [int(child[counter]) for counter in ("packets-in", "packets-out")] == [6, 6]


def test_without_state_nothing_is_remembered(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions())
    options = OurOptions(calls=True)
    first = lab.ours(a, options)
    first.control.initiate()
    before = cookies(first.control)
    second = start_again(lab, first, a, options)
    assert not second.control.sas()
    second.control.initiate()
    assert cookies(second.control) != before
    ping(a)


def test_keys_in_the_state_are_for_the_daemon_alone(lab: Lab) -> None:
    a, _ = lab.direct()
    state: Path = lab.folder("state")
    lab.ours(a, OurOptions(state=state))
    assert state.stat().st_mode & 0o777 == 0o600
