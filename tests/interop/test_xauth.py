"""XAUTH with real peers: strongSwan and libreswan as client and as gateway, vpnc as client."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.charon import CLIENT_ID, GATEWAY_ID, PSK, XAUTH_PASSWORD, XAUTH_USER, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.pki import ROOT, certificate, private_key
from lab.pluto import PlutoOptions
from lab.process import LabError
from lab.users import check_user
from lab.vpnc import GROUP, GROUP_SECRET, VpncOptions

SERVER = OurOptions(extra='xauth = "server"\nxauth_backend = "command"')
CLIENT = OurOptions(
    calls=True, extra=f'xauth = "client"\nxauth_user = "{XAUTH_USER}"\nxauth_secret = "{XAUTH_PASSWORD}"'
)
CALLING = CharonOptions(calls=True, xauth=True, plane="noesp")
GATEWAY = CharonOptions(xauth=True, plane="noesp")
MODES = pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])


def server(lab: Lab, options: OurOptions = SERVER) -> OurOptions:
    """A gateway that asks a program of its own about users."""
    return replace(options, others=f'[command]\nrun = "{check_user(lab)}"')


def assert_carries_for_carol(ours: OurGateway) -> None:
    """Our gateway has a pair with an authenticated user."""
    assert ours.control.child()
    (sa,) = ours.control.sas()
    assert sa["remote-xauth-id"] == XAUTH_USER
    assert sa["cisco-state"] == "QM_IDLE"


@MODES
def test_charon_logs_in_with_a_group_secret(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, replace(server(lab), aggressive=aggressive))
    charon = lab.charon(a, replace(CALLING, aggressive=aggressive))
    charon.control.initiate()
    assert_carries_for_carol(ours)
    assert "XAuth authentication" in charon.log() or "XAuth-SCRIPT" in charon.log()


@MODES
def test_charon_logs_in_with_a_certificate(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    options = replace(server(lab), certificate="gw-rsa", aggressive=aggressive)
    ours = lab.ours(b, options)
    charon = lab.charon(a, replace(CALLING, certificate="alice-rsa", aggressive=aggressive))
    charon.control.initiate()
    assert_carries_for_carol(ours)


@MODES
def test_charon_logs_in_with_hybrid_authentication(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    options = server(lab)
    options = replace(options, certificate="gw-rsa", aggressive=aggressive, extra=options.extra + "\nhybrid = true")
    ours = lab.ours(b, options)
    charon = lab.charon(a, replace(CALLING, certificate="alice-rsa", hybrid=True, aggressive=aggressive))
    charon.control.initiate()
    assert_carries_for_carol(ours)


def of_one_user(user: str, address: str) -> str:
    """Sections of swanctl.conf: a connection for a user, with a pool of one address."""
    return f"""
connections {{ {user} {{
    version = 1
    proposals = aes128-sha256-modp2048
    pools = {user}
    local {{ auth = pubkey
             certs = gw-rsa.crt
             id = gw.lab }}
    remote {{ auth = xauth
              xauth_id = {user} }}
    children {{ net {{ local_ts = 10.10.2.0/24
                       esp_proposals = aes128-sha256 }} }}
}} }}
secrets {{ xauth-{user} {{ id = {user}
                           secret = "{XAUTH_PASSWORD}" }} }}
pools {{ {user} {{ addrs = {address} }} }}
"""


def test_a_user_of_charon_selects_the_connection(lab: Lab) -> None:
    a, b = lab.direct()
    users = of_one_user("dave", "10.99.0.1") + of_one_user(XAUTH_USER, "10.99.0.2")
    ours = lab.ours(b, OurOptions(swanctl=users, certificate="gw-rsa"))
    options = replace(CALLING, certificate="alice-rsa", hybrid=True, local_ts="dynamic", connection="vips = 0.0.0.0")
    charon = lab.charon(a, options)
    charon.control.initiate()
    assert_carries_for_carol(ours)
    (sa,) = charon.control.sas()
    assert sa["local-vips"] == ["10.99.0.2"]


@MODES
@pytest.mark.parametrize(("ours", "theirs"), [("", ""), ("alice-rsa", "gw-rsa")], ids=["secret", "certificate"])
def test_we_ask_charon_that_we_call(lab: Lab, ours: str, theirs: str, aggressive: bool) -> None:
    """XAUTHRespPreShared and XAUTHRespRSA: the responder is the user. charon has no HybridRespRSA."""
    a, b = lab.direct()
    lab.charon(b, replace(GATEWAY, called_user=True, aggressive=aggressive, certificate=theirs))
    asking = replace(server(lab), calls=True, aggressive=aggressive, certificate=ours)
    gateway = lab.ours(a, asking)
    gateway.control.initiate()
    assert_carries_for_carol(gateway)


@MODES
def test_charon_calls_us_and_asks(lab: Lab, aggressive: bool) -> None:
    """The other way round: the initiator asks, and we are the user that is called."""
    a, b = lab.direct()
    ours = lab.ours(b, replace(CLIENT, calls=False, aggressive=aggressive))
    charon = lab.charon(a, replace(CALLING, called_user=True, aggressive=aggressive))
    charon.control.initiate()
    assert ours.control.child()
    (sa,) = charon.control.sas()
    assert sa["remote-xauth-id"] == XAUTH_USER


def test_charon_with_a_wrong_password_is_refused(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, server(lab))
    charon = lab.charon(a, replace(CALLING, password="wrong"))
    with pytest.raises(LabError):
        charon.control.initiate()
    ours.wait_for_log("(xauth-failed)")
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert "XAuth authentication of 'carol' (myself) failed" in charon.log() or "failed" in charon.log()


@MODES
def test_we_log_in_to_charon_with_a_group_secret(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, replace(GATEWAY, aggressive=aggressive))
    ours = lab.ours(a, replace(CLIENT, aggressive=aggressive))
    ours.control.initiate()
    assert ours.control.child()
    assert charon.control.sas()[0]["remote-xauth-id"] == XAUTH_USER


@MODES
def test_we_log_in_to_charon_with_a_certificate(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, replace(GATEWAY, certificate="gw-rsa", aggressive=aggressive))
    ours = lab.ours(a, replace(CLIENT, certificate="alice-rsa", aggressive=aggressive))
    ours.control.initiate()
    assert charon.control.sas()[0]["remote-xauth-id"] == XAUTH_USER


@MODES
def test_we_log_in_to_charon_with_hybrid_authentication(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, replace(GATEWAY, certificate="gw-rsa", hybrid=True, aggressive=aggressive))
    ours = lab.ours(a, hybrid_client(aggressive))
    ours.control.initiate()
    assert charon.control.sas()[0]["remote-xauth-id"] == XAUTH_USER


def hybrid_client(aggressive: bool) -> OurOptions:
    """A client without a secret of the gateway's and without a key."""
    return replace(CLIENT, aggressive=aggressive, ca=True, extra=CLIENT.extra + "\nhybrid = true")


def test_we_are_told_of_a_wrong_password(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, replace(GATEWAY, password="another"))
    ours = lab.ours(a, CLIENT)
    with pytest.raises(LabError) as failed:
        ours.control.initiate()
    assert "XAUTH" in str(failed.value)
    assert not ours.control.sas()
    assert XAUTH_PASSWORD not in ours.log()


# --- libreswan ------------------------------------------------------------------------------------------------------

PLUTO_SECRETS = f'{CLIENT_ID} @{GATEWAY_ID} : PSK "{PSK}"\n@{XAUTH_USER} : XAUTH "{XAUTH_PASSWORD}"\n'
PLUTO_CLIENT = PlutoOptions(
    calls=True,
    configuration=("", PLUTO_SECRETS),
    conn=f"leftxauthclient=yes\n    leftusername={XAUTH_USER}\n    rightxauthserver=yes",
)
PLUTO_GATEWAY = PlutoOptions(conn="leftxauthserver=yes\n    rightxauthclient=yes\n    xauthby=alwaysok")


@MODES
def test_pluto_logs_in(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, replace(server(lab), aggressive=aggressive, data_plane="nobody"))
    pluto = lab.pluto(a, replace(PLUTO_CLIENT, aggressive=aggressive))
    pluto.initiate()
    assert_carries_for_carol(ours)


@MODES
def test_we_log_in_to_pluto(lab: Lab, aggressive: bool) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, replace(PLUTO_GATEWAY, aggressive=aggressive))
    ours = lab.ours(a, replace(CLIENT, aggressive=aggressive, data_plane="nobody"))
    ours.control.initiate()
    assert ours.control.child()
    assert XAUTH_USER in pluto.log()


def test_pluto_logs_in_with_a_certificate(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, replace(server(lab), certificate="gw-rsa", data_plane="nobody"))
    secrets = f'@{XAUTH_USER} : XAUTH "{XAUTH_PASSWORD}"\n'
    pluto = lab.pluto(a, replace(PLUTO_CLIENT, certificate="alice-rsa", configuration=("", secrets)))
    pluto.initiate()
    assert_carries_for_carol(ours)


def test_we_log_in_to_pluto_with_a_certificate(lab: Lab) -> None:
    a, b = lab.direct()
    pluto = lab.pluto(b, replace(PLUTO_GATEWAY, certificate="gw-rsa"))
    ours = lab.ours(a, replace(CLIENT, certificate="alice-rsa", data_plane="nobody"))
    ours.control.initiate()
    assert ours.control.child()
    assert XAUTH_USER in pluto.log()


# --- vpnc -----------------------------------------------------------------------------------------------------------


def for_vpnc(lab: Lab, proof: str) -> OurOptions:
    """A gateway for vpnc, which names its group in the clear and wants a virtual address."""
    return OurOptions(
        configuration=f"""
[gateway]
log_level = "debug"
record = "{lab.folder("record.pcapng")}"
keylog = "{lab.folder("keylog")}"

[command]
run = "{check_user(lab)}"

[pools.office]
addresses = "10.99.0.10-10.99.0.20"

[connection.peer]
remote_id = "keyid:{GROUP}"
local_id = "gw.lab"
proposals = ["aes256-sha1-modp1536"]
xauth = "server"
xauth_backend = "command"
pools = "office"
{proof}

[connection.peer.tunnel.net]
local = "0.0.0.0/0"
proposals = ["aes256-sha1"]
"""
    )


WITH_SECRET = f'secret = "{GROUP_SECRET}"\naggressive = "accept-psk"'


def test_vpnc_with_hybrid_authentication(lab: Lab) -> None:
    a, b = lab.direct()
    proof = f'hybrid = true\ncertificate = "{certificate("gw-rsa")}"\nprivate_key = "{private_key("gw-rsa")}"'
    ours = lab.ours(b, for_vpnc(lab, proof))
    lab.vpnc(a, VpncOptions(more=f"IKE Authmode hybrid\nCA-File {ROOT}"))
    ours.wait_for(ours.control.children, "its pair")
    assert_carries_for_carol(ours)
    assert "HYBRID_INIT_RSA" in ours.log()


def test_vpnc_with_a_wrong_password(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, for_vpnc(lab, WITH_SECRET))
    with pytest.raises(LabError):
        lab.vpnc(a, VpncOptions(password="a wrong password"))
    ours.wait_for_log("(xauth-failed)")
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert "a wrong password" not in ours.log()


def test_explain_reads_what_vpnc_said(lab: Lab) -> None:
    """The record of the gateway and its key log, as somebody who looks for a fault would read them."""
    a, b = lab.direct()
    options = for_vpnc(lab, WITH_SECRET)
    ours = lab.ours(b, options)
    lab.vpnc(a, VpncOptions())
    ours.wait_for(ours.control.children, "its pair")
    files = dict(re.findall(r'^(record|keylog) = "(.*)"$', options.configuration, re.MULTILINE))
    said = ours.command("explain", files["record"], "--keylog", files["keylog"])
    assert "XAUTH_USER_NAME=carol" in said
    assert "XAUTH_STATUS=OK" in said
    assert XAUTH_PASSWORD not in said
