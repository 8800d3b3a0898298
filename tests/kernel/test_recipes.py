"""The configurations of docs/recipes with the ESP of the kernel: traffic between the two networks."""

from __future__ import annotations

import pytest

from lab.charon import CharonOptions
from lab.lab import Lab
from lab.pair import assert_shown, await_child
from lab.recipes import libreswan, of_peer, our_gateway, sites
from lab.xfrm import assert_protected


@pytest.mark.parametrize("calls", ["we", "they"])
def test_traffic_with_the_configurations_of_strongswans_page(lab: Lab, calls: str) -> None:
    nodes = a, b = sites(lab, "strongswan")
    charon = lab.charon(b, CharonOptions(configuration=of_peer("strongswan", "swanctl"), plane="kernel"))
    ours = our_gateway(lab, a, "strongswan")
    if calls == "we":
        ours.control.bring_up("lan")
    else:
        charon.control.bring_up("lan")
    await_child(ours, charon)
    assert_protected(lab, *nodes)
    assert_shown(ours.control, a)
    assert_shown(charon.control, b)


@pytest.mark.parametrize("calls", ["we", "they"])
def test_traffic_with_the_configurations_of_libreswans_page(lab: Lab, calls: str) -> None:
    nodes = a, b = sites(lab, "libreswan")
    pluto = libreswan(lab, b, plane="kernel")
    ours = our_gateway(lab, a, "libreswan")
    if calls == "we":
        ours.control.bring_up("lan")
    else:
        pluto.whack("--name", "headquarters", "--initiate")
    await_child(ours)
    assert_protected(lab, *nodes)
    assert_shown(ours.control, a)
