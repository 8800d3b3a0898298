"""One ipsec.conf, read by strongSwan or libreswan and by us: the other end, a charon, sees no difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from lab.charon import CharonOptions
from lab.fixtures import opened_lab
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import PlutoOptions
from lab.same_tunnel import OURS, THEIRS, seen
from lab.starter import StarterOptions

SECRET = "a secret, with = and # in it"


class Case(NamedTuple):
    """ipsec.conf and ipsec.secrets that both read, and swanctl.conf of the other end, which is charon."""

    ours: StarterOptions
    others: CharonOptions
    libreswan: bool = False  # the dialect


def case(
    *lines: str,
    others: str = "",
    child: str = "",
    more: str = "",
    secrets: str = "",
    local: str = "auth = psk",
    remote: str = "auth = psk",
    rounds: str = "",
    sections: str = "",
    certificates: tuple[str, str] = ("", ""),
    ids: tuple[str, str] = ("gw.example.org", "branch.example.org"),
    selectors: tuple[str, str] = (THEIRS[1], OURS[1]),
    setup: str = "uniqueids=yes",
    no_algorithms: bool = False,
) -> Case:
    """A tunnel of sites. ``lines`` are added to the conn, ``more`` to the file, all others to that of charon."""
    own = "\n".join(f"    {line}" for line in lines)
    algorithms = "" if no_algorithms else "ike=aes128-sha256-modp2048!\n    esp=aes128-sha256!"
    ours = f"""
version 2.0
config setup
    {setup}
conn %default
    keyexchange=ikev1   # what both speak
    {algorithms}
    keyingtries=1
conn hosts
    left={OURS[0]}
    leftid={ids[0]}
    right={THEIRS[0]}
    rightid={ids[1]}
    authby=secret
conn net
    also=hosts
    leftsubnet={OURS[1]}
    rightsubnet={THEIRS[1]}
    auto=add
{own}
{more}
"""
    others_file = other_end(others, child, local, remote, rounds, sections, ids, selectors)
    whose = f'# both\n{ids[0]} {ids[1]} : PSK "{SECRET}"\n{secrets}'
    return Case(
        StarterOptions(ours, whose, certificates[0]),
        replace(others_file, certificate=certificates[1]),
    )


def other_end(
    others: str,
    child: str,
    local: str,
    remote: str,
    rounds: str,
    sections: str,
    ids: tuple[str, str],
    selectors: tuple[str, str],
) -> CharonOptions:
    """The other end with a connection, its child, and more ``sections``."""
    file = f"""
connections {{ site {{
    version = 1
    local_addrs = {THEIRS[0]}
    remote_addrs = {OURS[0]}
    proposals = aes128-sha256-modp2048
    {others}
    local {{ {local}
             id = {ids[1]} }}
    remote {{ {remote}
              id = {ids[0]} }}
    {rounds}
    children {{ net {{ local_ts = {selectors[0]}
                       remote_ts = {selectors[1]}
                       esp_proposals = aes128-sha256
                       {child} }} }}
}} }}
secrets {{ ike {{ secret = "{SECRET}" }} }}
{sections}
"""
    return CharonOptions(configuration=file, xauth=True, plane="noesp")


def of_libreswan(
    *lines: str,
    others: str = "",
    child: str = "",
    sections: str = "",
    selectors: tuple[str, str] = (THEIRS[1], OURS[1]),
    no_algorithms: bool = False,
    networks: bool = True,
) -> Case:
    """As `case`, in the dialect of libreswan."""
    own = "\n".join(f"    {line}" for line in lines)
    algorithms = "" if no_algorithms else "ike=aes128-sha2;modp2048\n    phase2alg=aes128-sha2_256\n    pfs=no"
    subnets = f"leftsubnet={OURS[1]}\n    rightsubnet={THEIRS[1]}" if networks else ""
    ours = f"""
config setup
    ikev1-policy=accept
    uniqueids=yes
conn net
    ikev2=no
    auto=add
    also=hosts
{own}
conn hosts
    authby=secret
    left={OURS[0]}
    leftid=@gw.example.org
    right={THEIRS[0]}
    rightid=@branch.example.org
    {subnets}
    leftupdown=/bin/true
    {algorithms}
"""
    secrets = f'@gw.example.org @branch.example.org : PSK "{SECRET}"\n'
    ids = ("gw.example.org", "branch.example.org")
    other = other_end(others, child, "auth = psk", "auth = psk", "", sections, ids, selectors)
    return Case(StarterOptions(ours, secrets), other, libreswan=True)


USERS = 'carol : XAUTH "the password of carol"\n'
OF_USER = "xauth { id = carol\n secret = the password of carol }"
CASES = {
    "pre-shared key": case(),
    "the other end is left": case(
        f"left={THEIRS[0]}",
        f"right={OURS[0]}",
        f"leftsubnet={THEIRS[1]}",
        f"rightsubnet={OURS[1]}",
        "leftid=branch.example.org",
        "rightid=gw.example.org",
    ),
    "default algorithms": case(no_algorithms=True, others="proposals = default", child="esp_proposals = default"),
    "not only these algorithms": case(
        "ike=3des-md5-modp1024",
        "esp=3des-md5",
        others="proposals = aes128-sha256-x25519",
        child="esp_proposals = aes128-sha256",
    ),
    "several algorithms": case(
        "ike=aes256-sha384-ecp384,aes128-sha1-modp2048!",
        "esp=aes256gcm16-ecp256,aes128-sha1-ecp256!",
        others="proposals = aes128-sha1-modp2048",
        child="esp_proposals = aes128-sha1-ecp256",
    ),
    "aggressive": case("aggressive=yes", others="aggressive = yes"),
    "transport": case(
        "type=transport",
        "leftsubnet=",
        "rightsubnet=",
        "leftprotoport=17/1701",
        "rightprotoport=udp/%any",
        child="mode = transport",
        selectors=("dynamic[udp]", "dynamic[udp/1701]"),
    ),
    "compression": case("compress=yes", child="ipcomp = yes"),
    "encapsulation": case("forceencaps=yes", others="encap = yes"),
    "ah": case("esp=", "ah=sha256-modp2048!", child="esp_proposals =\n ah_proposals = sha256-modp2048"),
    "certificate": case(
        "authby=pubkey",
        "leftcert=@FOLDER@/certs/gw-rsa.crt",
        "leftid=gw.lab",
        "rightid=alice@lab",
        more="ca lab\n    cacert=@FOLDER@/cacerts/ca.crt\n    auto=add",
        secrets=": RSA @FOLDER@/private/gw-rsa.key\n",
        local="auth = pubkey\n certs = alice-rsa.crt",
        remote="auth = pubkey\n cacerts = ca.crt",
        certificates=("gw-rsa", "alice-rsa"),
        ids=("gw.lab", "alice@lab"),
    ),
    "road warrior": case(
        "rightauth2=xauth",
        "rightsourceip=10.99.0.16/28",
        "rightdns=10.1.0.53",
        "rightsubnet=",
        secrets=USERS,
        selectors=("dynamic", OURS[1]),
        rounds="local-user { auth = xauth\n xauth_id = carol }\n vips = 0.0.0.0",
        sections=f"secrets {{ {OF_USER} }}",
    ),
    "user": case(
        "authby=xauthpsk",
        "xauth=client",
        "xauth_identity=carol",
        "leftsourceip=%config",
        "leftsubnet=",
        secrets=USERS,
        selectors=(THEIRS[1], "dynamic"),
        rounds="remote-user { auth = xauth }\n pools = office",
        sections=f"secrets {{ {OF_USER} }}\n pools {{ office {{ addrs = 10.99.0.16/28 }} }}",
    ),
}


def seen_by_other_end(lab: Lab, found: Case, *, we_read: bool, other_calls: bool) -> dict[str, Any]:
    """What the other end sees once the tunnel is up."""
    here, there = lab.sites(OURS, THEIRS)
    if found.libreswan and not we_read:
        return seen_beside_pluto(lab, found, here, there, other_calls=other_calls)
    reader = (
        lab.ours(here, OurOptions(ipsec=found.ours, data_plane="nobody")) if we_read else lab.starter(here, found.ours)
    )
    other = lab.charon(there, found.others)
    (other if other_calls else reader).control.initiate("net")
    for end in (reader, other):
        end.wait_for(end.control.children, "a pair of IPsec SAs")
    (sa,) = other.control.sas()
    return seen(sa)


def seen_beside_pluto(lab: Lab, found: Case, here: Node, there: Node, *, other_calls: bool) -> dict[str, Any]:
    """As `seen_by_other_end`, if libreswan reads the file."""
    configuration = (found.ours.configuration, found.ours.secrets)
    pluto = lab.pluto(here, PlutoOptions(configuration=configuration, connection="net"))
    other = lab.charon(there, found.others)
    if other_calls:
        other.control.initiate("net")
    else:
        pluto.whack("--name", "net", "--initiate")
    pluto.await_pair("net")
    other.wait_for(other.control.children, "a pair of IPsec SAs")
    (sa,) = other.control.sas()
    return seen(sa)


CASES |= {
    f"libreswan, {name}": found
    for name, found in {
        "pre-shared key": of_libreswan(),
        "the other end is left": of_libreswan(
            f"left={THEIRS[0]}",
            f"right={OURS[0]}",
            f"leftsubnet={THEIRS[1]}",
            f"rightsubnet={OURS[1]}",
            "leftid=@branch.example.org",
            "rightid=@gw.example.org",
            "rightupdown=/bin/true",
        ),
        "default algorithms": of_libreswan(
            no_algorithms=True,
            others="proposals = aes256-sha256-modp2048",
            child="esp_proposals = aes128-sha1-modp2048",
        ),
        "the group of phase 1": of_libreswan(
            "ike=aes256-sha2_512;dh19",
            "esp=aes256-sha2_512",
            no_algorithms=True,
            others="proposals = aes256-sha512-ecp256",
            child="esp_proposals = aes256-sha512-ecp256",
        ),
        "sizes of keys": of_libreswan(
            "ike=aes-sha1;modp2048",
            "esp=aes_gcm-null,aes-sha1",
            "pfs=no",
            no_algorithms=True,
            others="proposals = aes128-aes256-sha1-modp2048",
            child="esp_proposals = aes128gcm16-aes256gcm16",
        ),
        "aggressive": of_libreswan("aggrmode=yes", others="aggressive = yes"),
        "transport": of_libreswan(
            "type=transport",
            "leftprotoport=17/1701",
            "rightprotoport=udp/l2f",
            child="mode = transport",
            selectors=("dynamic[udp/1701]", "dynamic[udp/1701]"),
            networks=False,
        ),
        "compression": of_libreswan("compress=yes", child="ipcomp = yes"),
        "encapsulation": of_libreswan("encapsulation=yes", others="encap = yes"),
        "ah": of_libreswan("phase2=ah", "phase2alg=sha2_256", child="esp_proposals =\n ah_proposals = sha256"),
        "client": of_libreswan(
            f"rightsubnet={THEIRS[1]}",
            "leftmodecfgclient=yes",
            "rightmodecfgserver=yes",
            "modecfgpull=yes",
            others="pools = office",
            sections="pools { office { addrs = 10.99.0.16/28 } }",
            selectors=(THEIRS[1], "dynamic"),
            networks=False,
        ),
    }.items()
}
CALLS = {
    "libreswan, client": [False],
    "certificate": [True],
    "road warrior": [True],
    "user": [False],
}  # users and clients


@pytest.mark.parametrize(
    ("name", "other_calls"),
    [
        pytest.param(name, other_calls, id=f"{name}, {'the other end' if other_calls else 'the reader'} calls")
        for name in CASES
        for other_calls in CALLS.get(name, [False, True])
    ],
)
def test_the_same_file_brings_up_the_same_tunnel(peers: None, name: str, other_calls: bool) -> None:
    by_strongswan, by_us = (_seen_in_lab(name, we_read, other_calls) for we_read in (False, True))
    assert by_us == by_strongswan


def _seen_in_lab(name: str, we_read: bool, other_calls: bool) -> dict[str, Any]:
    with opened_lab() as lab:
        return seen_by_other_end(lab, CASES[name], we_read=we_read, other_calls=other_calls)
