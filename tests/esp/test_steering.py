"""Which packets of transport mode are led to the device, and the routing table that says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.selector import Selector
from ikev1.esp.steering import Steered, of_table, steered

OURS, THEIRS = "198.51.100.1", "203.0.113.1"


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ("[udp/1701]", "[udp/1701]", Steered(17, local_port=1701)),
        ("[udp/1701]", "[udp]", Steered(17, local_port=1701)),
        ("[udp/1701]", "", Steered(17, local_port=1701)),
        ("[udp]", "[udp/1701]", Steered(17, remote_port=1701)),
        ("", "[tcp/80]", Steered(6, remote_port=80)),
        ("[gre]", "[gre]", Steered(47)),
        ("[icmp/8]", "[icmp]", Steered(1)),  # no protocol with ports
        # what the rule cannot tell from ISAKMP and ESP in UDP
        ("[udp]", "[udp]", None),
        ("", "", None),
    ],
)
def test_what_is_steered(local: str, remote: str, expected: Steered | None) -> None:
    assert steered(Selector.parse(OURS + local), Selector.parse(THEIRS + remote)) == expected


@given(st.integers(1, 255), st.integers(1, 65_535))
def test_the_number_of_a_table_says_what_it_is_for(protocol: int, port: int) -> None:
    kinds = [Steered(protocol), Steered(protocol, local_port=port), Steered(protocol, remote_port=port)]
    numbers = [kind.table for kind in kinds]
    assert [of_table(number) for number in numbers] == kinds
    assert len(set(numbers)) == 3
    assert all(256 <= number < 2**31 for number in numbers)


@pytest.mark.parametrize(
    "number", [0, 254, 255, 4500, 0x45 << 24, (0x45 << 24) + 1701, 0x46 << 24, 0x48 << 24, 2**32 - 1]
)
def test_tables_of_others_are_known_as_such(number: int) -> None:
    assert of_table(number) is None
