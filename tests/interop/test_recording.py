"""The gateway's own recording: tshark and Wireshark open it, and with the key log what was encrypted."""

from __future__ import annotations

import json

import pytest

from ikev1.capture.read import open_capture
from ikev1.capture.records.packets import Datagram
from lab.capture import ENCRYPTED, MALFORMED, OPENED, tshark, wireshark_profile
from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import run

MAIN_MODE, QUICK_MODE = 6, 3
IN_THE_CLEAR = 4


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_tshark_opens_what_we_recorded(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    ours = lab.ours(our_node, OurOptions(calls=we_call, keylog=True, record=True))
    charon = lab.charon(charon_node, CharonOptions(calls=not we_call))
    capture = lab.capture(our_node)
    (ours if we_call else charon).control.initiate()
    wire = capture.finish(enough="isakmp", packets=MAIN_MODE + QUICK_MODE)
    ours.stop()

    assert len(tshark(ours.record, "isakmp")) >= MAIN_MODE + QUICK_MODE
    assert not tshark(ours.record, f"{MALFORMED} || !isakmp")
    assert not tshark(ours.record, OPENED)
    profile = wireshark_profile(ours.keylog, lab.folder("profile"))
    encrypted = len(tshark(ours.record, ENCRYPTED))
    assert encrypted >= MAIN_MODE + QUICK_MODE - IN_THE_CLEAR
    assert len(tshark(ours.record, f"{OPENED} && !{MALFORMED}", keys=profile)) == encrypted

    with open_capture(ours.record) as recorded, open_capture(wire) as captured:
        ours_saw = [packet for packet in recorded if isinstance(packet, Datagram)]
        tcpdump_saw = [packet for packet in captured if isinstance(packet, Datagram)]
    in_both = len(tcpdump_saw)
    assert in_both >= MAIN_MODE + QUICK_MODE
    assert [what(packet) for packet in ours_saw[:in_both]] == [what(packet) for packet in tcpdump_saw]
    assert all(abs(ours.time - theirs.time) < 60 for ours, theirs in zip(ours_saw, tcpdump_saw, strict=False))


def test_explain_opens_what_we_recorded(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(a, OurOptions(calls=True, keylog=True, record=True))
    lab.charon(b, CharonOptions(calls=False))
    ours.control.initiate()
    ours.stop()
    report = json.loads(ours.command("explain", str(ours.record), "--keylog", str(ours.keylog), "--json"))
    (conversation,) = report["conversations"]
    assert report["notes"] == []
    assert conversation["outcome"] == "established"
    labels = [message["label"] for message in conversation["messages"]]
    assert labels[: MAIN_MODE + QUICK_MODE] == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]
    assert all(message["decrypted"] == message["encrypted"] for message in conversation["messages"])


def what(packet: Datagram) -> tuple[str, int, str, int, bool, bytes]:
    """All but time and frame."""
    return packet[2:8]


def test_tshark_finds_nothing_to_correct_in_the_headers(lab: Lab) -> None:
    """The checksums that the recorder writes itself, the directions, and who wrote it."""
    a, b = lab.direct()
    ours = lab.ours(a, OurOptions(calls=True, record=True))
    lab.charon(b, CharonOptions(calls=False))
    ours.control.initiate()
    ours.stop()
    preferences = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
    fields = ("-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "frame.packet_flags_direction")
    printed = run("tshark", "-r", ours.record, "-T", "fields", *preferences, *fields).splitlines()
    rows = [row.split("\t") for row in printed if "\t" in row]  # tshark warns of being root
    assert {(ip, udp) for ip, udp, _ in rows} == {("1", "1")}
    sent, received = "0x00000002", "0x00000001"
    assert [direction for _, _, direction in rows[:4]] == [sent, received] * 2
    told = run("capinfos", ours.record)
    assert "Capture application: ikev1" in told
    assert "Capture comment:     ISAKMP messages" in told
