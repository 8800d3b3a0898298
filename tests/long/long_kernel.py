"""The same with ESP in the kernel of both ends, and a link that duplicates and reorders packets."""

from __future__ import annotations

import time

import pytest

from lab.charon import CharonOptions
from lab.endurance import Endured, at_once, newest, spis, tell
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import LabError, wait_until
from lab.xfrm import troubles, what_the_kernel_lacks

REKEYS, REPLACEMENTS = 50, 15
OURS = OurOptions(data_plane="kernel", gateway="delete_rekeyed_delay = 10")
CHARONS = CharonOptions(plane="kernel", rekey_time="50m")

roles = pytest.mark.parametrize("we_call", [True, False], ids=["we called", "charon called"])
sides = pytest.mark.parametrize("who", ["we", "charon", "both"])


@pytest.fixture(scope="module", autouse=True)
def kernel(peers: None) -> None:
    """The running kernel has ESP."""
    if lacks := what_the_kernel_lacks():
        pytest.skip(lacks)


@roles
@sides
@pytest.mark.parametrize("link", ["clean", "bad"])
def test_pairs_are_rekeyed_and_nothing_is_lost(lab: Lab, link: str, who: str, we_call: bool) -> None:
    tunnel = Endured(lab, we_call=we_call, ours=OURS, charons=CHARONS)
    ours, charons = tunnel.ends
    asked = {"we": (ours,), "charon": (charons,), "both": (ours, charons)}[who]
    if link == "bad":
        for node in (tunnel.client, tunnel.gateway):
            netem = "qdisc add dev eth0 root netem delay 5ms 2ms duplicate 5% reorder 95%"
            try:
                node.run("tc", *netem.split())
            except LabError as error:
                pytest.skip(f"no netem here: {error}")
    for _ in range(REKEYS):
        known = spis(ours)
        at_once((control, ("--rekey", "--child", "net")) for control in asked)
        wait_until(lambda known=known: spis(ours) - known, "a new pair", timeout=60)  # type: ignore[misc]
    counted = tunnel.pings.count()
    tell(f"{REKEYS} rekeys by {who} on a {link} link, in the kernel", counted)
    assert counted.lost == 0
    if link == "clean":
        assert not troubles(tunnel.our_node)
    tunnel.settle()


@roles
@sides
def test_phase_1_is_replaced_without_a_black_hole(lab: Lab, who: str, we_call: bool) -> None:
    tunnel = Endured(lab, we_call=we_call, ours=OURS, charons=CHARONS)
    ours, charons = tunnel.ends
    asked = {"we": (ours,), "charon": (charons,), "both": (ours, charons)}[who]
    for _ in range(REPLACEMENTS):
        at_once((control, ("--rekey", "--ike-id", newest(control))) for control in asked)
        time.sleep(2)
    counted = tunnel.pings.count()
    tell(f"phase 1 replaced {REPLACEMENTS} times by {who}, in the kernel", counted)
    assert counted.lost == 0
    tunnel.settle()
