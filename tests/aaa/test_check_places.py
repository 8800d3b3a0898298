"""How many users a backend checks at a time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ikev1.aaa.check_places import CheckPlaces, Place
from ikev1.aaa.command import CommandBackend
from ikev1.core.records.remote_access import Accepted, Unavailable, Verdict, XauthAttempt

# a slow check ends when the file in its argument is there
SLOW = """
import os, sys, time
line = sys.stdin.readline()
while "slow" in line and not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


def taken(places: CheckPlaces, *attempts: XauthAttempt) -> list[Place]:
    found = [places.take(attempt) for attempt in attempts]
    return [place for place in found if isinstance(place, Place)]


def test_one_address_gets_a_quarter() -> None:
    places = CheckPlaces(16)
    assert len(taken(places, *(XauthAttempt(f"user{n}", address="198.51.100.7") for n in range(16)))) == 4
    assert len(taken(places, *(XauthAttempt(f"other{n}", address=f"192.0.2.{n}") for n in range(20)))) == 12
    assert len(places) == 16


def test_one_user_gets_an_eighth() -> None:
    places = CheckPlaces(32)
    names = ("bob", "BOB", " bob", "Bob")
    assert len(taken(places, *(XauthAttempt(names[n % 4], address=f"192.0.2.{n}") for n in range(16)))) == 4


def test_one_ipv6_network_counts_as_one_address() -> None:
    places = CheckPlaces(16)
    assert len(taken(places, *(XauthAttempt(f"user{n}", address=f"2001:db8::{n}") for n in range(16)))) == 4


@pytest.mark.parametrize("most", [1, 2, 16])
def test_a_place_that_is_given_back_is_free(most: int) -> None:
    places = CheckPlaces(most)
    for number in range(100):
        (place,) = taken(places, XauthAttempt("bob", address=f"192.0.2.{number}"))
        places.give_back(place)
    assert len(places) == 0


def test_a_peer_with_slow_checks_leaves_places_to_others(tmp_path: Path) -> None:
    ends = tmp_path / "ends"

    async def play() -> tuple[Verdict, list[Verdict]]:
        backend = CommandBackend([sys.executable, "-c", SLOW, str(ends)], 60.0)
        attempts = [XauthAttempt(f"slow{number}", address="198.51.100.7") for number in range(32)]
        slow = [asyncio.create_task(backend.check(attempt)) for attempt in attempts]
        while sum(task.done() for task in slow) < 24:
            await asyncio.wait([task for task in slow if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        other = await backend.check(XauthAttempt("alice", address="192.0.2.1"))
        ends.touch()
        return other, await asyncio.gather(*slow)

    other, verdicts = asyncio.run(play())
    assert isinstance(other, Accepted)
    assert [type(verdict) for verdict in verdicts].count(Unavailable) == 24
    assert [type(verdict) for verdict in verdicts].count(Accepted) == 8
