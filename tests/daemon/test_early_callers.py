"""First messages from unknown addresses are held while connections are awaited, and only a few of them."""

from __future__ import annotations

from ikev1.core.records.path import UdpPath
from ikev1.daemon.early_callers import EarlyCallers

PATH = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
KNOWN, UNKNOWN = (b"known", PATH), (b"unknown", PATH)


def early_callers(*, awaited: bool) -> EarlyCallers:
    found = EarlyCallers(lambda datagram, _: datagram != KNOWN[0])
    found.awaited = lambda: awaited
    return found


def test_without_a_connection_to_come_nothing_is_held() -> None:
    callers = early_callers(awaited=False)
    assert [*callers.hold([UNKNOWN, KNOWN])] == [UNKNOWN, KNOWN]
    assert callers.release() == []


def test_what_is_held_is_released_once() -> None:
    callers = early_callers(awaited=True)
    assert [*callers.hold([UNKNOWN, KNOWN])] == [KNOWN]
    assert callers.release() == [UNKNOWN]
    assert callers.release() == []


def test_what_is_held_is_bounded() -> None:
    callers = early_callers(awaited=True)
    long = (bytes(8193), PATH)
    assert [*callers.hold([long])] == [long]
    left = [*callers.hold([UNKNOWN] * 100)]
    assert len(left) == 36
    assert len(callers.release()) == 64
