"""The MSS of SYN segments, and the checksums it lives by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import ones_complement, tcp, tcp_checksum_is_right
from ikev1.esp.checksum import internet_checksum, ones_sum, updated
from ikev1.esp.mss import clamp_mss

ENDS = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
TCP_AT = {4: 20, 6: 40}


def mss_option(value: int) -> bytes:
    return b"\2\4" + value.to_bytes(2)


@given(
    st.sampled_from([4, 6]),
    st.integers(0, 65535),
    st.integers(1280, 1500),
    st.sampled_from([0, 1, 2, 3]),
    st.binary(max_size=9),
)
def test_clamps_at_any_place_and_keeps_the_checksum(version: int, mss: int, mtu: int, before: int, data: bytes) -> None:
    options = b"\1" * before + mss_option(mss) + b"\1" * (-before % 4)
    packet = tcp(*ENDS[version], flags=2, options=options, data=data)
    clamped = clamp_mss(packet, TCP_AT[version], mtu)
    at = TCP_AT[version] + 20 + before + 2
    assert int.from_bytes(clamped[at : at + 2]) == min(mss, mtu - TCP_AT[version] - 20)
    assert tcp_checksum_is_right(clamped)
    changed = {i for i, (one, other) in enumerate(zip(packet, clamped, strict=True)) if one != other}
    assert changed <= {at, at + 1, TCP_AT[version] + 16, TCP_AT[version] + 17}


def test_syn_ack_counts_as_syn() -> None:
    packet = tcp(*ENDS[4], flags=0x12, options=b"\1\1\4\2" + mss_option(1460))
    assert clamp_mss(packet, 20, 1400) != packet


@pytest.mark.parametrize(
    "packet",
    [
        tcp(*ENDS[4], flags=0x10, options=mss_option(1460)),  # no SYN
        tcp(*ENDS[4], flags=2),  # no option
        tcp(*ENDS[4], flags=2, options=b"\0\0\0\0" + mss_option(1460)),  # behind the end of the list
        tcp(*ENDS[4], flags=2, options=b"\x03\x00\1\1" + mss_option(1460)),  # an option without length
        tcp(*ENDS[4], flags=2, options=b"\2\3\5\1"),
        tcp(*ENDS[4], flags=2, options=b"\1\1\2\4"),  # cut off
        tcp(*ENDS[4], flags=2, options=mss_option(1460))[:39],
    ],
)
def test_all_else_stays_as_it_is(packet: bytes) -> None:
    assert clamp_mss(packet, 20, 1400) == packet


@given(st.binary(max_size=200))
def test_ones_sum_is_that_of_rfc_1071(data: bytes) -> None:
    assert ones_sum(data) == ones_complement(data)
    assert internet_checksum(data) == ~ones_complement(data) & 0xFFFF


@given(st.binary(min_size=4, max_size=60), st.integers(0, 65535))
def test_an_update_is_as_good_as_a_new_sum(data: bytes, word: int) -> None:
    data = data[: len(data) & ~1]
    after = word.to_bytes(2) + data[2:]
    mended = updated(internet_checksum(data), int.from_bytes(data[:2]), word)
    assert ones_complement(after + mended.to_bytes(2)) in (0xFFFF, 0)
