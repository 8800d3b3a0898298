"""Main Mode with a pre-shared key and Quick Mode with strongSwan, in both roles, with traffic through the tunnel.

charon carries ESP itself here (kernel-libipsec), which it does in UDP only.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lab.capture import tshark
from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.traffic import assert_tunnelled


class Suite(NamedTuple):
    """What is negotiated: proposals as both ends write them, and the words in which list-sas shows them."""

    ike: str
    esp: str
    ike_shown: str
    esp_shown: str

    def __str__(self) -> str:
        return f"{self.ike}+{self.esp}"


SUITES = [
    Suite(
        "aes128-sha256-modp2048", "aes128-sha256", "AES_CBC HMAC_SHA2_256_128 MODP_2048", "AES_CBC HMAC_SHA2_256_128"
    ),
    Suite(
        "aes256-sha1-modp1024",
        "aes256-sha1-modp1024",
        "AES_CBC HMAC_SHA1_96 MODP_1024",
        "AES_CBC HMAC_SHA1_96 MODP_1024",
    ),
    Suite("3des-md5-modp1024", "3des-sha1", "3DES_CBC HMAC_MD5_96 MODP_1024", "3DES_CBC HMAC_SHA1_96"),
    Suite(
        "aes256-sha512-ecp384",
        "aes256-sha512-ecp384",
        "AES_CBC HMAC_SHA2_512_256 ECP_384",
        "AES_CBC HMAC_SHA2_512_256 ECP_384",
    ),
    Suite("aes128-sha256-ecp256", "aes128gcm16-ecp256", "AES_CBC HMAC_SHA2_256_128 ECP_256", "AES_GCM_16 ECP_256"),
    Suite("aes192-sha384-modp1536", "aes256gcm16", "AES_CBC HMAC_SHA2_384_192 MODP_1536", "AES_GCM_16"),
]


def shown(control: Control) -> tuple[str, str]:
    """What protects the one ISAKMP SA, and the one pair of IPsec SAs."""
    (sa,) = control.sas()
    child = control.child()
    keys = ("encr-alg", "integ-alg", "dh-group")
    return " ".join(sa[key] for key in keys), " ".join(child[key] for key in keys if key in child)


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_charon_calls_us(lab: Lab, suite: Suite) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(ike=suite.ike, esp=suite.esp))
    charon = lab.charon(a, CharonOptions(calls=True, ike=suite.ike, esp=suite.esp))
    charon.control.initiate()
    assert shown(ours.control) == (suite.ike_shown, suite.esp_shown)
    assert shown(charon.control) == shown(ours.control)
    assert_tunnelled(a, b, (charon.control, ours.control), lab.folder("transfer"))


@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_we_call_charon(lab: Lab, suite: Suite) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(ike=suite.ike, esp=suite.esp))
    ours = lab.ours(a, OurOptions(calls=True, ike=suite.ike, esp=suite.esp))
    ours.command("up", "peer")
    assert shown(ours.control) == (suite.ike_shown, suite.esp_shown)
    assert shown(charon.control) == shown(ours.control)
    assert_tunnelled(a, b, (ours.control, charon.control), lab.folder("transfer"))


def assert_floated(lab: Lab, ours: Control, remote_host: str) -> None:
    (sa,) = ours.sas()
    assert (sa["local-port"], sa["remote-host"]) == ("4500", remote_host)
    assert ours.child()["encap"] == "yes"


def test_charon_behind_a_nat_calls_us(lab: Lab) -> None:
    c, gw = lab.behind_nat()
    ours = lab.ours(gw, OurOptions())
    charon = lab.charon(c, CharonOptions(calls=True))
    capture = lab.capture(gw)
    charon.control.initiate()
    assert_floated(lab, ours.control, "10.77.1.1")
    assert "nat-remote" in ours.control.sas()[0]
    assert_tunnelled(c, gw, (charon.control, ours.control), lab.folder("transfer"))
    file = capture.finish(enough="udpencap && esp")
    assert not tshark(file, "ip.proto == 50 || icmp || tcp")


def test_we_call_charon_from_behind_a_nat(lab: Lab) -> None:
    c, gw = lab.behind_nat()
    charon = lab.charon(gw, CharonOptions())
    ours = lab.ours(c, OurOptions(calls=True))
    capture = lab.capture(gw)
    ours.command("up", "peer")
    assert_floated(lab, ours.control, "10.77.1.2")
    assert "nat-local" in ours.control.sas()[0]
    assert_tunnelled(c, gw, (ours.control, charon.control), lab.folder("transfer"))
    file = capture.finish(enough="udpencap && esp")
    assert not tshark(file, "ip.proto == 50 || icmp || tcp")


def test_we_call_ourselves_through_a_nat(lab: Lab) -> None:
    c, gw = lab.behind_nat()
    gateway = lab.ours(gw, OurOptions())
    client = lab.ours(c, OurOptions(calls=True))
    client.command("up", "peer")
    assert_floated(lab, gateway.control, "10.77.1.1")
    assert_tunnelled(c, gw, (client.control, gateway.control), lab.folder("transfer"))


def test_we_call_ourselves_and_esp_travels_without_udp(lab: Lab) -> None:
    a, b = lab.direct()
    gateway = lab.ours(b, OurOptions())
    client = lab.ours(a, OurOptions(calls=True))
    capture = lab.capture(b)
    client.command("up", "peer")
    assert_tunnelled(a, b, (client.control, gateway.control), lab.folder("transfer"))
    file = capture.finish(enough="esp")
    assert tshark(file, "ip.proto == 50")
    assert not tshark(file, "udpencap || icmp || tcp")


@pytest.mark.parametrize("esp", ["aes128-sha256", "aes256-sha1-modp2048"])
def test_charon_calls_us_for_esp_without_udp(lab: Lab, esp: str) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(esp=esp))
    charon = lab.charon(a, CharonOptions(calls=True, esp=esp, plane="noesp"))
    charon.control.initiate()
    assert "encap" not in ours.control.child()
    assert (ours.control.child()["spi-in"], ours.control.sas()[0]["local-port"]) == (
        charon.control.child()["spi-out"],
        "500",
    )


@pytest.mark.parametrize("esp", ["aes128-sha256", "aes256-sha1-modp2048"])
def test_we_call_charon_for_esp_without_udp(lab: Lab, esp: str) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(esp=esp, plane="noesp"))
    ours = lab.ours(a, OurOptions(calls=True, esp=esp))
    capture = lab.capture(b)
    ours.command("up", "peer")
    assert "encap" not in charon.control.child()
    a.run("ping", "-c", "1", "-W", "1", "-I", a.host, a.remote_host, check=False)  # nobody there can answer
    file = capture.finish(enough="ip.proto == 50")
    assert tshark(file, "esp && !icmp", ["esp.spi"]) == [f"0x{charon.control.child()['spi-in']}"]
