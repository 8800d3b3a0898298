"""How times, sizes and octets are written."""

from __future__ import annotations

import pytest

from ikev1.capture.records.report import Check
from ikev1.page.words import after, ends_of, frames_text, mark_of, moment, size, spaced


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.000 s"),
        (59.9994, "59.999 s"),
        (61.54, "61.5 s"),
        (3600, "1 h 00 min"),
        (93784, "26 h 03 min"),
        (-1, "-1.000 s"),
    ],
)
def test_time_since_the_beginning(seconds: float, text: str) -> None:
    assert after(seconds) == text


def test_a_moment_is_in_utc() -> None:
    assert moment(1_700_000_000.9) == "2023-11-14 22:13:20 UTC"
    assert moment(253_402_300_799) == "9999-12-31 23:59:59 UTC"


@pytest.mark.parametrize("time", [-1.0, 253_402_300_800, 2.0**64])
def test_a_time_without_a_date_is_a_number(time: float) -> None:
    assert moment(time) == f"{time:.0f} s after 1970"


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 octets"), (999, "999 octets"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2_000_000_000, "2.0 GB")],
)
def test_sizes(octets: int, text: str) -> None:
    assert size(octets) == text


def test_octets_and_frames() -> None:
    assert spaced("0a1b2c") == "0a 1b 2c"
    assert frames_text((3,)) == "frame 3"
    assert frames_text((3, 4)) == "frames 3, 4"
    assert frames_text(tuple(range(1, 20))) == "frames 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 ..."
    assert frames_text(()) == ""
    assert ends_of("192.0.2.1[500]") == ("192.0.2.1", "500")
    assert ends_of("2001:db8::1") == ("2001:db8::1", "")


@pytest.mark.parametrize(
    ("name", "right", "mark"),
    [
        ("HASH_I", True, "right"),
        ("HASH_I", False, "wrong"),
        ("HASH_I", None, "unknown"),
        ("NAT-D of the source", True, "right"),
        ("NAT-D of the source", False, "differs"),
    ],
)
def test_a_nat_is_no_forger(name: str, right: bool | None, mark: str) -> None:
    assert mark_of(Check(name=name, right=right, text="")) == mark
