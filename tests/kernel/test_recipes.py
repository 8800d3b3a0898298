"""The configurations of docs/recipes with the ESP of the kernel: traffic between the two networks, or through L2TP."""

from __future__ import annotations

import pytest

from clients.recipes import FOLDER
from configuration_files import SECRET
from documents import blocks
from lab.charon import CharonOptions
from lab.connect import connect
from lab.l2tp import Xl2tpd, private_etc_ppp, what_l2tp_lacks
from lab.lab import Lab
from lab.pair import assert_shown, await_child
from lab.recipes import libreswan, of_peer, our_gateway, sites
from lab.traffic import reach
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


def test_a_ppp_link_with_the_configurations_of_windows_page(lab: Lab) -> None:
    """This gateway, xl2tpd and pppd as the page has them; `ikev1 connect --l2tp` is the client."""
    if lacks := what_l2tp_lacks():
        pytest.skip(lacks)
    a, b = sites(lab, "windows-l2tp")
    ours = our_gateway(lab, a, "windows-l2tp")
    written = [block.text for block in blocks(FOLDER / "windows-l2tp.md") if block.language in ("ini", "text")]
    users = {"alice": "alice-password"}
    lab.started(Xl2tpd(a, lab.folder("server"), calls=False, users=users, written=(written[0], written[1])))
    folder = lab.folder("ppp")
    folder.mkdir()
    setup = private_etc_ppp(folder, {})
    client = connect(
        lab, b, "--l2tp", "--verbose", secret=SECRET.decode(), user="alice", password=users["alice"], setup=setup
    )
    client.wait_for_log("is up: address 10.99.0.10")
    client.wait_for_log("DNS address 10.1.0.53")
    reach(b, "10.99.0.1")
    (child,) = ours.control.children()
    assert child["mode"] == "TRANSPORT"
    assert int(child["packets-in"]) > 3
