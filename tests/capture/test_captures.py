"""Captures that nobody here made, told as tshark tells them."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from captured import answer, labels, only
from ikev1.capture.analyse import Analyst
from ikev1.capture.keys import EspKeys, IkeKeys, KeyRing, PreSharedKey, load_keys
from ikev1.capture.read import open_capture
from ikev1.capture.records.report import Message, Report
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm, PayloadType
from shared import CAPTURES
from wire_oracle import needs_captures, needs_tshark

pytestmark = needs_captures

COOKIE, KEY = "fafaeb49382a763c", "735be0cb62f82675c4f7bf8fbab9b56834ba76d6ab4fa240"
CERTS_RING = KeyRing((IkeKeys("the table", bytes.fromhex(COOKIE), bytes.fromhex(KEY)),))
SECRET = PreSharedKey("the option", b"MYPASSWORD")
EXCHANGES = {"Main Mode": 2, "Aggressive Mode": 4, "Informational": 5, "Quick Mode": 32}


HEADER_FIELDS = (
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    *("isakmp.exchangetype", "isakmp.messageid", "isakmp.flags", "isakmp.ispi", "isakmp.rspi"),
)


def told(name: str, key_ring: KeyRing = KeyRing()) -> Report:  # noqa: B008
    """The report on a file."""
    analyst = Analyst(key_ring)
    with open_capture(CAPTURES / name) as capture:
        for packet in capture:
            analyst.add(packet)
        return analyst.report(name, capture.frames, capture.notes(), with_secrets=True)


def tshark(name: str, display_filter: str, *fields: str, options: tuple[str, ...] = ()) -> list[list[str]]:
    """tshark's fields of the frames that the filter matches, a list for each frame."""
    command = ["tshark", "-r", str(CAPTURES / name), "-Y", display_filter, "-T", "fields", *options]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


def checks(report: Report, *names: str) -> list[tuple[str, bool | None]]:
    return [
        (check.name, check.right)
        for message in only(report).messages
        for check in message.checks
        if check.name.startswith(names or ("HASH", "SIG"))
    ]


LABELS = {
    "aggressive-mode-psk.pcap": "AM1 AM2 AM3 QM1 QM2 QM3",
    "main-mode-certs.pcap": "MM1 MM2 MM3 MM4 MM5 MM6 QM1 (QM1) QM2 QM3",
    "main-mode-group1-pre-rfc-natd.pcap": "MM1 MM2 MM3 MM4 MM5 MM6 QM1 QM2 QM3",
    "main-mode-psk.pcap": "MM1 MM2 MM3 MM4 MM5 MM6 QM1 QM2 QM3",
    "nat-t-float-4500.pcap": "MM1 MM2 MM3 MM4 MM5 MM6 QM1 QM2 QM3 (QM2) (QM3) (QM2) (QM3) (QM2) INFO",
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str) -> None:
    conversation = only(told(name))
    assert " ".join(labels(conversation)) == LABELS[name]
    assert conversation.outcome == "established"
    assert not any(message.problems for message in conversation.messages)


@needs_tshark
@pytest.mark.parametrize("name", LABELS)
def test_headers_and_payloads_are_those_of_tshark(name: str) -> None:
    rows = tshark(name, "isakmp", *HEADER_FIELDS)
    conversation = only(told(name))
    assert len(rows) == len(conversation.messages)
    for row, message in zip(rows, conversation.messages, strict=True):
        frame, time, source, destination, exchange, message_id, flags, CKY_I, CKY_R = row
        assert message.frames == (int(frame),)
        assert message.time == pytest.approx(float(time), abs=1e-6)
        assert (message.source.split("[")[0], message.destination.split("[")[0]) == (source, destination)
        assert EXCHANGES[message.exchange] == int(exchange)
        assert int(message.message_id, 16) == int(message_id, 16)
        assert message.encrypted == bool(int(flags, 16) & 1)
        assert conversation.initiator_cookie == CKY_I
        assert int(CKY_R, 16) in (0, int(conversation.responder_cookie, 16))


def payload_types(message: Message) -> list[int]:
    """The types of the payloads, by the names of the fields."""
    chain = bytes.fromhex(message.plaintext)
    found, position, kind = [], 28, chain[16]
    while kind:
        found.append(kind)
        kind, position = chain[position], position + int.from_bytes(chain[position + 2 : position + 4])
    return found


@needs_tshark
def test_what_was_decrypted_is_what_tshark_decrypts() -> None:
    table = ("-o", f"uat:ikev1_decryption_table:{COOKIE},{KEY}")
    rows = tshark("main-mode-certs.pcap", "isakmp", "isakmp.typepayload", "isakmp.hash", options=table)
    messages = only(told("main-mode-certs.pcap", CERTS_RING)).messages
    inside_sa = {PayloadType.PROPOSAL, PayloadType.TRANSFORM}
    for number, ((types, hashes), message) in enumerate(zip(rows, messages, strict=True), 1):
        expected = [int(kind) for kind in types.split(",") if int(kind) not in inside_sa]
        if number == 8:  # a repetition, whose IV tshark does not have
            continue
        assert payload_types(message) == expected, message.label
        if hashes:
            (found,) = [field for field in message.fields if field.name.startswith("Hash")]
            octets = bytes.fromhex(message.plaintext)[found.offset + 4 : found.offset + found.length]
            assert octets.hex() == hashes


def test_certificates_under_a_key_from_a_table() -> None:
    report = told("main-mode-certs.pcap", CERTS_RING)
    conversation = only(report)
    assert all(message.decrypted for message in conversation.messages[4:])
    assert (conversation.suite, conversation.authentication) == (
        "TRIPLE_DES_CBC/MD5/MODP_1024/RSA_SIGNATURES",
        "RSA_SIGNATURES",
    )
    assert (conversation.initiator.maker, conversation.responder.maker) == ("Openswan", "Juniper NetScreen")
    assert "CERT(X509_SIGNATURE, 1493 octets)" in conversation.messages[4].line
    assert answer(conversation, "pfs").codes == ("yes",)
    assert "MODP_1024" in answer(conversation, "pfs").text
    assert {right for _, right in checks(report)} == {None}  # SKEYID is not known
    assert conversation.messages[7].retransmission_of == 6
    assert answer(conversation, "silence").codes == ("retransmission",)
    assert "f2cfe203" in answer(conversation, "silence").text


def test_the_secret_of_the_aggressive_mode() -> None:
    report = told("aggressive-mode-psk.pcap", KeyRing(pre_shared_keys=(SECRET,)))
    assert checks(report) == [("HASH_R", True)]
    assert checks(report, "NAT-D") == [("NAT-D of the destination", True), ("NAT-D of the source", True)]
    conversation = only(report)
    assert answer(conversation, "offline-guess").codes == ("yes",)
    assert conversation.initiator.identity == conversation.responder.identity == "192.168.12.2"
    assert conversation.responder.maker == "Cisco, or a client of its kind"
    other = told("aggressive-mode-psk.pcap", KeyRing(pre_shared_keys=(PreSharedKey("the option", b"MYPASSWORE"),)))
    assert checks(other) == [("HASH_R", False)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("main-mode-psk.pcap", "not-phase1-group"),
        ("main-mode-group1-pre-rfc-natd.pcap", "possible"),
        ("nat-t-float-4500.pcap", "possible"),
    ],
)
def test_what_lengths_tell_of_forward_secrecy(name: str, code: str) -> None:
    assert answer(only(told(name)), "pfs").codes == (code,)


def test_nat_d_before_the_drafts() -> None:
    report = told("main-mode-group1-pre-rfc-natd.pcap")
    assert [right for _, right in checks(report, "NAT-D")] == [True] * 4
    assert "MODP_768" in answer(only(report), "group").text


def test_the_float_to_port_4500() -> None:
    conversation = only(told("nat-t-float-4500.pcap"))
    assert conversation.initiator.ports == conversation.responder.ports == (500, 4500)
    assert (conversation.initiator.behind_nat, conversation.responder.behind_nat) == (True, False)
    assert answer(conversation, "silence").codes == ("retransmission",)


@needs_tshark
@pytest.mark.parametrize("name", ["nat-t-float-4500.pcap", "esp-aes256-sha1.pcap", "esp-in-udp-3des.pcap"])
def test_esp_is_counted_as_tshark_counts(name: str) -> None:
    rows = tshark(name, "esp", "esp.spi", "ip.src", "ip.dst")
    counted = Counter((int(spi, 16), source, destination) for spi, source, destination in rows)
    report = told(name)
    flows = [*report.esp, *(flow for conversation in report.conversations for flow in conversation.esp)]
    assert counted == {
        (int(flow.spi, 16), flow.source.split("[")[0], flow.destination.split("[")[0]): flow.packets for flow in flows
    }
    assert [flow.missing for flow in flows] == [0]
    assert (sum(flow.first_frame for flow in flows), sum(flow.last_frame for flow in flows)) == (
        int(tshark(name, "esp", "frame.number")[0][0]),
        int(tshark(name, "esp", "frame.number")[-1][0]),
    )


def test_esp_opens_with_the_keys_beside_it() -> None:
    """tcpdump's file has no integrity keys; in the test bed that these are from each is 0x8765..., cut to its size."""
    key_ring = load_keys(CAPTURES / "esp-secrets.txt")
    (flow,) = told("esp-aes256-sha1.pcap", key_ring).esp
    assert (flow.opened, flow.wrong) == (0, 0)
    assert flow.inner.startswith("192.0.2.1 -> 192.0.1.1 ICMP echo request ×8 (")
    key = next(keys.keys.encryption_key for keys in key_ring.esp if keys.keys.spi == 0xD1234567)
    suite = IpsecSuite(EspTransform.AES_CBC, 256, IntegrityAlgorithm.HMAC_SHA1)
    keys = EspKeys("the test bed", suite, IpsecKeys(0xD1234567, key, bytes.fromhex("8765") * 10))
    (flow,) = told("esp-aes256-sha1.pcap", KeyRing(esp=(keys,))).esp
    assert (flow.packets, flow.opened, flow.wrong, flow.missing) == (8, 8, 0, 0)
    assert flow.inner == "192.0.2.1 -> 192.0.1.1 ICMP echo request ×8"


@pytest.mark.parametrize(
    ("name", "notify"),
    [
        ("isakmp-delete-segfault.pcap", "(INVALID_MAJOR_VERSION)"),
        ("isakmp-no-none-np.pcapng", "(PAYLOAD_MALFORMED)"),
        ("isakmp-pointer-loop.pcap", "(UNEQUAL_PAYLOAD_LENGTHS)"),
        ("payload-bad-length.pcap", "(PAYLOAD_MALFORMED)"),
    ],
)
def test_what_is_malformed_is_a_problem_of_its_message(name: str, notify: str) -> None:
    (message,) = only(told(f"malformed/{name}")).messages
    assert any(problem.endswith(notify) for problem in message.problems)
    assert message.fields
    assert message.line.startswith("malformed: ")
