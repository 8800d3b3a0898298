"""Whole configurations as people have them, read from both ends; they were written after Cisco's manuals."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from ikev1.config import Rule, Side, load
from ikev1.config.formats import recognised
from ikev1.core.records.settings import Connection, Tunnel

FOLDER = Path(__file__).with_name("cisco")


class End(NamedTuple):
    """What a connection and its tunnels must be: addresses, identities, and for each tunnel mode, selectors, start."""

    local: str
    remotes: tuple[str, ...]
    ids: tuple[str | None, str | None]
    tunnels: tuple[tuple[str, str, str, str], ...]


def seen(connection: Connection) -> End:
    return End(
        connection.local_address,
        connection.remotes,
        (connection.local_id, connection.remote_id),
        tuple(map(_seen_tunnel, connection.tunnels)),
    )


def _seen_tunnel(tunnel: Tunnel) -> tuple[str, str, str, str]:
    return tunnel.mode.value, str(tunnel.local), str(tunnel.remote), tunnel.start.value


NOBODY = (None, None)
A, B, C = "192.0.2.1", "198.51.100.7", "203.0.113.9"
SITES = (("tunnel", "10.1.0.0/16", "10.2.0.0/16", "trap"),)
MIRRORED = (("tunnel", "10.2.0.0/16", "10.1.0.0/16", "trap"),)
GRE = (("transport", "dynamic[gre]", "dynamic[gre]", "start"),)
ANSWERED_GRE = (("transport", "dynamic[gre]", "dynamic[gre]", "none"),)
EVERYTHING = (("tunnel", "0.0.0.0/0", "0.0.0.0/0", "start"),)
USERS = (("tunnel", "0.0.0.0/0", "dynamic", "none"),)
USER = (("tunnel", "dynamic", "0.0.0.0/0", "none"),)
NORTH = (
    ("tunnel", "10.1.0.0/16", "10.2.0.0/16", "trap"),
    ("tunnel", "10.5.0.0/16", "10.2.0.0/16", "trap"),
    ("tunnel", "10.1.0.0/16[tcp]", "10.9.0.1/32[tcp/443]", "trap"),
)
SOUTH = (("tunnel", "10.1.0.0/16", "10.3.0.0/16", "trap"),)
SOUTH_ITSELF = (("tunnel", "10.3.0.0/16", "10.1.0.0/16", "trap"),)
PARTNER = (("tunnel", "10.1.0.10/32", "10.2.0.10/32", "trap"),)
MOVING = (("tunnel", "10.1.0.0/24", "10.4.0.0/24", "trap"),)
FIREWALL = (("tunnel", "10.1.0.0/16", "10.2.0.0/16", "trap"), ("tunnel", "10.1.0.0/16", "10.3.0.1/32", "trap"))
PHONES = (("transport", "dynamic[udp/1701]", "dynamic[udp]", "none"),)
PHONE = (("transport", "dynamic[udp]", "dynamic[udp/1701]", "trap"),)
EDGE, PARTNERS = "userfqdn:edge@example.org", "@partner.example.net"
FILES = {
    "policy-map.cfg hq": [End(A, (B,), NOBODY, SITES)],
    "policy-map.cfg branch": [End(B, (A,), NOBODY, MIRRORED)],
    "policy-map.cfg peer of hq": [End(B, (A,), NOBODY, MIRRORED)],
    "policy-map.cfg peer of branch": [End(A, (B,), NOBODY, SITES)],
    "several-peers.cfg core": [End(A, (B,), NOBODY, NORTH), End(A, (C, "203.0.113.8"), (None, "%any"), SOUTH)],
    "keyrings.cfg edge": [
        End(A, (B,), (EDGE, PARTNERS), PARTNER),
        End(A, ("moving.example.net",), ("@edge.example.org", "*.example.net"), MOVING),
    ],
    "l2tp.cfg lns": [End(A, ("%any",), NOBODY, PHONES)],
    "l2tp.cfg peer of lns": [End("%any", (A,), NOBODY, PHONE)],
    "gre.cfg left": [End(A, (B,), NOBODY, GRE)],
    "gre.cfg right": [End(B, (A,), NOBODY, (("transport", "dynamic[gre]", "dynamic[gre]", "trap"),))],
    "gre.cfg peer of left": [End(B, (A,), NOBODY, GRE)],
    "dmvpn.cfg HUB": [End(A, ("%any",), NOBODY, ANSWERED_GRE)],
    "dmvpn.cfg SPOKE1": [End(B, (A,), NOBODY, GRE), End(B, ("%any",), NOBODY, ANSWERED_GRE)],
    "dmvpn.cfg peer of HUB": [End("%any", (A,), NOBODY, GRE)],
    "dmvpn.cfg peer of SPOKE1": [End(A, (B,), NOBODY, GRE)],
    "vti.cfg onprem": [End(A, (B,), NOBODY, EVERYTHING)],
    "easy-vpn.cfg gw": [End(A, ("%any",), (None, "keyid:STAFF"), USERS)],
    "easy-vpn.cfg peer of gw": [End("%any", (A,), ("keyid:STAFF", None), USER)],
    "typed.md R1": [End(A, (B,), NOBODY, SITES)],
    "asa-sites.cfg fw": [End(A, (B, C), (None, "%any"), FIREWALL)],
    "asa-users.cfg vpn": [End(A, ("%any",), (None, "keyid:STAFF"), USERS)],
    "old.cfg old": [End(A, (B,), NOBODY, SITES)],
}
HARMLESS = {
    Rule.WHICH_END,
    Rule.NO_COUNTERPART,
    Rule.WEAK_ALGORITHM,
    Rule.UNUSED_KEY,
    Rule.AGGRESSIVE_PSK,
    Rule.ANY_RESPONDER,
    Rule.ICMP_ERRORS_FROM_OUTSIDE,
    Rule.MISSING_KEY,
    Rule.ODD_SECRET,
    Rule.SAME_NETWORK_AT_BOTH_ENDS,
}


@pytest.mark.parametrize("which", FILES)
def test_a_whole_configuration(tmp_path: Path, which: str) -> None:
    name, _, router = which.partition(" ")
    file = Path(shutil.copy(FOLDER / name, tmp_path))
    file.chmod(0o600)
    assert recognised(file) == "cisco"
    side = Side(router.removeprefix("peer of "), router.startswith("peer of "))
    loaded = load(file, side=side)
    assert list(map(seen, loaded.settings.connections)) == FILES[which]
    assert {warning.rule for warning in loaded.warnings} <= HARMLESS
    assert all(warning.line for warning in loaded.warnings)


def test_each_configuration_is_tried() -> None:
    assert {which.split(" ")[0] for which in FILES} == {file.name for file in FOLDER.iterdir()}
