"""Counters that mean trouble, made to move one after the other; `ikev1 show ipsec sa` names each and explains it."""

from __future__ import annotations

import re
import socket

import pytest

from ikev1.cli.counter_help import words_of
from lab.gateway import OurGateway
from lab.lab import Lab
from lab.namespaces import inside
from lab.network import Node
from lab.pair import KernelPair
from lab.process import LabError, wait_until
from lab.traffic import ping
from lab.xfrm import troubles


@pytest.fixture
def pair(lab: Lab) -> KernelPair:
    return KernelPair(lab, lab.direct(), we_call=True).up()


def send_esp(sender: Node, spi: str, sequence: int) -> None:
    """One ESP packet with nothing sensible in it."""
    with inside(sender.namespace), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP) as raw:
        raw.sendto(bytes.fromhex(spi) + sequence.to_bytes(4) + bytes(88), (sender.peer, 0))


def in_vain(sender: Node) -> None:
    """One ping that nobody answers."""
    with pytest.raises(LabError):
        ping(sender, count=1, patience=1)


def assert_explained(ours: OurGateway, node: Node, **counted: int) -> None:
    """What the kernel counted, and nothing else, is shown with its words."""
    wait_until(lambda: troubles(node) == counted, f"the counters {counted}", says=lambda: str(troubles(node)))
    said = ours.command("show", "ipsec", "sa")
    below = said.split("\n\n")[-1]
    for name, count in counted.items():
        assert f"{count} {name}: {words_of(name).meaning}" in below
    assert len(re.findall(r"\d+ Xfrm", below)) == len(counted)
    with ours.control.session() as session:
        assert session.stats().get("drops", {}) == {name: str(count).encode() for name, count in counted.items()}


def test_what_went_wrong_is_explained(pair: KernelPair) -> None:
    """One thing after the other, for each stays counted."""
    ours, node = pair.ours, pair.our_node
    child = ours.control.child()
    ping(pair.client)
    assert_explained(ours, node)
    assert "#send errors 0, #recv errors 0" in ours.command("show", "ipsec", "sa")

    send_esp(pair.charon_node, "00001000", 1)  # a pair that nobody knows
    assert_explained(ours, node, XfrmInNoStates=1)

    send_esp(pair.charon_node, child["spi-in"], 1000)  # a forgery
    assert_explained(ours, node, XfrmInNoStates=1, XfrmInStateProtoError=1)
    said = ours.command("show", "ipsec", "sa")
    assert "#send errors 0, #recv errors 1" in said
    assert "1 integrity-failures-in: " in said

    node.run("ip", "xfrm", "policy", "delete", "src", node.remote, "dst", node.network, "dir", "in")
    in_vain(pair.charon_node)
    assert_explained(ours, node, XfrmInNoStates=1, XfrmInStateProtoError=1, XfrmInNoPols=1)

    node.run("ip", "xfrm", "state", "delete", "dst", node.peer, "proto", "esp", "spi", f"0x{child['spi-out']}")
    in_vain(node)
    assert "XfrmOutNoStates" in troubles(node)
    assert words_of("XfrmOutNoStates").meaning in ours.command("show", "ipsec", "sa")


def test_a_peer_that_sends_in_the_clear(pair: KernelPair) -> None:
    pair.charon_node.run("ip", "xfrm", "policy", "flush")
    in_vain(pair.charon_node)
    assert_explained(pair.ours, pair.our_node, XfrmInTmplMismatch=1)
