"""Pre-shared keys that differ: both peers give up cleanly, and the log has the code."""

from __future__ import annotations

import pytest

from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import wait_until

CODE = "psk-mismatch"


def test_charon_calls_us_with_another_key(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    charon = lab.charon(a, CharonOptions(calls=True, psk="another-secret"))
    assert charon.control.swanctl("--initiate", "--child", "net", "--timeout", "5").returncode != 0
    ours.wait_for_log(CODE)
    assert not any(sa["state"] == "ESTABLISHED" for sa in ours.control.sas() + charon.control.sas())
    assert not ours.control.children()


def test_we_call_charon_with_another_key(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(psk="another-secret"))
    ours = lab.ours(a, OurOptions(calls=True))
    said = ours.command("up", "peer", "--timeout", "10", check=False)
    ours.wait_for_log(CODE)
    assert "is up" not in said
    wait_until(lambda: not ours.control.sas(), "our SA to be gone")
    assert not charon.control.children()


def test_the_right_key_still_works_after_a_wrong_one(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions())
    stranger = lab.charon(a, CharonOptions(calls=True, psk="another-secret"))
    stranger.control.swanctl("--initiate", "--child", "net", "--timeout", "2")
    stranger.stop()
    lab.charon(a, CharonOptions(calls=True)).control.initiate()
    assert len(ours.control.children()) == 1


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_an_identity_that_charon_does_not_expect_is_not_blamed_on_the_key(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(peer_id="bob@lab", aggressive=aggressive, plane="noesp"))
    ours = lab.ours(a, OurOptions(calls=True, aggressive=aggressive))
    said = ours.command("up", "peer", "--timeout", "10", check=False)
    assert "AUTHENTICATION_FAILED" in said
    assert "refused-by-peer" in ours.log()
    assert CODE not in ours.log()


def test_secrets_never_reach_the_log(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(psk="not-for-the-log"))
    charon = lab.charon(a, CharonOptions(calls=True, psk="not-for-the-log"))
    charon.control.initiate()
    assert "not-for-the-log" not in ours.log()
    assert b"not-for-the-log".hex() not in ours.log()
