"""libreswan with the kernel's ESP, in both roles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.lab import Lab
from lab.pair import OURS, assert_shown
from lab.pluto import PlutoOptions
from lab.xfrm import assert_protected, route_to_peer


def test_we_call(lab: Lab) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, PlutoOptions(plane="kernel"))
    route_to_peer(b)
    ours = lab.ours(a, replace(OURS, calls=True))
    ours.control.bring_up()
    assert_protected(lab, a, b)
    assert_shown(ours.control, a)
    assert "inBytes=252" in pluto.whack("--trafficstatus")


@pytest.mark.parametrize(
    ("esp", "plutos"),
    [
        ("aes128gcm16", "aes_gcm128-null"),
        ("aes256ccm16", "aes_ccm256-null"),
        ("aes128-aesxcbc", "aes128-aes_xcbc"),
    ],
)
def test_pluto_calls(lab: Lab, esp: str, plutos: str) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, replace(OURS, esp=esp))
    pluto = lab.pluto(a, PlutoOptions(plane="kernel", calls=True, esp=plutos))
    route_to_peer(a)
    assert "IPsec SA established tunnel mode" in pluto.initiate()
    assert_protected(lab, a, b)
    assert_shown(ours.control, b)
