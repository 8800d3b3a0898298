"""Lifetimes and perfect forward secrecy."""

from __future__ import annotations

import pytest

from ikev1.audit.of_capture.lifetimes import forward_secrecy, phase1_lifetimes, phase2_lifetimes
from ikev1.audit.parsed import parse_report
from ikev1.wire.payloads import Nonce
from ikev1.wire.registry import EspTransform, ProtocolId
from reported import conversation, message, phase1, phase2, report, sa, share


@pytest.mark.parametrize(("seconds", "count"), [(86_400, 0), (86_401, 1), (604_800, 1)])
def test_phase_1_may_live_a_day(seconds: int, count: int) -> None:
    readings = parse_report(report(conversation(message("MM2", sa(phase1(lifetime=seconds))))))
    assert len(list(phase1_lifetimes(readings))) == count


@pytest.mark.parametrize(("seconds", "count"), [(28_800, 0), (28_801, 1)])
def test_phase_2_may_live_eight_hours(seconds: int, count: int) -> None:
    chosen = phase2(EspTransform.AES_GCM_16, lifetime=seconds)
    readings = parse_report(report(conversation(message("QM2", sa(chosen, protocol=ProtocolId.ESP)))))
    assert len(list(phase2_lifetimes(readings))) == count


def test_a_lifetime_says_how_long_it_is() -> None:
    (found,) = phase1_lifetimes(parse_report(report(conversation(message("MM2", sa(phase1(lifetime=604_800)))))))
    assert "604800 s" in found.found


def test_forward_secrecy_is_a_ke_in_quick_mode() -> None:
    offered = sa(phase2(EspTransform.AES_GCM_16), protocol=ProtocolId.ESP)
    without = parse_report(report(conversation(message("QM1", offered, Nonce(bytes(16))))))
    with_it = parse_report(report(conversation(message("QM1", offered, *share()))))
    assert [found.code for found in forward_secrecy(without)] == ["no-pfs"]
    assert list(forward_secrecy(with_it)) == []


def test_nothing_is_said_of_what_is_sealed() -> None:
    sealed = message("QM1", plaintext="", decrypted=False)
    assert list(forward_secrecy(parse_report(report(conversation(sealed))))) == []
