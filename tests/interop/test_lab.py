"""The lab itself: its peers understand one another, so that a failure elsewhere is ours."""

from __future__ import annotations

import pytest

from lab.capture import tshark
from lab.charon import CharonOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions
from lab.process import LabError, run
from lab.traffic import ping, transfer


def test_two_charons_carry_traffic_that_a_capture_shows_encrypted(lab: Lab) -> None:
    a, b = lab.direct()
    gateway = lab.charon(b, CharonOptions())
    client = lab.charon(a, CharonOptions(calls=True))
    capture = lab.capture(b)
    client.control.initiate()
    ping(a)
    transfer(a, b, lab.folder("transfer"), size=100_000)
    file = capture.finish(enough="esp")
    assert int(gateway.control.child()["bytes-in"]) > 100_000
    assert tshark(file, "isakmp.exchangetype == 32")
    assert not tshark(file, "icmp || tcp")


def test_two_charons_through_a_nat(lab: Lab) -> None:
    c, gw = lab.behind_nat()
    gateway = lab.charon(gw, CharonOptions())
    lab.charon(c, CharonOptions(calls=True)).control.initiate()
    ping(c)
    (sa,) = gateway.control.sas()
    assert sa["remote-host"] == "10.77.1.1"
    assert int(gateway.control.child()["packets-in"]) == 3


def test_charon_without_encapsulation_installs_sas(lab: Lab) -> None:
    a, b = lab.direct()
    gateway = lab.charon(b, CharonOptions(plane="noesp"))
    lab.charon(a, CharonOptions(calls=True, plane="noesp")).control.initiate()
    assert gateway.control.child().get("encap") is None


def test_pluto_and_charon(lab: Lab) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, PlutoOptions())
    lab.charon(a, CharonOptions(calls=True, plane="noesp")).control.initiate()
    pluto.await_pair()


def test_ike_scan_and_charon(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(crypto="gmp openssl aes sha1 sha2 md5 hmac"))
    assert "Main Mode Handshake returned" in a.run("ike-scan", "--trans=(1=7,14=128,2=4,3=1,4=14)", b.address)


def test_a_call_that_nobody_answers_fails(lab: Lab) -> None:
    a, _ = lab.direct()
    client = lab.charon(a, CharonOptions(calls=True))
    with pytest.raises(LabError, match="not established"):
        client.control.initiate(timeout=1)


def test_what_a_lab_started_is_gone_after_it(peers: None) -> None:
    lab = Lab()
    a, _ = lab.direct()
    charon = lab.charon(a, CharonOptions(calls=True))
    lab.close()
    assert not charon.alive
    assert a.namespace not in run("ip", "netns", "list")
    assert not lab.directory.exists()
