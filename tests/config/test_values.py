"""From TOML's values to ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.config import values


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), ("90", 90), ("3600s", 3600), ("60m", 3600), ("24h", 86_400), ("1d", 86_400), ("8 H", 28_800)],
)
def test_durations(written: object, seconds: int) -> None:
    assert values.duration(written) == seconds


@pytest.mark.parametrize("written", [0, -1, 1.5, True, None, "", "h", "1w", "1h30m", "0s", "49711d", [1]])
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        values.duration(written)


@pytest.mark.parametrize(
    ("written", "amount"),
    [(4608000, 4608000), ("4608000", 4608000), ("4608000K", 4608000), ("4500M", 4608000), ("4 GiB", 4194304)],
)
def test_kilobytes(written: object, amount: int) -> None:
    assert values.kilobytes(written) == amount


@pytest.mark.parametrize("written", [0, "1T", "K", 2**32, "4096G"])
def test_what_is_no_volume(written: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        values.kilobytes(written)


@given(st.integers(1, 2**32 - 1))
def test_seconds_are_read_as_written(seconds: int) -> None:
    assert values.duration(f"{seconds}s") == values.duration(seconds) == seconds


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("%any", "%any"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_endpoints(written: str, endpoint: str) -> None:
    assert values.endpoint(written) == endpoint


@pytest.mark.parametrize("written", ["any", "192.0.2.1/24", "gw.example.org", "", 5])
def test_what_is_no_endpoint(written: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        values.endpoint(written)


@pytest.mark.parametrize("written", ["", "x" * 16, "a b", "a/b", "..", 7])
def test_what_is_no_interface(written: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        values.interface(written)


def test_files_are_relative_to_the_configuration() -> None:
    path = values.file_path(Path("/etc/ikev1"))
    assert (path("a.psk"), path("/run/x")) == ("/etc/ikev1/a.psk", "/run/x")


def test_one_value_stands_for_a_list_of_one() -> None:
    assert values.each(values.port)(500) == (500,)
    assert values.each(values.port)([500, 4500]) == (500, 4500)
