"""Captures of real peers, opened with what the peers' own logs tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.capture.analyse import Analyst
from ikev1.capture.keys import DhSecret, KeyRing, load_keys
from ikev1.capture.read import open_capture
from ikev1.capture.records.report import Conversation, Message
from lab.capture import said_first, tshark, wireshark_profile
from lab.charon import PSK, CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions
from lab.traffic import ping

INSIDE_SA = {"2", "3"}  # proposals and transforms, which tshark counts as payloads


def explained(file: Path, key_ring: KeyRing) -> Conversation:
    """The only conversation of a capture."""
    analyst = Analyst(key_ring)
    with open_capture(file) as capture:
        for packet in capture:
            analyst.add(packet)
        (conversation,) = analyst.report(str(file), capture.frames, capture.notes(), with_secrets=True).conversations
    return conversation


def payload_types(message: Message) -> list[str]:
    octets = bytes.fromhex(message.plaintext)
    found, position, kind = [], 28, octets[16]
    while kind:
        found.append(str(kind))
        kind, position = octets[position], position + int.from_bytes(octets[position + 2 : position + 4])
    return found


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("calls", [False, True], ids=["charon-answers", "charon-calls"])
def test_charon_tells_all_keys(lab: Lab, aggressive: bool, calls: bool) -> None:
    a, b = lab.direct()
    capture = lab.capture(b)
    theirs, ours = (a, b) if calls else (b, a)
    options = CharonOptions(calls=calls, log_level=4, aggressive=aggressive, esp="aes128-sha256-modp2048")
    charon = lab.charon(theirs, options)
    gateway = lab.ours(
        ours, OurOptions(calls=not calls, aggressive=aggressive, esp="aes128-sha256-modp2048", keylog=True)
    )
    if calls:
        charon.control.initiate()
    else:
        gateway.command("up", "peer")
    for _ in range(3):
        ping(a, count=1)  # what we send at once, a capture on this machine has as one datagram
    file = capture.finish("esp", 6)
    conversation = explained(file, load_keys(charon.directory / "charon.log"))

    labels = [message.label for message in conversation.messages if message.retransmission_of is None]
    phase1 = ["AM1", "AM2", "AM3"] if aggressive else ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]
    assert labels == [*phase1, "QM1", "QM2", "QM3"]
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    checks = {check.name: check.right for message in conversation.messages for check in message.checks}
    assert {name for name, right in checks.items() if right} >= {"HASH_I", "HASH_R", "HASH(1)", "HASH(2)", "HASH(3)"}
    assert None not in checks.values()
    assert (conversation.initiator.identity, conversation.responder.identity) == ("alice@lab", "gw.lab")
    assert conversation.initiator.identity_visible is aggressive

    # ESP: as many as tshark sees, every ICV right
    flows = {flow.spi: flow for flow in conversation.esp}
    seen = tshark(file, "esp", ["esp.spi"])
    assert {spi: flow.packets for spi, flow in flows.items()} == {spi: seen.count(f"0x{spi}") for spi in flows}
    assert sum(flow.packets for flow in flows.values()) == len(seen) >= 6
    assert all(flow.opened == flow.packets and flow.missing == flow.wrong == 0 for flow in flows.values())
    assert any(f"{a.host} -> {a.remote_host} ICMP echo request ×3" in flow.inner for flow in flows.values())

    # tshark decrypts the same, with our own key log
    keys = wireshark_profile(gateway.keylog, lab.folder("wireshark"))
    rows = tshark(file, said_first(file), ["frame.number", "isakmp.typepayload"], keys)
    by_frame = {int(frame): types.split(",") for frame, types in (row.split("\t") for row in rows)}
    told = {message.frames[0]: payload_types(message) for message in conversation.messages}
    for frame, types in by_frame.items():
        assert told[frame] == [kind for kind in types if kind not in INSIDE_SA]


def test_signatures_are_proved_by_the_certificates_beside_them(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(log_level=4, plane="noesp", certificate="gw-rsa"))
    capture = lab.capture(b)
    lab.ours(a, OurOptions(calls=True, certificate="alice-rsa")).command("up", "peer")
    file = capture.finish("isakmp", 9)
    conversation = explained(file, load_keys(charon.directory / "charon.log"))
    checks = {check.name: check.right for message in conversation.messages for check in message.checks}
    assert checks["SIG_I"] is checks["SIG_R"] is checks["HASH(3)"] is True
    assert conversation.authentication == "RSA_SIGNATURES"
    assert not conversation.initiator.identity_visible


def test_pluto_tells_its_secret_and_the_keys_of_esp(lab: Lab) -> None:
    """What libreswan makes of the secret stays inside NSS, and so do its ISAKMP messages for us."""
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(aggressive=True, ike="aes128-sha256-modp2048", keylog=True))
    capture = lab.capture(b)
    pluto = lab.pluto(a, PlutoOptions(calls=True, aggressive=True))
    pluto.whack("--debug", "private")
    pluto.initiate()
    file = capture.finish("isakmp", 6)
    key_ring = load_keys(pluto.directory / "pluto.log")
    assert [secret.octets for secret in key_ring.pre_shared_keys] == [PSK.encode()]
    conversation = explained(file, key_ring)
    checks = {check.name: check.right for message in conversation.messages for check in message.checks}
    assert checks["HASH_R"] is True
    assert [message.label for message in conversation.messages][:3] == ["AM1", "AM2", "AM3"]
    of_ours = load_keys(ours.keylog.with_name("keylog.esp_sa")).esp
    assert len(of_ours) == 2
    of_pluto = [(keys.suite, keys.keys) for keys in key_ring.esp]
    assert all((keys.suite, keys.keys) in of_pluto for keys in of_ours)


def test_pluto_and_the_private_exponent_of_its_peer(lab: Lab) -> None:
    """The secret in pluto's log, with g^xy that charon at the other end dumped, opens Main Mode."""
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(log_level=4, plane="noesp"))
    capture = lab.capture(b)
    pluto = lab.pluto(a, PlutoOptions(calls=True))
    pluto.whack("--debug", "crypt")
    pluto.initiate()
    file = capture.finish("isakmp", 9)
    secret = load_keys(pluto.directory / "pluto.log").pre_shared_keys
    (of_charon,) = load_keys(charon.directory / "charon.log").ike
    key_ring = KeyRing(dh_secrets=(DhSecret("charon", of_charon.g_xy),), pre_shared_keys=secret)
    conversation = explained(file, key_ring)
    assert [message.label for message in conversation.messages][:6] == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]
    assert all(message.decrypted for message in conversation.messages if message.encrypted)
    checks = [check.right for message in conversation.messages for check in message.checks]
    assert all(checks)
    assert len(checks) >= 5
