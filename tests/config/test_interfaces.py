"""``interface`` of a tunnel, and what belongs to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded, Rule
from ikev1.core.records.child_sa import Mark
from ikev1.core.records.settings import InterfaceKind, Tunnel, TunnelInterface

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]
PATH = "connection.one.tunnel.one"


def configuration(*lines: str, second: str = "", remote: str = "198.51.100.7") -> str:
    tunnels = [("one", "\n".join(lines), remote)] + ([("two", second, "198.51.100.8")] if second else [])
    return "".join(
        f"""
[connection.{name}]
remote_address = "{peer}"
secret = "a secret of more than twenty octets"
[connection.{name}.tunnel.{name}]
local = "0.0.0.0/0"
remote = "0.0.0.0/0"
{keys}
"""
        for name, keys, peer in tunnels
    )


def tunnel(loaded: Load, *lines: str) -> Tunnel:
    return loaded(configuration(*lines)).settings.connections[0].tunnels[0]


def test_an_interface_binds_the_tunnel_by_an_id_that_its_name_determines(loaded: Load) -> None:
    lines = 'interface = "ipsec0"', 'interface_address = ["169.254.1.1/30", "fd01::1/64"]', "interface_mtu = 1380"
    found = tunnel(loaded, *lines, 'routes = ["10.2.0.0/16"]')
    addresses, routes = ("169.254.1.1/30", "fd01::1/64"), ("10.2.0.0/16",)
    assert found.interface == TunnelInterface("ipsec0", InterfaceKind.XFRM, addresses, 1380, routes)
    assert found.marks.if_id_in == found.marks.if_id_out != 0
    assert found.marks.mark_out == Mark()
    assert tunnel(loaded, 'interface = "ipsec0"').marks == found.marks
    assert tunnel(loaded, 'interface = "ipsec1"').marks != found.marks


@pytest.mark.parametrize("line", ["if_id_in = 7", "if_id_out = 7", "if_id_in = 7\nif_id_out = 7"])
def test_a_configured_id_is_that_of_both_directions(loaded: Load, line: str) -> None:
    marks = tunnel(loaded, 'interface = "ipsec0"', line).marks
    assert (marks.if_id_in, marks.if_id_out) == (7, 7)


def test_a_vti_binds_the_tunnel_by_a_mark(loaded: Load) -> None:
    vti = 'interface = "ipsec0"\ninterface_type = "vti"'
    derived, chosen = tunnel(loaded, vti).marks, tunnel(loaded, vti, "mark_in = 7\nmark_out = 7").marks
    assert derived.mark_in == derived.mark_out
    assert derived.mark_out.mask == 0xFFFF_FFFF
    assert (derived.if_id_out, chosen.mark_out.value) == (0, 7)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('interface = "an interface"', {f"{PATH}.interface": Rule.INVALID_VALUE}),
        ('interface = "i"\ninterface_type = "gre"', {f"{PATH}.interface_type": Rule.INVALID_VALUE}),
        ('interface = "i"\ninterface_address = "10.0.0.300"', {f"{PATH}.interface_address": Rule.INVALID_VALUE}),
        ('interface = "i"\nroutes = "10.2.0.1/16"', {f"{PATH}.routes": Rule.INVALID_VALUE}),
        ('interface = "i"\nif_id_in = 1\nif_id_out = 2', {f"{PATH}.interface": Rule.INVALID_VALUE}),
        ('interface = "i"\ninterface_type = "vti"\nif_id_in = 1', {f"{PATH}.interface": Rule.INVALID_VALUE}),
        ('routes = "10.2.0.0/16"', {f"{PATH}.routes": Rule.UNUSED_KEY}),
    ],
)
def test_what_is_wrong(refused: Refused, lines: str, expected: dict[str, Rule]) -> None:
    assert refused(configuration(lines)) == expected


def test_a_vti_is_for_ipv4(refused: Refused) -> None:
    text = configuration('interface = "i"\ninterface_type = "vti"', remote="2001:db8::7")
    assert refused(text) == {f"{PATH}.interface_type": Rule.INVALID_VALUE}


def test_a_userspace_data_plane_has_no_such_interfaces(refused: Refused) -> None:
    text = '[gateway]\ndata_plane = "userspace"\n' + configuration('interface = "ipsec0"')
    assert refused(text) == {PATH: Rule.NEEDS_KERNEL}


@pytest.mark.parametrize(
    ("first", "second", "warned"),
    [
        ("", "start = 'none'", True),
        ("mark_in = 1\nmark_out = 1", "mark_in = 2\nmark_out = 2", False),
        ("if_id_in = 1\nif_id_out = 1", "if_id_in = 2\nif_id_out = 2", False),
        ("if_id_in = 1\nif_id_out = 1", "if_id_in = 1\nif_id_out = 1", True),
        ('interface = "ipsec1"', 'interface = "ipsec2"', False),
    ],
)
def test_tunnels_from_anywhere_to_anywhere_are_told_apart_by_marks_and_ids(
    loaded: Load, first: str, second: str, warned: bool
) -> None:
    rules = {finding.rule for finding in loaded(configuration(first, second=second)).warnings}
    assert (Rule.SAME_NETWORKS in rules) is warned
    assert (Rule.SAME_NETWORK_AT_BOTH_ENDS in rules) is warned or "if_id" in first


def test_tunnels_may_share_an_interface_that_is_the_same_for_both(loaded: Load, refused: Refused) -> None:
    same = 'interface = "ipsec0"\nif_id_in = 7'
    assert loaded(configuration(same, second=f'{same}\nroutes = "10.2.0.0/16"')).settings.connections
    other = configuration(same, second=same.replace("7", "8"))
    assert refused(other) == {"connection.two.tunnel.two.interface": Rule.INVALID_VALUE}
