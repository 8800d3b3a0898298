"""Whom to tell that it sends with an unknown SPI: who keeps doing so, once in a while."""

from __future__ import annotations

from ikev1.core.records.path import UdpPath
from ikev1.esp.unknown_spis import UnknownSpis

PEER = UdpPath("192.0.2.1", 4500, "198.51.100.2", 4500)


def test_one_packet_and_what_is_under_way_after_a_removal_say_nothing() -> None:
    unknown = UnknownSpis()
    assert not any(unknown.persists(7, PEER, 100.0 + tenth / 10) for tenth in range(10))


def test_a_sender_that_goes_on_is_told_once_in_five_seconds() -> None:
    unknown = UnknownSpis()
    told = [tenth / 10 for tenth in range(200) if unknown.persists(7, PEER, 100.0 + tenth / 10)]
    assert told == [1.0, 6.0, 11.0, 16.0]


def test_a_sender_that_comes_back_much_later_begins_anew() -> None:
    unknown = UnknownSpis()
    unknown.persists(7, PEER, 100.0)
    assert not unknown.persists(7, PEER, 300.0)
    assert unknown.persists(7, PEER, 301.0)


def test_a_flood_takes_no_memory_and_displaces_nobody() -> None:
    unknown = UnknownSpis()
    unknown.persists(7, PEER, 100.0)
    for number in range(10_000):
        unknown.persists(1000 + number, PEER._replace(remote_host=f"203.0.113.{number % 250}"), 100.5)
    assert len(unknown._seen) <= 64
    assert unknown.persists(7, PEER, 101.5)
    assert not unknown.persists(99_999, PEER, 200.0)
    assert unknown.persists(99_999, PEER, 201.0)
