"""A racoon.conf, imported: the other end, a charon that is configured as racoon's manual says of the peer, agrees."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ikev1.config.export import exported
from ikev1.config.formats import read
from lab.charon import CharonOptions
from lab.fixtures import opened_lab
from lab.gateway import OurOptions
from lab.same_tunnel import OURS, THEIRS, seen
from racoon_conf import PROPOSAL, SAINFO, Racoon, remote

SECRET = "a secret with blanks"
POLICIES = f"""
spdadd {OURS[1]} {THEIRS[1]} any -P out ipsec esp/tunnel/{OURS[0]}-{THEIRS[0]}/require;
spdadd {THEIRS[1]} {OURS[1]} any -P in ipsec esp/tunnel/{THEIRS[0]}-{OURS[0]}/require;
"""
CHARON = f"""
connections {{ site {{
    version = 1
    local_addrs = {THEIRS[0]}
    remote_addrs = {OURS[0]}
    proposals = @IKE@
    @CONNECTION@
    local {{ auth = psk
             id = @ID@ }}
    remote {{ auth = psk }}
    children {{ net {{ local_ts = @THEIRS@
                       remote_ts = @OURS@
                       esp_proposals = @ESP@
                       life_time = 1h
                       rekey_time = 50m
                       @CHILD@ }} }}
}} }}
secrets {{ ike {{ secret = "{SECRET}" }} }}
"""


@dataclass(frozen=True)
class Case:
    """racoon.conf with the policies, and what differs at the other end."""

    sections: Sequence[str]
    policies: str = POLICIES
    keys: str = f"{THEIRS[0]} {SECRET}\n"
    ike: str = "aes256-sha1-modp2048"
    esp: str = "aes256-sha1-modp2048"
    connection: str = ""
    child: str = ""
    selectors: tuple[str, str] = (OURS[1], THEIRS[1])
    peer: str = THEIRS[0]
    expected: dict[str, str] = field(default_factory=dict)

    def charon(self) -> CharonOptions:
        """The other end."""
        text = CHARON
        for mark, value in (
            ("IKE", self.ike),
            ("ESP", self.esp),
            ("CONNECTION", self.connection),
            ("CHILD", self.child),
            ("OURS", self.selectors[0]),
            ("THEIRS", self.selectors[1]),
            ("ID", self.peer),
        ):
            text = text.replace(f"@{mark}@", value)
        return CharonOptions(configuration=text, plane="noesp")


CASES = {
    "main": Case([remote(), SAINFO]),
    "anonymous": Case([remote(who="anonymous"), SAINFO]),
    "aggressive, by name": Case(
        [
            remote(
                "exchange_mode aggressive;",
                'my_identifier fqdn "gw.example.org";',
                'peers_identifier user_fqdn "branch@example.org";',
                "verify_identifier on;",
            ),
            SAINFO,
        ],
        keys=f"branch@example.org {SECRET}\n",
        connection="aggressive = yes",
        peer="branch@example.org",
        expected={"remote-id": "gw.example.org"},
    ),
    "other algorithms": Case(
        [
            remote(proposal=PROPOSAL.replace("aes 256", "3des").replace("modp2048", "2")),
            SAINFO.replace("aes 256", "aes 128, 3des").replace("hmac_sha1", "hmac_sha256").replace("14", "modp1536"),
        ],
        ike="3des-sha1-modp1024",
        esp="aes128-sha256-modp1536",
        expected={"encr-alg": "3DES_CBC", "dh-group": "MODP_1024", "child dh-group": "MODP_1536"},
    ),
    "transport": Case(
        [remote(), SAINFO],
        policies=f"spdadd {OURS[0]}[1701] {THEIRS[0]} udp -P out ipsec esp/transport//require;",
        child="mode = transport",
        selectors=("dynamic[udp/1701]", "dynamic[udp]"),
        expected={"child mode": "TRANSPORT"},
    ),
    "encapsulation": Case([remote("exchange_mode main;", "nat_traversal force;"), SAINFO], connection="encap = yes"),
    "compression": Case(
        [remote(), SAINFO],
        policies=f"spdadd {OURS[1]} {THEIRS[1]} any -P out ipsec "
        f"ipcomp/tunnel/{OURS[0]}-{THEIRS[0]}/use esp/transport//require;",
        child="ipcomp = yes",
        esp="aes256-sha1-modp2048",
    ),
}
RESPONDS_ONLY = {"compression"}  # charon answers with a group in the transform of IPComp


@pytest.mark.parametrize(
    ("name", "other_calls"),
    [
        pytest.param(name, calls, id=f"{name}, {'the other end' if calls else 'the reader'} calls")
        for name in CASES
        for calls in ([True] if name in RESPONDS_ONLY else [False, True])
    ],
)
def test_the_tunnel_of_a_racoon_conf(peers: None, tmp_path: Path, name: str, other_calls: bool) -> None:
    case = CASES[name]
    with opened_lab() as lab:
        here, there = lab.sites(OURS, THEIRS)
        configuration = imported(case, tmp_path)
        ours = lab.ours(here, OurOptions(configuration=configuration, data_plane="nobody"))
        other = lab.charon(there, case.charon())
        if other_calls:
            other.control.initiate("net")
        else:
            (connection,) = tomllib.loads(configuration)["connection"].values()
            (tunnel,) = connection["tunnel"]
            ours.control.initiate(tunnel)
        for end in (ours, other):
            end.wait_for(end.control.children, "a pair of IPsec SAs")
        (sa,) = other.control.sas()
        found = seen(sa)
    assert {key: found[key] for key in case.expected} == case.expected
    assert found["child protocol"] == "ESP"


def imported(case: Case, folder: Path) -> str:
    """The configuration as `ikev1 import` writes it, with its secrets in ``folder``."""

    def write(text: str, name: str, mode: int = 0o600) -> Path:
        file = folder / name
        file.touch(mode)
        file.chmod(mode)
        file.write_text(text)
        return file

    racoon = Racoon(write)
    racoon.keys, racoon.policies = case.keys, case.policies
    text, secrets = exported(read(racoon.file(*case.sections)).values)
    for name, secret in secrets.items():
        write(f"{secret}\n", name)
    return text.replace('secret_file = "', f'secret_file = "{folder}/')
