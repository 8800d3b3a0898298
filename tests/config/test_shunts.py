"""``[shunt.NAME]``: traffic without IPsec SAs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded, Rule
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Shunt, ShuntAction, Start

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]

TUNNEL = """
[connection.branch]
remote_address = "198.51.100.7"
secret = "a secret of more than twenty octets"
[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
"""


def shunt(*lines: str) -> str:
    return "\n".join(["[shunt.one]", *lines])


def test_a_shunt_has_two_selectors_and_is_in_force_from_the_start(loaded: Load) -> None:
    text = shunt('action = "pass"', 'local = "10.1.0.0/16"', 'remote = "10.9.0.0/24[tcp/22]"')
    expected = Shunt("one", ShuntAction.PASS, Selector.parse("10.1.0.0/16"), Selector.parse("10.9.0.0/24[tcp/22]"))
    assert loaded(text).settings.shunts == (expected,)
    assert expected.start is Start.TRAP


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ('remote = "10.9.0.0/24"', ("0.0.0.0/0", "10.9.0.0/24")),
        ('local = "fd01::/64[udp/53]"', ("fd01::/64[udp/53]", "::/0")),
        ('local = "dynamic[icmp]"\nremote = "0.0.0.0/0"', ("0.0.0.0/0[icmp]", "0.0.0.0/0")),
    ],
)
def test_what_names_no_addresses_is_for_all(loaded: Load, line: str, ends: tuple[str, str]) -> None:
    (found,) = loaded(shunt('action = "drop"', 'start = "none"', line)).settings.shunts
    assert (found.action, found.start) == (ShuntAction.DROP, Start.NONE)
    assert (str(found.local), str(found.remote)) == ends


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (('remote = "10.9.0.0/24"',), {"shunt.one.action": Rule.MISSING_KEY}),
        (('action = "protect"', 'remote = "10.9.0.0/24"'), {"shunt.one.action": Rule.INVALID_VALUE}),
        (('action = "pass"',), {"shunt.one.remote": Rule.MISSING_KEY}),
        (('action = "pass"', 'remote = "10.9.0/24"'), {"shunt.one.remote": Rule.INVALID_VALUE}),
        (('action = "pass"', 'remote = "::1"', 'local = "10.0.0.1"'), {"shunt.one": Rule.MIXED_IP_VERSIONS}),
        (('action = "pass"', 'remote = "0.0.0.0/0[tcp]"', 'local = "dynamic[udp]"'), {"shunt.one": Rule.INVALID_VALUE}),
        (('action = "pass"', 'remote = "10.9.0.1"', 'start = "start"'), {"shunt.one.start": Rule.INVALID_VALUE}),
        (('action = "pass"', 'remote = "10.9.0.1"', "mode = 1"), {"shunt.one.mode": Rule.UNKNOWN_KEY}),
    ],
)
def test_what_is_wrong(refused: Refused, lines: tuple[str, ...], expected: dict[str, Rule]) -> None:
    assert refused(shunt(*lines)) == expected


@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        ('action = "pass"\nremote = "0.0.0.0/0"', True),
        ('action = "pass"\nremote = "10.2.0.0/24"', False),
        ('action = "drop"\nlocal = "10.1.0.0/16"\nremote = "10.2.0.0/24"', True),
        ('action = "drop"\nremote = "0.0.0.0/0"', False),
    ],
)
def test_what_leaves_nothing_to_a_tunnel_or_has_nothing_itself_is_warned_of(
    loaded: Load, lines: str, warned: bool
) -> None:
    rules = [finding.rule for finding in loaded(TUNNEL + shunt(lines)).warnings]
    assert (Rule.SHUNT_ORDER in rules) is warned
