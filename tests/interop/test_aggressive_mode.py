"""Aggressive Mode with a pre-shared key: strongSwan, libreswan, callers from anywhere, and eavesdroppers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikev1.crypto import keymat
from ikev1.wire.registry import HashAlgorithm
from lab.capture import MALFORMED, OPENED, said_first, tshark, wireshark_profile
from lab.charon import PSK, CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions
from lab.traffic import ping

OURS = OurOptions(aggressive=True)
CHARONS = CharonOptions(aggressive=True)
BOB = """
[connection.bob]
remote_id = "bob@lab"
local_id = "gw.lab"
secret = "the secret of bob"
proposals = "aes128-sha256-modp2048"
aggressive = "accept-psk"

[connection.bob.tunnel.bobs]
local = "10.10.2.0/24"
remote = "10.10.3.0/24"
"""


def assert_same_pair(one: Control, other: Control) -> None:
    of_one, of_other = one.child(), other.child()
    assert (of_one["spi-in"], of_one["spi-out"]) == (of_other["spi-out"], of_other["spi-in"])


def assert_carried(*ends: Control, pings: int = 3) -> None:
    for control in ends:
        assert int(control.child()["packets-in"]) >= pings
        assert int(control.child()["packets-out"]) >= pings


@pytest.mark.parametrize("ike", ["aes128-sha256-modp2048", "3des-sha1-modp1024", "aes256-sha384-ecp384"])
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_charon_without_udp(lab: Lab, we_call: bool, ike: str) -> None:
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, replace(OURS, calls=we_call, ike=ike))
    charon = lab.charon(charon_node, replace(CHARONS, calls=not we_call, ike=ike, plane="noesp"))
    (ours if we_call else charon).control.initiate()
    assert_same_pair(ours.control, charon.control)
    assert "generating AGGRESSIVE" in charon.log()
    assert "ID_PROT" not in charon.log()
    assert "encap" not in ours.control.child()
    assert ours.control.sas()[0]["remote-id"] == ("gw.lab" if we_call else "alice@lab")


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_traffic_with_charon_through_a_nat(lab: Lab, we_call: bool) -> None:
    c, gw = lab.behind_nat()
    our_node, charon_node = (c, gw) if we_call else (gw, c)
    ours = lab.ours(our_node, replace(OURS, calls=we_call))
    charon = lab.charon(charon_node, replace(CHARONS, calls=not we_call))
    capture = lab.capture(gw)
    (ours if we_call else charon).control.initiate()
    ping(c)
    assert_carried(ours.control, charon.control)
    (sa,) = ours.control.sas()
    # with ESP of its own charon feigns a NAT before itself, wherever it is
    assert (sa["local-port"], "nat-local" in sa, "nat-remote" in sa) == ("4500", we_call, True)
    file = capture.finish(enough="udpencap && esp")
    assert len(tshark(file, "isakmp.exchangetype == 4")) == 3
    # message 3 of Aggressive Mode is the first that leaves for port 4500 (RFC 3947 §4)
    assert tshark(file, "isakmp.exchangetype == 4", ["udp.dstport"])[2] == "4500"
    assert not tshark(file, "ip.proto == 50 || icmp")


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "pluto calls"])
def test_pluto(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, pluto_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, replace(OURS, calls=we_call))
    pluto = lab.pluto(pluto_node, PlutoOptions(calls=not we_call, aggressive=True))
    if we_call:
        ours.command("up", "peer")
    else:
        assert "IPsec SA established tunnel mode" in pluto.initiate()
    pluto.await_pair()
    assert ours.control.child()["spi-out"] in pluto.log()
    assert "Aggressive Mode" in pluto.log()


def test_a_secret_for_each_identity_behind_one_nat(lab: Lab) -> None:
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, replace(OURS, psk="the secret of alice", others=BOB))
    alice = lab.charon(c1, replace(CHARONS, calls=True, psk="the secret of alice"))
    bob = lab.ours(c2, replace(OURS, calls=True, own_id="bob@lab", psk="the secret of bob"))
    alice.control.initiate()
    bob.command("up", "peer")
    ping(c1)
    ping(c2)
    assert_carried(alice.control, bob.control)
    sas = {sa["name"]: sa for sa in ours.control.sas()}
    assert {name: sa["remote-id"] for name, sa in sas.items()} == {"peer": "alice@lab", "bob": "bob@lab"}
    assert {sa["remote-host"] for sa in sas.values()} == {gw.peer}
    assert sas["peer"]["remote-port"] != sas["bob"]["remote-port"]
    for child in ours.control.children():
        assert int(child["packets-in"]) >= 3

    bob.configure(replace(OURS, calls=True, own_id="bob@lab", psk="the secret of alice"))
    bob.command("down", "peer")
    bob.command("reload")
    bob.command("up", "peer", "--timeout", "5", check=False)
    ours.wait_for_log("psk-mismatch")
    (reason,) = [line for line in ours.log().splitlines() if "psk-mismatch" in line]
    assert "connection 'bob'" in reason
    assert [child["name"] for child in ours.control.children()] == ["net"]  # alice's is as it was


def test_a_preshared_key_is_refused_unless_it_is_asked_for(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    charon = lab.charon(a, replace(CHARONS, calls=True, plane="noesp"))
    assert charon.control.swanctl("--initiate", "--child", "net", "--timeout", "2").returncode != 0
    ours.wait_for_log("wrong-mode")
    (reason, *again) = [line for line in ours.log().splitlines() if "wrong-mode" in line]
    assert "alice@lab" in reason
    assert not again
    assert "received INVALID_SYNTAX error notify" in charon.log()  # IKEv2's name for what was INVALID-EXCHANGE-TYPE
    assert not ours.control.sas()


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_secrets_that_differ(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, replace(OURS, calls=we_call))
    charon = lab.charon(charon_node, replace(CHARONS, calls=not we_call, psk="another-secret", plane="noesp"))
    caller = ours if we_call else charon
    assert caller.control.swanctl("--initiate", "--child", "net", "--timeout", "5").returncode != 0
    ours.wait_for_log("psk-mismatch")
    assert not any(sa["state"] == "ESTABLISHED" for sa in ours.control.sas() + charon.control.sas())
    assert not ours.control.children() + charon.control.children()


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_tshark_finds_our_messages_well_formed_and_opens_them(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, replace(OURS, calls=we_call, keylog=True))
    charon = lab.charon(charon_node, replace(CHARONS, calls=not we_call, plane="noesp"))
    capture = lab.capture(our_node)
    (ours if we_call else charon).control.initiate()
    profile = wireshark_profile(ours.keylog, lab.folder("profile"))
    file = capture.finish(enough="isakmp.exchangetype == 32", packets=3)
    said = said_first(file)
    labels = tshark(file, said, ["isakmp.exchangetype", "isakmp.flag_e"])
    assert labels == ["4\t0", "4\t0", "4\t1", "32\t1", "32\t1", "32\t1"]
    assert not tshark(file, OPENED)
    assert len(tshark(file, f"{said} && {OPENED} && !{MALFORMED}", keys=profile)) == 4
    assert not tshark(file, f"{said} && {MALFORMED}", keys=profile)


def test_what_an_eavesdropper_can_guess(lab: Lab) -> None:
    """Our answer lets psk-crack find a secret that is in its list, which is why such calls are refused by default."""
    a, b = lab.direct()
    lab.ours(b, replace(OURS, ike="3des-sha1-modp1024"))
    file, words = lab.folder("pskcrack"), lab.folder("words")
    said = a.run(
        "ike-scan", "--aggressive", "--dhgroup=2", "--id=alice@lab", "--idtype=3", f"--pskcrack={file}", b.address
    )
    assert "Aggressive Mode Handshake returned" in said
    words.write_text("\n".join(["secret", "0123456789", PSK, "password"]))
    assert f'key "{PSK}" matches SHA1 hash' in a.run("psk-crack", "-d", words, file)
    words.write_text("\n".join(["secret", "0123456789", "password"]))
    assert "no match found" in a.run("psk-crack", "-d", words, file)

    g_xr, g_xi, CKY_R, CKY_I, SAi_b, IDir_b, Ni_b, Nr_b, theirs = map(
        bytes.fromhex, file.read_text().strip().split(":")
    )
    SKEYID = keymat.SKEYID_psk(HashAlgorithm.SHA1, PSK.encode(), Ni_b, Nr_b)
    assert theirs == keymat.HASH_R(HashAlgorithm.SHA1, SKEYID, g_xi, g_xr, CKY_I, CKY_R, SAi_b, IDir_b)
    assert IDir_b == b"\x02\x00\x00\x00gw.lab"
