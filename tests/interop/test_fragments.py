"""IKE fragments with strongSwan, over a path on which no IP fragment arrives."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from lab import pki
from lab.charon import Charon, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node, drop_ip_fragments
from lab.process import LabError
from lab.traffic import ping

ROLES = pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])


def ends(lab: Lab, *, we_call: bool, ours: str = "", charons: str = "") -> tuple[OurGateway, Charon, Node]:
    """Both with two certificates each, which need several packets; the texts are lines of the connections."""
    a, b = lab.direct()
    drop_ip_fragments(a, b)
    our_node, charon_node = (a, b) if we_call else (b, a)
    our_leaf, charons_leaf = ("alice-int", "gw-int") if we_call else ("gw-int", "alice-int")
    gateway = lab.ours(our_node, OurOptions(calls=we_call, certificate=our_leaf, extra=ours))
    charon = lab.charon(charon_node, CharonOptions(calls=not we_call, certificate=charons_leaf, connection=charons))
    return gateway, charon, our_node


@ROLES
@pytest.mark.parametrize("forced", [False, True], ids=["announced", "forced"])
def test_certificates_come_through_in_fragments(lab: Lab, we_call: bool, forced: bool) -> None:
    ours, charons = ('fragmentation = "force"\n', "fragmentation = force") if forced else ("", "")
    ours += "fragment_size = 800"
    gateway, charon, node = ends(lab, we_call=we_call, ours=ours, charons=charons)
    (gateway if we_call else charon).control.initiate()
    of_ours, of_charon = gateway.control.child(), charon.control.child()
    assert (of_ours["spi-in"], of_ours["spi-out"]) == (of_charon["spi-out"], of_charon["spi-in"])
    assert "received FRAGMENTATION vendor ID" in charon.log()
    assert "splitting IKE message" in charon.log()
    assert "reassembled fragmented IKE message" in charon.log()
    leaf, ca = (pki.certificate("gw-int"), *pki.chain("gw-int"))
    assert [_bits(file) for file in (leaf, ca)] == [4096, 4096]
    ping(node)


def _bits(certificate: Path) -> int:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.key_size


@ROLES
@pytest.mark.parametrize("side", ["ours", "charons"])
def test_without_fragments_they_do_not(lab: Lab, we_call: bool, side: str) -> None:
    off = {"ours": 'fragmentation = "no"', "charons": "fragmentation = no"}
    gateway, charon, _ = ends(lab, we_call=we_call, **{side: off[side]})
    with pytest.raises((LabError, AssertionError)):
        (gateway if we_call else charon).control.initiate(timeout=4)
    assert "splitting IKE message" not in charon.log()
    assert {sa["state"] for sa in gateway.control.sas()} <= {"CONNECTING"}
