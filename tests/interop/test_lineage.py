"""Who replaced whom, with charon: nothing piles up, nothing is lost, and both agree in the end."""

from __future__ import annotations

import time

import pytest

from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import wait_until
from lab.traffic import ping

_LINGER = 38  # seconds: a replaced pair receives for 30, and which side deletes it varies


def pairs(control: Control) -> int:
    """How many pairs there are in any state."""
    return sum(len(sa["child-sas"]) for sa in control.sas())


def spis(control: Control) -> set[str]:
    """The inbound SPIs of all pairs."""
    return {str(child["spi-in"]) for child in control.children()}


@pytest.mark.parametrize("who", ["we", "charon"])
def test_replaced_pairs_do_not_pile_up(lab: Lab, who: str) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True))
    ours.command("up", "peer")
    rekeys = ours.control if who == "we" else charon.control
    for _ in range(10):
        known = spis(ours.control)
        assert rekeys.swanctl("--rekey", "--child", "net").returncode == 0
        wait_until(lambda known=known: spis(ours.control) - known, "a new pair")  # type: ignore[misc]
        ping(a, count=3)
    wait_until(lambda: pairs(ours.control) == pairs(charon.control) == 1, "one pair", timeout=_LINGER)
    ping(a, count=3)


@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
def test_charon_keeps_its_pair_when_we_replace_the_isakmp_sa(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(a if we_call else b, OurOptions(calls=we_call))
    charon = lab.charon(b if we_call else a, CharonOptions(calls=not we_call))
    (ours if we_call else charon).control.initiate()
    for _ in range(5):
        newest = max(int(sa["uniqueid"]) for sa in ours.control.sas())
        assert ours.control.swanctl("--rekey", "--ike-id", str(newest)).returncode == 0
        time.sleep(1.0)  # charon moves its pairs in a job of its own
        assert len(charon.control.children()) == 1
    ping(a, count=3)
    wait_until(lambda: len(ours.control.sas()) == len(charon.control.sas()) == 1, "one ISAKMP SA", timeout=_LINGER)
    assert len(ours.control.children()) == len(charon.control.children()) == 1
    ping(a, count=3)
