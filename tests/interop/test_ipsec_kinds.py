"""Everything that a pair of IPsec SAs may be, negotiated with strongSwan in both roles: what both ends then believe.

Neither end carries a packet here; that the kernels of both understand one another is proved in tests/kernel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from lab.charon import Charon, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import LabError


class Kind(NamedTuple):
    """How each end asks for it, and what list-sas is to say at both."""

    ours: OurOptions
    charon: CharonOptions
    shown: dict[str, str]


def kind(*, ours: dict[str, Any], charon: dict[str, Any], shown: dict[str, str]) -> Kind:
    options = OurOptions(data_plane="nobody", **ours), CharonOptions(plane="noesp", rekey_time="50m", **charon)
    return Kind(*options, {"mode": "TUNNEL", "protocol": "ESP"} | shown)


TRANSPORT: dict[str, Any] = {
    "ours": {"tunnel": 'mode = "transport"', "local": "dynamic", "remote": "dynamic"},
    "charon": {"child": "mode = transport", "local_ts": "dynamic", "remote_ts": "dynamic"},
}
KINDS = {
    "l2tp": kind(
        ours={"tunnel": 'mode = "transport"', "local": "dynamic[udp/1701]", "remote": "dynamic[udp/1701]"},
        charon={"child": "mode = transport", "local_ts": "dynamic[udp/1701]", "remote_ts": "dynamic[udp/1701]"},
        shown={"mode": "TRANSPORT"},
    ),
    "ah in transport mode, with perfect forward secrecy": kind(
        ours={"ah": "sha1-modp2048"} | TRANSPORT["ours"],
        charon={"esp": "ah:sha1-modp2048"} | TRANSPORT["charon"],
        shown={"protocol": "AH", "mode": "TRANSPORT", "integ-alg": "HMAC_SHA1_96", "dh-group": "MODP_2048"},
    ),
    "extended sequence numbers": kind(
        ours={"esp": "aes128-sha256-esn"}, charon={"esp": "aes128-sha256-esn"}, shown={"esn": "1"}
    ),
    "ah with extended sequence numbers": kind(
        ours={"ah": "sha256-esn"},
        charon={"esp": "ah:sha256-esn"},
        shown={"protocol": "AH", "integ-alg": "HMAC_SHA2_256_128", "esn": "1"},
    ),
    "ipcomp": kind(ours={"tunnel": "compress = true"}, charon={"child": "ipcomp = yes"}, shown={}),
    "ipcomp in transport mode": kind(
        ours=TRANSPORT["ours"] | {"tunnel": 'mode = "transport"\ncompress = true'},
        charon=TRANSPORT["charon"] | {"child": "mode = transport\nipcomp = yes"},
        shown={"mode": "TRANSPORT"},
    ),
}
role = pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])


def meet(lab: Lab, nodes: tuple[Node, Node], wanted: Kind, we_call: bool) -> tuple[OurGateway, Charon]:
    """Ours and charon, one of which called the other."""
    client, gateway = nodes
    our_node, charon_node = (client, gateway) if we_call else (gateway, client)
    charon = lab.charon(charon_node, replace(wanted.charon, calls=not we_call))
    ours = lab.ours(our_node, replace(wanted.ours, calls=we_call))
    (ours if we_call else charon).control.initiate()
    for end in (ours, charon):
        end.wait_for(end.control.children, "a pair of IPsec SAs")
    return ours, charon


def assert_agreed(ours: OurGateway, charon: Charon, shown: dict[str, str]) -> None:
    """Both ends show ``shown``, and each what the other sends with as what it receives with."""
    one, other = ours.control.child(), charon.control.child()
    for child in (one, other):
        assert {key: child.get(key) for key in shown} == shown
    for index in ("spi", "cpi"):
        assert (one.get(f"{index}-in"), one.get(f"{index}-out")) == (
            other.get(f"{index}-out"),
            other.get(f"{index}-in"),
        )
    compared = ("mode", "protocol", "encap", "esn", "encr-alg", "encr-keysize", "integ-alg", "dh-group")
    assert {key: one.get(key) for key in compared} == {key: other.get(key) for key in compared}
    assert traffic(one) == traffic(other)[::-1]


def traffic(child: dict[str, Any]) -> tuple[str, str]:
    """What a pair carries, its own side first; charon calls the port of L2TP after an older protocol."""
    (local,), (remote,) = child["local-ts"], child["remote-ts"]
    return local.replace("l2f", "1701"), remote.replace("l2f", "1701")


def traffic_on_path(end: OurGateway | Charon, port: str) -> tuple[str, str]:
    """That of the two addresses which the ISAKMP SA of ``end`` has."""
    (sa,) = end.control.sas()
    return f"{sa['local-host']}/32{port}", f"{sa['remote-host']}/32{port}"


@role
@pytest.mark.parametrize("name", KINDS)
def test_both_ends_believe_the_same(lab: Lab, name: str, we_call: bool) -> None:
    wanted = KINDS[name]
    ours, charon = meet(lab, lab.direct(), wanted, we_call)
    assert_agreed(ours, charon, wanted.shown)
    assert ("cpi-in" in ours.control.child()) is name.startswith("ipcomp")
    spi = charon.control.child()["spi-in"]
    (charon if we_call else ours).control.swanctl("--rekey", "--child", "net")
    charon.wait_for(lambda: [child["spi-in"] for child in charon.control.children()] not in ([], [spi]), "another pair")
    ours.wait_for(
        lambda: [child["spi-out"] for child in ours.control.children()] not in ([], [spi]),
        "the older pair to be replaced",
    )
    assert_agreed(ours, charon, wanted.shown)
    assert "refused" not in ours.log()


@role
@pytest.mark.parametrize("name", ["l2tp", "ipcomp in transport mode"])
def test_through_a_nat(lab: Lab, name: str, we_call: bool) -> None:
    wanted = KINDS[name]
    ours, charon = meet(lab, lab.behind_nat(), wanted, we_call)
    one, other = ours.control.child(), charon.control.child()
    for child in (one, other):
        assert {key: child.get(key) for key in wanted.shown} == wanted.shown
        assert child["encap"] == "yes"
    assert (one["spi-in"], one["spi-out"]) == (other["spi-out"], other["spi-in"])
    if one["mode"] == "TRANSPORT":
        for end, child in ((ours, one), (charon, other)):
            assert traffic(child) == traffic_on_path(end, "[udp/1701]" if name == "l2tp" else "")


@role
def test_ah_does_not_pass_a_nat(lab: Lab, we_call: bool) -> None:
    client, gateway = lab.behind_nat()
    wanted = KINDS["ah with extended sequence numbers"]
    our_node, charon_node = (client, gateway) if we_call else (gateway, client)
    charon = lab.charon(charon_node, replace(wanted.charon, calls=not we_call))
    ours = lab.ours(our_node, replace(wanted.ours, calls=we_call))
    (ours if we_call else charon).control.swanctl("--initiate", "--child", "net", "--timeout", "5")
    ours.wait_for_log("no-proposal-chosen")
    assert not ours.control.children()


@role
def test_another_mode_is_refused(lab: Lab, we_call: bool) -> None:
    client, gateway = lab.direct()
    wanted = kind(**TRANSPORT | {"ours": {"local": "dynamic", "remote": "dynamic"}}, shown={})
    our_node, charon_node = (client, gateway) if we_call else (gateway, client)
    charon = lab.charon(charon_node, replace(wanted.charon, calls=not we_call))
    ours = lab.ours(our_node, replace(wanted.ours, calls=we_call))
    (ours if we_call else charon).control.swanctl("--initiate", "--child", "net", "--timeout", "5")
    said = "(refused-by-peer)" if we_call else "(no-proposal-chosen)"
    ours.wait_for(lambda: said in ours.log(), "a refusal")
    assert not ours.control.children()


def test_what_user_space_cannot_carry_is_refused_before_it_starts(lab: Lab) -> None:
    ours, _ = lab.direct()
    with pytest.raises(LabError, match="requires IPComp, which only the kernel supports"):
        lab.ours(ours, OurOptions(data_plane="userspace", tunnel="compress = true", calls=True))
