"""One swanctl.conf, read by charon and by us: the other end of the tunnel, another charon, sees no difference."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from lab.charon import CharonOptions, swanctl_folder
from lab.fixtures import opened_lab
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.same_tunnel import OURS, THEIRS, seen

SECRETS = 'secrets { ike-peer { id = branch.example.org\n secret = "a secret, with = and # in it" } }'


class Case(NamedTuple):
    """The file that is read by both, and the options of the other end, which is charon."""

    file: str
    other: str
    certificate: str = ""
    others_certificate: str = ""
    xauth: bool = False


def two_ends(
    connection: str = "", child: str = "", *, others: str = "", ends: str = "", own: str = "", peers: str = ""
) -> tuple[str, str]:
    """The file for the two ends of a tunnel between sites with a pre-shared key. ``ends`` are the rounds of ours."""
    ours = f"""
defaults {{
    version = 1
    proposals = aes128-sha256-modp2048
    local {{ auth = psk\n id = gw.example.org }}
    remote {{ auth = psk\n id = branch.example.org }}
}}
connections {{ site : defaults {{
    local_addrs = {OURS[0]}   # ours
    remote_addrs = {THEIRS[0]}
    {connection}
    {ends}
    {own}
    children {{ net {{ local_ts = {OURS[1]}\n remote_ts = {THEIRS[1]}\n rekey_time = 50m\n {child} }} }}
}} }}
{SECRETS}
{others}
"""
    theirs = f"""
connections {{ site {{
    version = 1
    local_addrs = {THEIRS[0]}
    remote_addrs = {OURS[0]}
    proposals = aes128-sha256-modp2048
    {connection}
    local {{ auth = psk\n id = branch.example.org }}
    remote {{ auth = psk\n id = gw.example.org }}
    {peers}
    children {{ net {{ local_ts = {THEIRS[1]}\n remote_ts = {OURS[1]}\n rekey_time = 50m\n {child} }} }}
}} }}
{SECRETS}
"""
    return ours, theirs


def with_certificates(own: str, peers: str) -> Case:
    """Two leafs of the lab's PKI, ``alice-rsa``, which is for clients only, and ``gw-rsa``."""
    ids = {"alice-rsa": "alice@lab", "gw-rsa": "gw.lab"}
    ours, theirs = two_ends()
    ours = ours.replace("auth = psk\n id = gw.example.org", f"auth = pubkey\n certs = {own}.crt\n id = {ids[own]}")
    ours = ours.replace("auth = psk\n id = branch.example.org", f"auth = pubkey\n cacerts = ca.crt\n id = {ids[peers]}")
    theirs = theirs.replace("auth = psk\n id = gw.example.org", f"auth = pubkey\n id = {ids[own]}")
    theirs = theirs.replace(
        "auth = psk\n id = branch.example.org", f"auth = pubkey\n certs = {peers}.crt\n id = {ids[peers]}"
    )
    return Case(ours, theirs, own, peers)


def road_warrior() -> Case:
    others = """
pools { office { addrs = 10.99.0.10-10.99.0.20\n dns = 10.1.0.53 } }
secrets { xauth-carol { id = carol\n secret = the password of carol } }
"""
    ours, theirs = two_ends(own="remote-user { auth = xauth\n round = 1 }\n pools = office", others=others)
    ours = ours.replace(f"remote_ts = {THEIRS[1]}", "remote_ts = dynamic")
    theirs = theirs.replace(f"local_ts = {THEIRS[1]}", "local_ts = dynamic")
    client = "local-user { auth = xauth\n xauth_id = carol }\n vips = 0.0.0.0"
    theirs = theirs.replace("children {", f"{client}\n children {{")
    return Case(ours, f"{theirs}\nsecrets {{ xauth {{ id = carol\n secret = the password of carol }} }}", xauth=True)


def hybrid() -> Case:
    """Only the gateway has a certificate."""
    gateway = road_warrior()
    ours = gateway.file.replace("auth = psk\n id = gw.example.org", "auth = pubkey\n certs = gw-rsa.crt\n id = gw.lab")
    ours = ours.replace("remote { auth = psk", "remote { auth = xauth").replace(
        "remote-user { auth = xauth\n round = 1 }", ""
    )
    theirs = gateway.other.replace("local-user { auth = xauth\n xauth_id = carol }", "")
    theirs = theirs.replace("local { auth = psk", "local { auth = xauth\n xauth_id = carol")
    theirs = theirs.replace("auth = psk\n id = gw.example.org", "auth = pubkey\n cacerts = ca.crt\n id = gw.lab")
    return Case(ours, theirs, "gw-rsa", "alice-rsa", xauth=True)


def swapped(text: str) -> str:
    """``text`` with the addresses and networks of one end in place of those of the other."""
    for ours, theirs in zip(OURS, THEIRS, strict=True):
        text = text.replace(ours, "OURS").replace(theirs, ours).replace("OURS", theirs)
    return text


def user() -> Case:
    gateway = road_warrior()
    return Case(swapped(gateway.other), swapped(gateway.file), xauth=True)


def transport() -> Case:
    ours, theirs = two_ends("", "mode = transport")
    for _, network in (OURS, THEIRS):
        ours, theirs = ours.replace(network, "dynamic[tcp]"), theirs.replace(network, "dynamic[tcp]")
    return Case(ours, theirs)


def icmp() -> Case:
    ours, other = (end.replace("/16\n", "/16[icmp/8]\n") for end in two_ends())
    return Case(ours, other)


def secrets_of_addresses() -> Case:
    ours, other = (
        end.replace("secrets {", f"secrets {{ ike-address {{ id = {address}\n secret = another }}\n")
        for end, address in zip(two_ends(), (THEIRS[0], OURS[0]), strict=True)
    )
    return Case(ours, other)


CASES = {
    "pre-shared key": Case(*two_ends()),
    "several algorithms": Case(
        *two_ends(
            "proposals = aes256-aes128-sha384-sha256-ecp384-ecp256",
            "esp_proposals = aes256gcm16-aes128gcm16-ecp256-esn-noesn, aes128-sha256-ecp256",
        )
    ),
    "default algorithms": Case(*two_ends("proposals = default", "esp_proposals = default")),
    "aggressive": Case(*two_ends("aggressive = yes")),
    "transport": transport(),
    "compression": Case(*two_ends("", "ipcomp = yes")),
    "encapsulation": Case(*two_ends("encap = yes")),
    "certificate of a client": with_certificates("alice-rsa", "gw-rsa"),
    "certificate of a gateway": with_certificates("gw-rsa", "alice-rsa"),
    "road warrior": road_warrior(),
    "user": user(),
    "hybrid authentication": hybrid(),
    "the second of several networks": Case(
        two_ends()[0].replace(f"local_ts = {OURS[1]}", f"local_ts = 10.9.0.0/16, {OURS[1]}"), two_ends()[1]
    ),
    "icmp": icmp(),
    "secrets of identities and addresses": secrets_of_addresses(),
    "a secret by the identity of a peer at any address": Case(
        two_ends("aggressive = yes")[0]
        .replace(f"remote_addrs = {THEIRS[0]}", "remote_addrs = %any")
        .replace("id = branch.example.org }\n}", "id = *.example.org }\n}")
        .replace("secrets {", "secrets { ike-other { id = other.example.org\n secret = another }\n"),
        two_ends("aggressive = yes")[1],
    ),
    "ah": Case(*two_ends("", "ah_proposals = sha256-sha1-modp2048")),
}


def test_a_running_gateway_reads_the_file_again(lab: Lab) -> None:
    here, there = lab.sites(OURS, THEIRS)
    file, other = two_ends("", "reqid = 7")
    lab.charon(there, CharonOptions(configuration=other))
    options = OurOptions(swanctl=file, arguments=("--format", "swanctl", "--ignore", "reqid"), data_plane="userspace")
    ours = lab.ours(here, options)
    ours.control.bring_up()
    more = f"connections {{ more : defaults {{ remote_addrs = 203.0.113.9\n local_addrs = {OURS[0]} }} }}"
    ours.configure(replace(options, swanctl=f"{file}\n{more}"))
    ours.command("reload")
    assert "more:" in ours.control.swanctl("--list-conns").stdout
    ours.configure(replace(options, swanctl=f"{file}\nconnections {{ more {{ priority = 1 }} }}"))
    assert "connections.more.priority" in ours.command("reload", check=False)
    assert ours.control.child()["name"] == "net"


class Reader(StrEnum):
    """Who uses the file: charon, we as our own configuration, or we as swanctl loads it over VICI."""

    CHARON = "charon"
    FILE = "file"
    VICI = "vici"


def seen_by_other_end(lab: Lab, case: Case, use: Reader, *, other_calls: bool) -> dict[str, Any]:
    """What the other end sees once the tunnel is up."""
    here, there = lab.sites(OURS, THEIRS)
    reader = (
        lab.ours(here, OurOptions(swanctl=case.file, certificate=case.certificate, data_plane="nobody"))
        if use is Reader.FILE
        else loaded_by_swanctl(lab, here, case)
        if use is Reader.VICI
        else lab.charon(
            here,
            CharonOptions(configuration=case.file, certificate=case.certificate, xauth=case.xauth, plane="noesp"),
        )
    )
    other = lab.charon(
        there,
        CharonOptions(configuration=case.other, certificate=case.others_certificate, xauth=case.xauth, plane="noesp"),
    )
    (other if other_calls else reader).control.initiate("net")
    for end in (reader, other):
        end.wait_for(end.control.children, "a pair of IPsec SAs")
    (sa,) = other.control.sas()
    return seen(sa)


def loaded_by_swanctl(lab: Lab, here: Node, case: Case) -> OurGateway:
    """A gateway without a connection, into which swanctl loads all that the folder of the file contains."""
    ours = lab.ours(here, OurOptions(configuration="[gateway]\n", data_plane="nobody"))
    folder = swanctl_folder(lab.folder("swanctl"), case.file, case.certificate)
    done = ours.control.swanctl("--load-all", "--noprompt", directory=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return ours


# who must call: users and clients
CALLS = {
    "certificate of a client": [False],
    "certificate of a gateway": [True],
    "the second of several networks": [True],  # charon calls with the first one
    "a secret by the identity of a peer at any address": [True],
    "road warrior": [True],
    "user": [False],
    "hybrid authentication": [True],
}


@pytest.mark.parametrize(
    ("name", "other_calls"),
    [
        pytest.param(name, other_calls, id=f"{name}, {'the other end' if other_calls else 'the reader'} calls")
        for name in CASES
        for other_calls in CALLS.get(name, [False, True])
    ],
)
def test_the_same_file_brings_up_the_same_tunnel(peers: None, name: str, other_calls: bool) -> None:
    found = []
    for use in Reader:
        if use is Reader.VICI and other_calls and "aggressive = yes" in CASES[name].file:
            continue  # strongswan.conf, which swanctl does not load, would have to allow it
        with opened_lab() as lab:
            found.append(seen_by_other_end(lab, CASES[name], use, other_calls=other_calls))
    by_charon, *by_us = found
    assert by_us == [by_charon] * len(by_us)
