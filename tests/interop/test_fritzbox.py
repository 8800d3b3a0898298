"""The vpncfg of a FRITZ!Box, imported: charon, configured as what the file says of the other end, agrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ikev1.config import Side
from ikev1.config.export import exported
from ikev1.config.formats import read
from lab.charon import CharonOptions
from lab.fixtures import opened_lab
from lab.gateway import OurOptions
from lab.same_tunnel import OURS, THEIRS, seen
from vpncfg import SITES, USER, vpncfg

SECRET = "the secret of both"
CHARON = f"""
connections {{ site {{
    version = 1
    local_addrs = {THEIRS[0]}
    remote_addrs = {OURS[0]}
    proposals = @IKE@
    @CONNECTION@
    local {{ auth = psk
             id = @LOCAL@ }}
    remote {{ auth = psk
              id = @REMOTE@ }}
    children {{ net {{ local_ts = @NETWORK@
                       remote_ts = @PEERS@
                       esp_proposals = @ESP@ }} }}
}} }}
pools {{ users {{ addrs = 10.2.0.201/32 }} }}
secrets {{ ike {{ secret = "{SECRET}" }}
           xauth {{ id = carol
                    secret = "of carol" }} }}
"""
ADDRESSES = {"remotehostname": None, "remoteip": OURS[0], "localip": THEIRS[0]}
AGGRESSIVE = {"mode": "phase1_mode_aggressive", "phase1ss": '"all/all/all"'}


@dataclass(frozen=True)
class Case:
    """A vpncfg, whose end we take; and what charon, at the other one, is configured with."""

    box: Mapping[str, str | None]
    as_box: bool = False
    other_calls: bool = False
    marks: dict[str, str] = field(default_factory=dict)
    expected: dict[str, object] = field(default_factory=dict)

    def charon(self) -> CharonOptions:
        """The other end."""
        names = ("gw.example.org", "box.example.org")
        own, peer = names if self.as_box else names[::-1]
        usual = {"LOCAL": own, "REMOTE": peer, "NETWORK": THEIRS[1], "PEERS": OURS[1], "CONNECTION": ""}
        text = CHARON
        for mark, value in (usual | self.marks).items():
            text = text.replace(f"@{mark}@", value)
        return CharonOptions(configuration=text, xauth=True, plane="noesp")


CASES = {
    "the peer of a box that calls": Case(
        SITES | ADDRESSES,
        other_calls=True,
        marks={"IKE": "aes192-sha1-modp2048", "ESP": "aes192-sha512-modp1024"},
        expected={"encr-keysize": "192", "child integ-alg": "HMAC_SHA2_512_256", "child dh-group": "MODP_1024"},
    ),
    "the peer of a box, which it calls": Case(
        SITES | ADDRESSES | AGGRESSIVE | {"localid": f"{{ ipaddr = {THEIRS[0]}; }}"},
        marks={
            "LOCAL": THEIRS[0],
            "CONNECTION": "aggressive = yes",
            "IKE": "aes256-sha512-modp1024",
            "ESP": "aes256-sha512-modp1024",
        },
        expected={"dh-group": "MODP_1024", "remote-id": "gw.example.org", "child dh-group": "MODP_1024"},
    ),
    "the box": Case(
        SITES | AGGRESSIVE | {"remotehostname": f'"{THEIRS[0]}"', "phase2ss": '"esp-all-all/ah-none/comp-all/no-pfs"'},
        as_box=True,
        marks={
            "CONNECTION": "aggressive = yes",
            "IKE": "3des-md5-modp1024",
            "ESP": "3des-md5",
            "NETWORK": OURS[1],
            "PEERS": THEIRS[1],
        },
        expected={"encr-alg": "3DES_CBC", "remote-id": "box.example.org", "child encr-alg": "3DES_CBC"},
    ),
    "a user of the box": Case(
        USER | {"localip": THEIRS[0]},
        marks={
            "LOCAL": THEIRS[0],
            "REMOTE": "keyid:carol",
            "CONNECTION": "aggressive = yes\n    pools = users\n    remote-xauth { auth = xauth\n round = 2 }",
            "IKE": "aes256-sha1-modp1024",
            "ESP": "aes128-sha1",
            "NETWORK": "0.0.0.0/0",
            "PEERS": "dynamic",
        },
        expected={"remote-xauth-id": "carol", "child remote-ts": ["10.2.0.201/32"]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_tunnel_of_a_vpncfg(peers: None, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    with opened_lab() as lab:
        here, there = lab.sites(OURS, THEIRS)
        configuration = imported(case, tmp_path)
        ours = lab.ours(here, OurOptions(configuration=configuration, data_plane="nobody"))
        other = lab.charon(there, case.charon())
        (other if case.other_calls else ours).control.initiate("net")
        for end in (ours, other):
            end.wait_for(end.control.children, "a pair of IPsec SAs")
        (sa,) = other.control.sas()
        found = seen(sa)
    assert {key: found[key] for key in case.expected} == case.expected


def imported(case: Case, folder: Path) -> str:
    """The configuration as `ikev1 import` writes it, with its secrets in ``folder``. It is started by the test."""
    file = folder / "fritzbox.cfg"
    file.touch(0o600)
    file.write_text(vpncfg(case.box))
    tables = read(file, side=Side("box", is_peer=not case.as_box)).values
    for connection in tables["connection"].values():
        connection["tunnel"]["net"]["start"] = "none"
    text, secrets = exported(tables)
    for name, secret in secrets.items():
        (folder / name).touch(0o600)
        (folder / name).write_text(f"{secret}\n")
    for key in ("secret_file", "xauth_secret_file"):
        text = text.replace(f'\n{key} = "', f'\n{key} = "{folder}/')
    return text
