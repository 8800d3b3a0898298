"""One configuration, read by vpnc and by us: the gateway, ours or charon, sees the same client."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lab.charon import XAUTH_PASSWORD, XAUTH_USER, CharonOptions
from lab.cisco import as_virtual, cisco
from lab.control import Control
from lab.fixtures import opened_lab
from lab.lab import Lab
from lab.network import Node
from lab.process import Program, wait_until
from lab.same_tunnel import seen
from lab.traffic import ping
from lab.vpnc import GROUP, GROUP_SECRET, VpncOptions, write_configuration


class Reader(Program):
    """`ikev1 run` with the file of vpnc; its control socket is one of its own."""

    def __init__(self, node: Node, directory: Path, name: str, configuration: str) -> None:
        file = write_configuration(directory, node, configuration, name)
        (directory / "run").mkdir()
        setup = f"mount --bind {directory / 'run'} /run; mkdir /run/ikev1"
        command: list[str | Path] = [sys.executable, "-m", "ikev1", "run", "--config", file]
        super().__init__(node.namespace, command, directory, setup=setup)


def at_charon(node: Node) -> CharonOptions:
    """A gateway for groups and users."""
    return CharonOptions(
        configuration=f"""
connections {{ staff {{
    version = 1
    aggressive = yes
    local_addrs = {node.address}
    proposals = aes256-sha1-modp1536
    pools = office
    local {{ auth = psk
             id = gw.lab }}
    remote {{ auth = psk
              id = keyid:{GROUP} }}
    remote-user {{ auth = xauth }}
    children {{ net {{ local_ts = 0.0.0.0/0
                       esp_proposals = aes256-sha1 }} }}
}} }}
pools {{ office {{ addrs = 10.99.0.10/31\n dns = 10.10.2.53 }} }}
secrets {{ ike {{ secret = "{GROUP_SECRET}" }}
           xauth {{ id = {XAUTH_USER}
                    secret = "{XAUTH_PASSWORD}" }} }}
""",
        xauth=True,
    )


PCF = """[main]
Description=lab
Host={gateway}
AuthType=1
GroupName={group}
GroupPwd={secret}
Username={user}
UserPassword={password}
EnableNat=1
TunnelingMode=0
DHGroup=5
PeerTimeout=90
"""
OPTIONS = {
    "psk": VpncOptions(user=XAUTH_USER, password=XAUTH_PASSWORD),
    "encapsulated": VpncOptions(user=XAUTH_USER, password=XAUTH_PASSWORD, nat="force-natt"),
    "target": VpncOptions(
        user=XAUTH_USER, password=XAUTH_PASSWORD, more="IPSEC target network 10.10.2.0/255.255.255.0"
    ),
}


def client_seen(lab: Lab, options: VpncOptions, reader: str, *, charon: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """What the gateway sees, and what the script was told of the addresses."""
    a, b = lab.direct()
    gateway: Control = (lab.charon(b, at_charon(b)) if charon else lab.ours(b, cisco(lab, b))).control
    if reader == "vpnc":
        client: Any = lab.vpnc(a, options)
    else:
        client = lab.started(Reader(a, lab.folder("reader"), "lab.conf", options.configuration(a)))
        client.wait_for((client.directory / "connected").exists, "its address")
    wait_until(gateway.children, "a pair of IPsec SAs")
    ping(as_virtual(a, "10.99.0.10"))
    (sa,) = gateway.sas()
    told = (client.directory / "environment.connect").read_text().splitlines()
    script = dict(line.partition("=")[::2] for line in told)
    return seen(sa), {key: value for key, value in script.items() if key.startswith("INTERNAL_IP4")}


@pytest.mark.parametrize("gateway", ["ours", "charon"])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_file_makes_the_same_client(peers: None, name: str, gateway: str) -> None:
    found = []
    for reader in ("vpnc", "ours"):
        with opened_lab() as lab:
            found.append(client_seen(lab, OPTIONS[name], reader, charon=gateway == "charon"))
    by_vpnc, by_us = found
    assert by_us == by_vpnc


def test_a_profile_of_ciscos_client(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b))
    profile = PCF.format(gateway=a.peer, group=GROUP, secret=GROUP_SECRET, user=XAUTH_USER, password=XAUTH_PASSWORD)
    lab.started(Reader(a, lab.folder("reader"), "lab.pcf", profile))
    wait_until(ours.control.children, "a pair of IPsec SAs")
    (sa,) = ours.control.sas()
    assert sa["remote-xauth-id"] == XAUTH_USER
    assert sa["remote-vips"] == ["10.99.0.10"]
