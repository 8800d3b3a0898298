"""Ports have the names of services, as in what charon lists."""

from __future__ import annotations

import pytest

from ikev1.core.records.selector import Selector
from ikev1.daemon.vici.selector_text import selector_text


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("10.1.0.0/16[tcp/22]", "10.1.0.0/16[tcp/ssh]"),
        ("10.1.0.1/32[udp/53]", "10.1.0.1/32[udp/domain]"),
        ("10.1.0.0/16[udp/65000]", "10.1.0.0/16[udp/65000]"),
        ("10.1.0.0/16[icmp]", "10.1.0.0/16[icmp]"),
        ("10.1.0.0/16[47]", "10.1.0.0/16[gre]"),
        ("fd00::/64[tcp/22]", "fd00::/64[tcp/ssh]"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("dynamic[udp/1701]", "dynamic[udp/l2f]"),
    ],
)
def test_a_selector(written: str, listed: str) -> None:
    assert selector_text(Selector.parse(written)) == listed
