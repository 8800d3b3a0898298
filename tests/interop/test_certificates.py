"""Signatures and certificates with strongSwan and libreswan, and whatever a certificate can be refused for.

strongSwan made the certificates, too (see make-pki), and each end knows no more than its own leaf, the CA between that
and the root if there is one, and the root.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import pytest

from lab import pki
from lab.capture import MALFORMED, OPENED, said_first, tshark, wireshark_profile
from lab.charon import Charon, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import PlutoOptions
from lab.process import wait_until
from lab.socks import web_server
from lab.traffic import ping

NO_ESP = CharonOptions(plane="noesp")
OUR_REVOCATION_LIST = f'crl = "{pki.REVOCATION_LIST}"'
ROLES = pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])


class Kind(NamedTuple):
    """Which leafs prove who is who, and in which mode."""

    leaf: str
    aggressive: bool = False
    ike: str = "aes128-sha256-modp2048"

    def __str__(self) -> str:
        return f"{'aggressive' if self.aggressive else 'main'}-{self.leaf}"


KINDS = [
    Kind("rsa"),
    Kind("rsa", aggressive=True),
    Kind("int"),
    Kind("int", aggressive=True),
    Kind("ecdsa", ike="aes256-sha256-ecp256"),
    Kind("ecdsa", aggressive=True, ike="aes256-sha384-ecp384"),
    Kind("ecdsa521", ike="aes256-sha512-ecp521"),
]


# It knows no ECDSA in IKEv1, and sends no CA's certificate in Aggressive Mode
OF_LIBRESWAN = [Kind("rsa"), Kind("rsa", aggressive=True), Kind("int")]

Peer = OurGateway | Charon


class Ends(NamedTuple):
    """Both ends of a wire."""

    ours: OurGateway
    charon: Charon
    caller: Peer
    our_node: Node


def ends(
    lab: Lab,
    *,
    we_call: bool,
    ours: OurOptions = OurOptions(),  # noqa: B008  immutable
    charons: CharonOptions = NO_ESP,
    kind: Kind = KINDS[0],
) -> Ends:
    """Both with a leaf of ``kind``, unless their options name another."""
    a, b = lab.direct()
    our_node, charon_node = (a, b) if we_call else (b, a)
    our_name, charons_name = ("alice", "gw") if we_call else ("gw", "alice")
    our_leaf = ours.certificate or f"{our_name}-{kind.leaf}"
    charons_leaf = charons.certificate or f"{charons_name}-{kind.leaf}"
    ours = replace(ours, calls=we_call, certificate=our_leaf, ike=kind.ike, aggressive=kind.aggressive)
    charons = replace(charons, calls=not we_call, certificate=charons_leaf, ike=kind.ike, aggressive=kind.aggressive)
    gateway = lab.ours(our_node, ours)
    charon = lab.charon(charon_node, charons)
    return Ends(gateway, charon, gateway if we_call else charon, our_node)


def test_the_ca_of_the_caller_selects_the_connection(lab: Lab) -> None:
    a, b = lab.direct()
    # the CA that the first connection trusts has not issued the certificate of the caller
    tables = [
        f"""
[connection.{name}]
local_address = "{b.address}"
local_id = "gw.lab"
remote_id = "%any"
certificate = "own.crt"
private_key = "{pki.private_key("gw-rsa")}"
ca = "{authority}"
proposals = ["aes128-sha256-modp2048"]
[connection.{name}.tunnel.net]
local = "{b.network}"
remote = "{b.remote}"
proposals = ["aes128-sha256"]
"""
        for name, authority in (("first", pki.chain("gw-int")[0]), ("second", pki.ROOT))
    ]
    gateway = lab.ours(b, OurOptions(configuration="".join(tables), certificate="gw-rsa"))
    charon = lab.charon(a, replace(NO_ESP, calls=True, certificate="alice-rsa"))
    charon.control.bring_up("net")
    assert [sa["name"] for sa in gateway.control.sas()] == ["second"]
    assert gateway.control.child()["spi-in"] == charon.control.child()["spi-out"]


@ROLES
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_each_kind_proves_both_ends(lab: Lab, kind: Kind, we_call: bool) -> None:
    ours, charon, caller, _ = ends(lab, we_call=we_call, kind=kind)
    caller.control.initiate()
    of_ours, of_charon = ours.control.child(), charon.control.child()
    assert (of_ours["spi-in"], of_ours["spi-out"]) == (of_charon["spi-out"], of_charon["spi-in"])
    assert ours.control.sas()[0]["remote-id"] == ("gw.lab" if we_call else "alice@lab")
    verified = f"with {'ECDSA' if 'ecdsa' in kind.leaf else 'RSA'}"
    assert f"authentication of '{'alice@lab' if we_call else 'gw.lab'}' {verified}" in charon.log()
    assert ("AGGRESSIVE" in charon.log(), "ID_PROT" in charon.log()) == (kind.aggressive, not kind.aggressive)


@ROLES
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize(("our_leaf", "charons_leaf"), [("ecdsa", "ecdsa521"), ("ecdsa521", "ecdsa384")])
def test_keys_on_different_curves(lab: Lab, our_leaf: str, charons_leaf: str, aggressive: bool, we_call: bool) -> None:
    """The caller's curve decides the method, and each end signs with its own (charon does, RFC 4754 has one curve)."""
    our_name, charons_name = ("alice", "gw") if we_call else ("gw", "alice")
    ours, charon, caller, _ = ends(
        lab,
        we_call=we_call,
        ours=OurOptions(certificate=f"{our_name}-{our_leaf}"),
        charons=replace(NO_ESP, certificate=f"{charons_name}-{charons_leaf}"),
        kind=Kind("ecdsa", aggressive),
    )
    caller.control.initiate()
    assert ours.control.child()["spi-in"] == charon.control.child()["spi-out"]


@ROLES
def test_traffic_after_signatures(lab: Lab, we_call: bool) -> None:
    ours, charon, caller, our_node = ends(lab, we_call=we_call, charons=CharonOptions())
    caller.control.initiate()
    ping(our_node)
    for control in (ours.control, charon.control):
        assert int(control.child()["packets-in"]) == int(control.child()["packets-out"]) == 3


@ROLES
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_tshark_finds_our_messages_well_formed_and_opens_them(lab: Lab, we_call: bool, aggressive: bool) -> None:
    kind = Kind("rsa", aggressive)
    ours, _, caller, our_node = ends(lab, we_call=we_call, kind=kind, ours=OurOptions(keylog=True))
    capture = lab.capture(our_node)
    caller.control.initiate()
    profile = wireshark_profile(ours.keylog, lab.folder("profile"))
    file = capture.finish(enough="isakmp.exchangetype == 32", packets=3)
    said = said_first(file)
    assert len(tshark(file, f"{said} && {OPENED} && !{MALFORMED}", keys=profile)) == (4 if aggressive else 5)
    assert not tshark(file, f"{said} && {MALFORMED}", keys=profile)
    assert len(tshark(file, f"{said} && isakmp.sig && isakmp.cert.encoding == 4", keys=profile)) == 2


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "pluto calls"])
@pytest.mark.parametrize("kind", OF_LIBRESWAN, ids=str)
def test_libreswan(lab: Lab, kind: Kind, we_call: bool) -> None:
    a, b = lab.direct()
    our_name, plutos_name = ("alice", "gw") if we_call else ("gw", "alice")
    ours = lab.ours(
        a if we_call else b,
        OurOptions(calls=we_call, certificate=f"{our_name}-{kind.leaf}", aggressive=kind.aggressive),
    )
    pluto = lab.pluto(
        b if we_call else a,
        PlutoOptions(calls=not we_call, certificate=f"{plutos_name}-{kind.leaf}", aggressive=kind.aggressive),
    )
    if we_call:
        ours.control.initiate()
    else:
        assert "IPsec SA established tunnel mode" in pluto.initiate()
    pluto.await_pair()
    assert ours.control.child()["spi-out"] in pluto.log()
    assert ours.control.sas()[0]["remote-id"] == ("gw.lab" if we_call else "alice@lab")


# --- refusals -------------------------------------------------------------------------------------------------------


def fails(caller: Peer) -> None:
    assert caller.control.swanctl("--initiate", "--child", "net", "--timeout", "5").returncode != 0


def nothing_is_up(end: Peer) -> bool:
    return not any(sa["state"] == "ESTABLISHED" or sa["child-sas"] for sa in end.control.sas())


def reason(ours: OurGateway, other: Peer, code: str) -> str:
    """The one line in which we say ``code``; nothing is left of the call at either end."""
    ours.wait_for_log(f"({code})")
    for end in (ours, other):
        wait_until(partial(nothing_is_up, end), "every SA to be gone")
    (line,) = [line for line in ours.log().splitlines() if f"({code})" in line]
    return line


class Flaw(NamedTuple):
    """What is wrong with charon's certificate, and what we say."""

    code: str
    words: str
    charons: CharonOptions
    ours: OurOptions = OurOptions()

    def __str__(self) -> str:
        return self.code


ALICE_ANYWHERE = OurOptions(remote_id="alice@lab")
FLAWS = [
    Flaw(
        "cert-revoked",
        "revoked",
        replace(NO_ESP, certificate="revoked-rsa", own_id="alice@lab"),
        replace(ALICE_ANYWHERE, extra=OUR_REVOCATION_LIST),
    ),
    Flaw("cert-expired", "2021", replace(NO_ESP, certificate="expired-rsa", own_id="alice@lab"), ALICE_ANYWHERE),
    Flaw("cert-untrusted", "lab CA", replace(NO_ESP, certificate="self-rsa", own_id="alice@lab"), ALICE_ANYWHERE),
]


@ROLES
@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_a_flawed_certificate_is_refused(lab: Lab, flaw: Flaw, we_call: bool) -> None:
    found = ends(lab, we_call=we_call, ours=flaw.ours, charons=flaw.charons)
    fails(found.caller)
    assert flaw.words in reason(found.ours, found.charon, flaw.code)


def test_an_identity_that_is_not_in_the_certificate_is_refused(lab: Lab) -> None:
    """charon cannot be made to lie like this, but it can be lied to."""
    a, b = lab.direct()
    options = OurOptions(certificate="alice-rsa", own_id="bob@lab", calls=True)
    liar = lab.ours(a, options)
    charon = lab.charon(b, replace(NO_ESP, certificate="gw-rsa"))
    fails(liar)
    charon.wait_for_log("no trusted RSA public key found for 'bob@lab'")
    charon.stop()
    ours = lab.ours(b, OurOptions(certificate="gw-rsa", remote_id="*@lab"))
    fails(liar)
    said = reason(ours, liar, "cert-id-mismatch")
    assert "bob@lab" in said
    assert "alice@lab" in said


@ROLES
def test_a_good_certificate_passes_the_revocation_list(lab: Lab, we_call: bool) -> None:
    strict = OurOptions(extra=OUR_REVOCATION_LIST + '\nrevocation = "strict"')
    found = ends(lab, we_call=we_call, ours=strict)
    found.caller.control.initiate()
    assert found.ours.control.child()
    said = found.ours.log()
    assert "is not revoked according to the CRL of" in said
    who = ("gw.lab", "alice@lab") if we_call else ("alice@lab", "gw.lab")
    assert f"{who[0]} authenticated by RSA_SIGNATURES, we are {who[1]}" in said


def test_a_certificate_that_the_list_at_a_uri_revokes_is_refused(lab: Lab) -> None:
    """No certificate of the lab says where the list is."""
    uri = f'[authority.lab]\nca = "{pki.ROOT}"\ncrl_uris = ["http://127.0.0.1/page"]\n'
    strict = replace(ALICE_ANYWHERE, extra='revocation = "if-uri"', others=uri)
    revoked = replace(NO_ESP, certificate="revoked-rsa", own_id="alice@lab")
    a, b = lab.direct()
    web = web_server(lab, b, "127.0.0.1", pki.REVOCATION_LIST)
    ours = lab.ours(b, replace(strict, certificate="gw-rsa"))
    charon = lab.charon(a, replace(revoked, calls=True))
    fails(charon)
    assert "revoked" in reason(ours, charon, "cert-revoked")
    assert "GET /page" in web.log()


@ROLES
def test_charon_refuses_our_revoked_certificate(lab: Lab, we_call: bool) -> None:
    # charon is alice, too
    ours = OurOptions(certificate="revoked-rsa", own_id="alice@lab", extra="same_identity = true")
    found = ends(lab, we_call=we_call, ours=ours, charons=replace(NO_ESP, peer_id="alice@lab", revocation_list=True))
    fails(found.caller)
    found.charon.wait_for_log("certificate was revoked")
    wait_until(lambda: not found.ours.control.sas(), "our SA to be gone")
