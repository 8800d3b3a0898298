"""`ikev1 connect` with certificates: of both sides, or of the gateway alone (hybrid authentication)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.charon import GATEWAY_ID, CharonOptions
from lab.connect import connect
from lab.lab import Lab
from lab.pki import ROOT, certificate, private_key
from lab.process import Program, wait_until
from lab.traffic import ping

_GATEWAY = CharonOptions(
    xauth=True,
    certificate="gw-rsa",
    peer_id="%any",
    local_ts="0.0.0.0/0",
    remote_ts="dynamic",
    ike="aes256-sha256-modp2048",
    esp="aes256-sha256",
    connection="pools = office",
    modules="attr",
    others="pools { office { addrs = 10.99.0.64/29\n dns = 10.10.2.53 } }",
)
_AS_ALICE = ("--cert", str(certificate("alice-rsa")), "--key", str(private_key("alice-rsa")))
_CA = ("--ca", str(ROOT))


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("hybrid", [False, True], ids=["both", "hybrid"])
def test_charon_with_a_certificate(lab: Lab, hybrid: bool, aggressive: bool) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, replace(_GATEWAY, hybrid=hybrid, aggressive=aggressive))
    options = [*_CA, "--remote-id", GATEWAY_ID, *(("--hybrid", "--group", "staff") if hybrid else _AS_ALICE)]
    client = connect(lab, a, *options, *(() if aggressive else ("--main-mode",)))
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.65"))
    client.stop()
    wait_until(lambda: not charon.control.sas(), "the end of its SA")


def test_certificates_without_a_user(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, replace(_GATEWAY, xauth=False))
    client = connect(lab, a, *_CA, *_AS_ALICE, "--remote-id", GATEWAY_ID, "--main-mode", user="")
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.65"))


def _refused(client: Program) -> str:
    assert client.wait() == 4, client.log()
    return client.log()


def test_a_gateway_with_a_certificate_for_another_name(lab: Lab) -> None:
    """It is of the right authority; the user's password is not sent to it."""
    a, b = lab.direct()
    charon = lab.charon(b, replace(_GATEWAY, hybrid=True))
    for name in ((), ("--remote-id", "other.lab")):
        log = _refused(connect(lab, a, *_CA, "--hybrid", *name, "--main-mode"))
        assert "(certificate-id-mismatch)" in log or "(id-mismatch)" in log
    assert "XAUTH" not in charon.log()
