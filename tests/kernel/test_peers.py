"""The peers among themselves with the kernel's ESP, so that a failure elsewhere is ours."""

from __future__ import annotations

from lab.charon import CharonOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions
from lab.xfrm import assert_protected, route_to_peer, states

GATEWAY = CharonOptions(plane="kernel", rekey_time="50m")
CLIENT = CharonOptions(plane="kernel", rekey_time="50m", calls=True)


def test_two_charons_through_a_nat(lab: Lab) -> None:
    c, gw = lab.behind_nat()
    lab.charon(gw, GATEWAY)
    lab.charon(c, CLIENT).control.initiate()
    assert_protected(lab, c, gw)
    assert all(state.encapsulated for state in states(gw))


def test_pluto_and_charon(lab: Lab) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, PlutoOptions(plane="kernel"))
    route_to_peer(b)
    lab.charon(a, CLIENT).control.initiate()
    assert_protected(lab, a, b)
    assert "inBytes=252" in pluto.whack("--trafficstatus")
