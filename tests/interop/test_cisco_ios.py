"""Texts for Cisco devices, of which one end is ours and the other one a charon that is configured as the device is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from lab.charon import CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.same_tunnel import OURS, THEIRS
from lab.traffic import ping

FOLDER = Path(__file__).parents[1] / "config" / "formats" / "cisco"


def ours(lab: Lab, node: Node, name: str, *which: str, data_plane: str = "") -> OurGateway:
    """Our gateway at one end of a text."""
    text = (FOLDER / name).read_text()
    return lab.ours(node, OurOptions(cisco=text, arguments=which, data_plane=data_plane))


NAMES = {"hq": "VPN-10", "branch": "M-5"}  # of the tunnel in the text of each router


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("--as", "hq"), ("--as", "branch")),
        (("--as", "hq"), ("--peer-of", "hq")),
        (("--peer-of", "branch"), ("--peer-of", "hq")),
    ],
)
@pytest.mark.parametrize("first_calls", [True, False], ids=["the first calls", "the second calls"])
def test_two_gateways_from_one_text(
    lab: Lab, first: tuple[str, str], second: tuple[str, str], first_calls: bool
) -> None:
    here, there = lab.sites(OURS, THEIRS)
    ends = [(ours(lab, node, "policy-map.cfg", *which), which) for node, which in ((here, first), (there, second))]
    (caller, which), (called, _) = ends if first_calls else reversed(ends)
    caller.control.bring_up(NAMES[which[1]])
    child = caller.control.child()
    assert child["spi-in"] == called.control.child()["spi-out"]
    assert (child["encr-keysize"], child["integ-alg"]) == ("256", "HMAC_SHA2_256_128")
    ping(here)
    ping(there)


def charon(ends: tuple[tuple[str, str], tuple[str, str]], ike: str, esp: str, key: str, plane: str) -> CharonOptions:
    """A charon that has the addresses and networks of the first of the ``ends``."""
    own, other = ends
    return CharonOptions(
        plane=plane,
        configuration=f"""
connections {{ site {{
    version = 1
    local_addrs = {own[0]}
    remote_addrs = {other[0]}
    proposals = {ike}
    local {{ auth = psk }}
    remote {{ auth = psk }}
    children {{ net {{
        local_ts = {own[1]}
        remote_ts = {other[1]}
        esp_proposals = {esp}
        life_time = 3600s
        rekey_time = 3240s
    }} }}
}} }}
secrets {{ ike {{ secret = "{key}" }} }}
""",
    )


KEY = "between-hq-and-branch"
STRONG = ("aes256-sha256-modp2048", "aes256-sha256-modp2048")


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
@pytest.mark.parametrize("which", ["--as", "--peer-of"])
def test_a_tunnel_with_charon_in_place_of_the_other_router(lab: Lab, which: str, we_call: bool) -> None:
    here, there = lab.sites(OURS, THEIRS)
    our_node, charons_node = (here, there) if which == "--as" else (there, here)
    ends = (THEIRS, OURS) if which == "--as" else (OURS, THEIRS)
    other = lab.charon(charons_node, charon(ends, *STRONG, KEY, "libipsec"))
    gateway = ours(lab, our_node, "policy-map.cfg", which, "hq")
    if we_call:
        gateway.control.bring_up("VPN-10")
    else:
        other.control.initiate("net")
    assert gateway.control.child()["spi-in"] == other.control.child()["spi-out"]
    ping(here)
    ping(there)


GRE = (f"{OURS[0]}/32[gre]", f"{THEIRS[0]}/32[gre]")


class Negotiated(NamedTuple):
    """A text of which nobody carries the packets; what charon has in place of the other end, and what both must see."""

    name: str
    which: tuple[str, str]
    charon_calls: bool  # not where ours calls by itself: of two pairs at the same time, each end may use another one
    ike: str
    esp: str
    key: str
    child: str  # more lines of charon's child
    selectors: tuple[str, str]  # ours and charon's
    mode: str
    ours: str  # the tunnel


TRANSPORT = "mode = transport"
CASES = {
    "gre": Negotiated(
        *("gre.cfg", ("--as", "left"), False, "aes256-sha1-modp2048", "aes256-sha256-modp2048", "of-both"),
        *(TRANSPORT, GRE, "TRANSPORT", "Tunnel7"),
    ),
    "gre, the peer": Negotiated(
        *("gre.cfg", ("--peer-of", "right"), True, "aes256-sha1-modp2048", "aes256-sha256-modp2048", "of-both"),
        *(TRANSPORT, GRE, "TRANSPORT", "GRE-10"),
    ),
    "a hub": Negotiated(
        *("dmvpn.cfg", ("--as", "HUB"), True, "aes192-sha256-modp2048", "aes192-sha256", "for-all-spokes"),
        *(TRANSPORT, GRE, "TRANSPORT", "Tunnel1"),
    ),
    "vti": Negotiated(
        *("vti.cfg", ("--as", "onprem"), False, "aes128-sha1-modp1024", "aes128-sha1-modp1024", "key-of-the-cloud"),
        *("", ("0.0.0.0/0", "0.0.0.0/0"), "TUNNEL", "Tunnel41"),
    ),
    "typed": Negotiated(
        *("typed.md", ("--as", "R1"), True, "aes128-sha1-modp1536", "aes128-sha1", "cisco"),
        *("", (OURS[1], THEIRS[1]), "TUNNEL", "CM-1"),
    ),
    "l2tp": Negotiated(
        *("l2tp.cfg", ("--as", "lns"), True, "aes256-sha1-modp2048", "aes256-sha1", "for-phones"),
        *(TRANSPORT, (f"{OURS[0]}/32[udp/l2f]", f"{THEIRS[0]}/32[udp]"), "TRANSPORT", "PHONES-10"),
    ),
    "asa": Negotiated(
        *("asa-sites.cfg", ("--as", "fw"), True, "aes256-sha1-modp1536", "aes256-sha1-modp1024"),
        *("between-fw-and-branch", "", (OURS[1], THEIRS[1]), "TUNNEL", "OUT-10-1"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_negotiated(lab: Lab, name: str) -> None:
    case = CASES[name]
    here, there = lab.sites(OURS, THEIRS)
    selectors = case.selectors
    options = charon(((THEIRS[0], selectors[1]), (OURS[0], selectors[0])), case.ike, case.esp, case.key, "noesp")
    options = CharonOptions(
        plane="noesp", configuration=options.configuration.replace("life_time", f"{case.child}\n life_time")
    )
    other = lab.charon(there, options)
    gateway = ours(lab, here, case.name, *case.which, data_plane="nobody")
    if case.charon_calls:
        other.control.initiate("net")
    else:
        gateway.control.bring_up(case.ours)
    child, charons = gateway.control.child(), other.control.child()
    assert child["spi-in"] == charons["spi-out"]
    assert (child["name"], child["mode"]) == (case.ours, case.mode)
    ends = (charons[end] for end in ("remote-ts", "local-ts"))
    assert (child["local-ts"], child["remote-ts"]) == tuple(ends)


USERS_CHARON = """
connections {{ user {{
    version = 1
    aggressive = yes
    local_addrs = {there}
    remote_addrs = {here}
    proposals = {ike}
    vips = 0.0.0.0
    local {{ auth = psk
             id = keyid:STAFF }}
    local-user {{ auth = xauth
                  xauth_id = carol }}
    remote {{ auth = psk
              id = %any }}
    children {{ net {{ local_ts = dynamic
                       remote_ts = {network}
                       esp_proposals = aes256-sha1 }} }}
}} }}
secrets {{ ike {{ secret = "key-of-the-group" }}
           xauth {{ id = carol
                    secret = "carols-password" }} }}
"""


@pytest.mark.parametrize(
    ("name", "router", "ike"),
    [("easy-vpn.cfg", "gw", "aes256-sha1-modp1024"), ("asa-users.cfg", "vpn", "aes256-sha1-modp2048")],
)
def test_a_remote_user(lab: Lab, name: str, router: str, ike: str) -> None:
    here, there = lab.sites(OURS, THEIRS)
    configuration = USERS_CHARON.format(here=OURS[0], there=THEIRS[0], ike=ike, network=OURS[1])
    user = lab.charon(there, CharonOptions(configuration=configuration, xauth=True, plane="noesp"))
    gateway = ours(lab, here, name, "--as", router, data_plane="nobody")
    user.control.initiate("net")
    (sa,) = gateway.control.sas()
    assert (sa["remote-xauth-id"], sa["remote-vips"]) == ("carol", ["10.99.0.16"])
    assert user.control.child()["remote-ts"] == [OURS[1]]
