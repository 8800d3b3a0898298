"""What others see of us: ike-scan, and tshark with and without the keys that we log for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.capture import ENCRYPTED, MALFORMED, OPENED, Capture, said_first, tshark, wireshark_profile
from lab.charon import CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.traffic import ping

MAIN_AND_QUICK_MODE = 5  # encrypted messages: two of Main Mode, three of Quick Mode
PINGS = 3


@pytest.mark.parametrize("transform", ["(1=7,14=128,2=4,3=1,4=14)", "(1=5,2=2,3=1,4=2)"])
def test_ike_scan_gets_a_handshake(lab: Lab, transform: str) -> None:
    a, b = lab.direct()
    ike = {"14": "aes128-sha256-modp2048", "2": "3des-sha1-modp1024"}[transform.rstrip(")").rpartition("=")[2]]
    ours = lab.ours(b, OurOptions(ike=ike))
    said = a.run("ike-scan", "--multiline", f"--trans={transform}", b.address)
    assert "Main Mode Handshake returned" in said
    assert "1 returned handshake; 0 returned notify" in said
    assert ours.alive


def test_ike_scan_gets_a_notify_for_what_we_refuse(lab: Lab) -> None:
    a, b = lab.direct()
    lab.ours(b, OurOptions())
    said = a.run("ike-scan", "--trans=(1=1,2=1,3=1,4=1)", b.address)
    assert "NO-PROPOSAL-CHOSEN" in said


def established(lab: Lab, *, we_call: bool, esp: str) -> tuple[OurGateway, Capture]:
    """A tunnel with charon, its traffic, and a capture made on our side."""
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, OurOptions(calls=we_call, esp=esp, keylog=True))
    charon = lab.charon(charon_node, CharonOptions(calls=not we_call, esp=esp))
    capture = lab.capture(our_node)
    (ours if we_call else charon).control.initiate()
    for _ in range(PINGS):
        ping(a, count=1)  # what we send at once, a capture on this machine has as one datagram
    return ours, capture


def spoilt(profile: Path, directory: Path) -> Path:
    """The same tables with other keys: each has its digits reversed."""
    directory.mkdir()
    for table in profile.iterdir():
        (directory / table.name).write_text(re.sub("[0-9a-f]{32,}", lambda key: key[0][::-1], table.read_text()))
    return directory


@pytest.mark.parametrize("esp", ["aes128-sha256", "aes256gcm16", "3des-sha1"])
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_tshark_opens_our_capture_with_our_key_log(lab: Lab, we_call: bool, esp: str) -> None:
    ours, capture = established(lab, we_call=we_call, esp=esp)
    profile = wireshark_profile(ours.keylog, lab.folder("profile"))
    file = capture.finish(enough="esp", packets=2 * PINGS)
    said = said_first(file)
    assert len(tshark(file, f"{said} && {ENCRYPTED}")) == MAIN_AND_QUICK_MODE
    assert not tshark(file, f"{OPENED} || icmp")  # without keys nothing is seen
    assert len(tshark(file, f"{said} && {OPENED} && !{MALFORMED}", keys=profile)) == MAIN_AND_QUICK_MODE
    assert not tshark(file, f"{said} && {MALFORMED}", keys=profile)
    assert len(tshark(file, "icmp", keys=profile)) == 2 * PINGS
    if "gcm" not in esp:  # tshark 4.0 does not check the ICV of AES-GCM
        assert len(tshark(file, "esp.icv_good == 1", keys=profile)) == 2 * PINGS


def test_tshark_opens_nothing_with_other_keys(lab: Lab) -> None:
    ours, capture = established(lab, we_call=True, esp="aes128-sha256")
    profile = wireshark_profile(ours.keylog, lab.folder("profile"))
    other = spoilt(profile, lab.folder("spoilt"))
    file = capture.finish(enough="esp")
    assert tshark(file, "icmp", keys=profile)
    assert not tshark(file, f"({OPENED} && !{MALFORMED}) || icmp || esp.icv_good == 1", keys=other)
