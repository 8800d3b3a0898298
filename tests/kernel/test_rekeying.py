"""A new pair takes over while packets flow: none is lost, whoever asks for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lab.charon import Charon
from lab.gateway import OurGateway
from lab.lab import Lab
from lab.pair import OURS, KernelPair
from lab.traffic import EndlessPings, transfer
from lab.xfrm import states, troubles


def newest(end: OurGateway | Charon) -> tuple[str, str]:
    """The SPIs, inbound and outbound, of the pair that carries traffic; empty where there is none just now."""
    children = {int(child["uniqueid"]): (child["spi-in"], child["spi-out"]) for child in end.control.children()}
    return children[max(children)] if children else ("", "")


def both_switched(pair: KernelPair, before: tuple[str, str]) -> bool:
    ours, charons = newest(pair.ours), newest(pair.charon)
    return ours != before and ours == charons[::-1]


def test_nothing_is_lost(lab: Lab) -> None:
    pair = KernelPair(lab, lab.direct(), we_call=False).up()
    pings = lab.started(EndlessPings(pair.client, lab.folder("pings"), interval=0.02))
    for control in (pair.ours.control, pair.charon.control, pair.ours.control):
        before = newest(pair.ours)
        control.rekey()
        pair.ours.wait_for(partial(both_switched, pair, before), "both ends to use a new pair")
    assert pings.count().lost == 0
    last = newest(pair.ours)
    for node in pair.nodes:
        counted = {state.spi: state.packets for state in states(node)}
        assert min(counted[spi] for spi in last) > 0
        assert not troubles(node)


def test_kilobytes_are_a_reason(lab: Lab) -> None:
    """The kernel says that the soft limit is reached, and the hard one is never met."""
    pair = KernelPair(lab, lab.direct(), we_call=True, ours=replace(OURS, tunnel='lifetime_kilobytes = "2000K"')).up()
    before = newest(pair.ours)
    transfer(pair.client, pair.gateway, lab.folder("transfer"), size=1_850_000)  # beyond nine tenths
    pair.ours.wait_for(lambda: both_switched(pair, before), "both ends to use a new pair")
    transfer(pair.client, pair.gateway, lab.folder("transfer"), size=100_000)
    assert max(state.octets for state in states(pair.our_node) if state.spi in newest(pair.ours)) > 100_000
    for node in pair.nodes:
        assert not troubles(node)
