"""libreswan, in both roles. Its ESP is the kernel's, which here only pretends (noesp.c): exchanges, no traffic."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lab.gateway import OurOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions


class Suite(NamedTuple):
    """The same in our words and in libreswan's."""

    ike: str
    esp: str
    pluto_ike: str
    pluto_esp: str
    pfs: bool = False

    def __str__(self) -> str:
        return f"{self.ike}+{self.esp}"


SUITES = [
    Suite("aes128-sha256-modp2048", "aes128-sha256", "aes128-sha2_256-modp2048", "aes128-sha2_256"),
    Suite("aes256-sha1-modp1536", "aes256-sha1-modp1536", "aes256-sha1-modp1536", "aes256-sha1;modp1536", pfs=True),
    Suite("3des-sha1-modp2048", "aes128gcm16", "3des-sha1-modp2048", "aes_gcm128-null"),
]


def pluto_options(suite: Suite, *, calls: bool) -> PlutoOptions:
    return PlutoOptions(calls=calls, ike=suite.pluto_ike, esp=suite.pluto_esp, pfs=suite.pfs)


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_pluto_calls_us(lab: Lab, suite: Suite) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(ike=suite.ike, esp=suite.esp))
    pluto = lab.pluto(a, pluto_options(suite, calls=True))
    assert "IPsec SA established tunnel mode" in pluto.initiate()
    child = ours.control.child()
    assert child["spi-out"] in pluto.log()
    assert ours.control.sas()[0]["remote-id"] == "alice@lab"


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_we_call_pluto(lab: Lab, suite: Suite) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, pluto_options(suite, calls=False))
    ours = lab.ours(a, OurOptions(calls=True, ike=suite.ike, esp=suite.esp))
    ours.command("up", "peer")
    pluto.await_pair()
    assert ours.control.sas()[0]["remote-id"] == "gw.lab"


def test_pluto_ignores_message_3_that_is_repeated(lab: Lab) -> None:
    """Without traffic, message 3 is sent four times."""
    a, b = lab.direct()
    pluto = lab.pluto(b, PlutoOptions())
    ours = lab.ours(a, OurOptions(calls=True))
    ours.command("up", "peer")
    pluto.await_pair()
    first = ours.control.child()["spi-in"]
    assert ours.control.swanctl("--rekey", "--child", "net").returncode == 0
    ours.wait_for(lambda: first not in {child["spi-in"] for child in ours.control.children()}, "a new pair")
    for child in ours.control.children():
        assert child["spi-out"] in pluto.log()
    assert len(ours.control.sas()) == 1
    assert "IPsec SA established" in pluto.log()


def test_pluto_deletes_and_we_forget(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    pluto = lab.pluto(a, PlutoOptions(calls=True))
    pluto.initiate()
    pluto.whack("--name", "peer", "--terminate")
    ours.wait_for(lambda: not ours.control.sas(), "our SAs to be gone")


def test_a_wrong_key_at_pluto(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    pluto = lab.pluto(a, PlutoOptions(calls=True, psk="another-secret"))
    pluto.whack("--name", "peer", "--initiate", "--asynchronous")
    ours.wait_for_log("psk-mismatch")
    assert not ours.control.children()
    assert '"peer"' not in pluto.whack("--trafficstatus")
