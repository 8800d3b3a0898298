"""Selectors as users write them."""

from __future__ import annotations

import pytest

from ikev1.config.selectors import with_numbers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("10.1.0.0/16[tcp/ssh]", "10.1.0.0/16[tcp/22]"),
        ("dynamic[udp/l2tp]", "dynamic[udp/1701]"),
        ("dynamic[ah]", "dynamic[51]"),
        ("10.1.0.0/16[tcp/0-65535]", "10.1.0.0/16[tcp/any]"),
        ("10.1.0.0/16[nonsense]", "10.1.0.0/16[nonsense]"),  # what it is not is said by the parser
    ],
)
def test_protocols_and_services_have_numbers(written: str, expected: str) -> None:
    assert with_numbers(written) == expected


@pytest.mark.parametrize("port", ["80-90", "1024-65535", "no-service"])
def test_ranges_of_ports_and_unknown_services_are_refused(port: str) -> None:
    with pytest.raises(ValueError, match=port):
        with_numbers(f"10.1.0.0/16[tcp/{port}]")
