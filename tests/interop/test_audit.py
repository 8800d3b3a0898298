"""An operator's audit of an own exchange: recorded by the gateway, with charon as its peer, judged with the key log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.charon import PSK, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab

IKE, ESP = "3des-sha1-modp1024", "3des-md5"


def audit(ours: OurGateway, *options: object) -> dict[str, dict[str, Any]]:
    """The findings by their codes."""
    command = ("audit", "--json", "--fail-on", "never", "--keylog", ours.keylog, ours.record, *options)
    findings = json.loads(ours.command(*map(str, command)))["findings"]
    return {finding["code"]: finding for finding in findings}


@pytest.fixture
def negotiated(lab: Lab) -> OurGateway:
    """Our gateway after it called charon in Aggressive Mode with weak algorithms."""
    a, b = lab.direct()
    ours = lab.ours(a, OurOptions(calls=True, aggressive=True, ike=IKE, esp=ESP, keylog=True, record=True))
    lab.charon(b, CharonOptions(calls=False, aggressive=True, ike=IKE, esp=ESP, plane="noesp"))
    ours.control.initiate()
    ours.stop()
    return ours


def test_everything_weak_is_found(negotiated: OurGateway) -> None:
    found = audit(negotiated)
    assert {"aggressive-psk", "identities-exposed", "weak-group", "weak-cipher", "weak-hash", "no-pfs"} <= set(found)
    assert "alice@lab" in found["identities-exposed"]["found"]
    assert found["no-pfs"]["evidence"][0]["message"] == "QM1"
    assert "phase2-lifetime" not in found


def test_the_configured_secret_is_that_of_the_recording(negotiated: OurGateway) -> None:
    words = negotiated.config.with_name("words")
    words.write_text("letmein\nhunter2\n")
    withstood = audit(negotiated, "--config", negotiated.config, "--words", words)
    assert "testable-secret" in withstood
    assert "guessable-secret" not in withstood
    words.write_text(f"letmein\n{PSK.upper()}\n")
    fallen = audit(negotiated, "--config", negotiated.config, "--words", words)
    assert fallen["guessable-secret"]["severity"] == "high"
    assert PSK not in json.dumps(fallen)
