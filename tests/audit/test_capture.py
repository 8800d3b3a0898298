"""Audits of captures that nobody here made, against what tshark says of them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from ikev1.audit.capture import audit_capture
from ikev1.audit.finding import Audit
from ikev1.capture.analyse import Analyst
from ikev1.capture.keys.key_ring import IkeKeys, KeyRing
from ikev1.capture.read import open_capture
from shared import CAPTURES, shared_file

CERTS_KEY = KeyRing(
    ike=(IkeKeys("test", encryption_key=bytes.fromhex("735be0cb62f82675c4f7bf8fbab9b56834ba76d6ab4fa240")),)
)


def audited(name: str, keys: KeyRing = KeyRing()) -> Audit:  # noqa: B008
    file = shared_file(CAPTURES / name)
    analyst = Analyst(keys)
    with open_capture(file) as capture:
        for packet in capture:
            analyst.add(packet)
        return audit_capture(analyst.report(name, capture.frames))


def codes(audit: Audit) -> list[str]:
    return [finding.code for finding in audit.findings]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aggressive-mode-psk.pcap", ["aggressive-psk", "weak-group", "identities-exposed", "weak-hash", "ikev1"]),
        ("main-mode-psk.pcap", ["weak-group", "weak-hash", "ikev1"]),
        ("main-mode-group1-pre-rfc-natd.pcap", ["weak-group", "weak-hash", "ikev1"]),
        (
            "nat-t-float-4500.pcap",
            ["weak-cipher", "weak-hash", "weak-group", "weak-offer", "maker-exposed", "maker-exposed", "ikev1"],
        ),
        ("esp-aes256-sha1.pcap", []),
    ],
)
def test_what_is_found(name: str, expected: list[str]) -> None:
    assert codes(audited(name)) == expected


def test_without_keys_nothing_is_said_of_what_they_hide() -> None:
    audit = audited("main-mode-certs.pcap")
    assert not {"no-pfs", "phase2-lifetime", "certificate-dates"} & set(codes(audit))
    assert len(audit.notes) == 1


def test_with_keys_certificates_and_quick_mode_are_judged() -> None:
    """Its certificates have RSA keys of 1024 bits, as tshark shows, and its Quick Mode has a KE payload."""
    audit = audited("main-mode-certs.pcap", CERTS_KEY)
    found = set(codes(audit))
    assert "small-key" in found
    assert "no-pfs" not in found
    assert audit.notes == ()


def test_no_conversation_is_said() -> None:
    audit = audited("esp-aes256-sha1.pcap")
    assert (audit.findings, len(audit.notes)) == ((), 1)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", ["aggressive-mode-psk.pcap", "main-mode-psk.pcap", "nat-t-float-4500.pcap"])
def test_the_octets_of_the_evidence_are_where_tshark_sees_them(name: str) -> None:
    """The transform that was chosen: its first octet and its length, from the start of the ISAKMP header on."""
    audit = audited(name)
    (finding,) = (finding for finding in audit.findings if finding.code == "weak-group")
    (evidence,) = finding.evidence
    command = ["tshark", "-r", str(CAPTURES / name), "-Y", f"frame.number=={evidence.frames[0]}", "-T", "pdml"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    isakmp = next(line for line in lines if '<proto name="isakmp"' in line)
    transform = next(line for line in lines if "Transform (3)" in line)
    place = _number(transform, "pos") - _number(isakmp, "pos"), _number(transform, "size")
    assert (evidence.offset, evidence.length) == place


def _number(line: str, name: str) -> int:
    """The value of an attribute in a line of PDML."""
    return int(line.partition(f'{name}="')[2].partition('"')[0])
