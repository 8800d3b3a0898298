"""Captures whose octets somebody has spoilt: whatever an audit makes of them, it raises nothing."""

from __future__ import annotations

import functools

from hypothesis import given, settings
from hypothesis import strategies as st

from ikev1.audit.capture import audit_capture
from ikev1.audit.guess import OwnSecret, check_own_secrets
from ikev1.audit.parsed import parse_report
from ikev1.capture.analyse import Analyst
from ikev1.capture.keys.key_ring import KeyRing, PreSharedKey
from ikev1.capture.records.packets import Datagram
from ikev1.lesson.run import Subject, run

SECRET = b"secret"
KEYS = KeyRing(pre_shared_keys=(PreSharedKey("test", SECRET),))


@functools.cache
def datagrams(subject: Subject) -> tuple[Datagram, ...]:
    return run(subject, "3des-md5-modp768", SECRET).datagrams


def ignore(octets: int) -> None:
    """Nobody watches."""


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([Subject.AGGRESSIVE, Subject.MAIN]),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_spoilt_octets_raise_nothing(subject: Subject, changes: list[tuple[int, int, int]]) -> None:
    payloads = [bytearray(datagram.payload) for datagram in datagrams(subject)]
    for number, place, value in changes:
        payload = payloads[number % len(payloads)]
        payload[28 + place % (len(payload) - 28)] = value  # behind the header, so that the exchange stays one
    analyst = Analyst(KEYS)
    for datagram, payload in zip(datagrams(subject), payloads, strict=True):
        analyst.add(datagram._replace(payload=bytes(payload)))
    report = analyst.report("spoilt", len(payloads))
    check_own_secrets(parse_report(report), (OwnSecret("ours", SECRET),), None, ignore)
    for finding in audit_capture(report).findings:
        for evidence in finding.evidence:
            assert all(frame <= len(payloads) for frame in evidence.frames)
            assert evidence.offset + evidence.length <= max(map(len, payloads))
