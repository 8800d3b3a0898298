"""vpnc over time: dead peer detection by both sides, new pairs of IPsec SAs, and its renewal of phase 1."""

from __future__ import annotations

import re
import signal

import pytest

from lab.cisco import as_virtual, cisco, connect, leases
from lab.gateway import OurGateway
from lab.lab import Lab
from lab.process import PATIENCE
from lab.traffic import EndlessPings, ping
from lab.vpnc import VpncOptions


def await_log(ours: OurGateway, pattern: str) -> None:
    ours.wait_for(lambda: re.search(pattern, ours.log()), pattern, timeout=2 * PATIENCE)


def test_dead_peer_detection_by_both_sides(lab: Lab) -> None:
    """vpnc asks after 10 idle seconds, the shortest that it has."""
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b, more='dpd_delay = "5s"'))
    connect(lab, a, ours, VpncOptions(dpd=10))
    for way in ("sent", "received"):
        await_log(ours, rf"INFO {way}: .*N\(R_U_THERE_ACK")
    assert ours.control.child()
    ping(as_virtual(a, "10.99.0.10"))


@pytest.mark.slow
def test_a_gateway_that_falls_silent_is_noticed(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b))
    vpnc = connect(lab, a, ours, VpncOptions(dpd=10))
    ours.send_signal(signal.SIGSTOP)
    vpnc.wait(timeout=3 * PATIENCE)
    ours.send_signal(signal.SIGCONT)
    assert (vpnc.directory / "environment.disconnect").exists()


def test_the_gateway_rekeys(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b))
    connect(lab, a, ours)
    first = ours.control.child()["uniqueid"]
    at_work = as_virtual(a, "10.99.0.10")
    ping(at_work)
    ours.control.rekey()
    ours.wait_for(lambda: first not in {each["uniqueid"] for each in ours.control.children()}, "a new pair")
    ping(at_work)
    ours.wait_for_log(f"net-{first} closed")
    ping(at_work)
    assert len(ours.control.children()) == 1
    assert leases(ours) == {"10.99.0.10": "carol"}


def test_vpnc_renews_phase_1(lab: Lab) -> None:
    """At 80 % of the lifetime that RESPONDER-LIFETIME gives. Without traffic, it sends R-U-THERE just before, and takes
    the answer for message 2.
    """
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b, more='lifetime = "30s"\nproposal_check = "claim"'))
    vpnc = connect(lab, a, ours, VpncOptions(dpd=10))
    (first,), pair = ours.control.sas(), ours.control.child()["uniqueid"]
    at_work = as_virtual(a, "10.99.0.10")
    pings = lab.started(EndlessPings(at_work, lab.folder("pings"), interval=0.1))
    ours.wait_for_log("deleted by the peer")
    (second,) = ours.control.sas()
    assert second["uniqueid"] != first["uniqueid"]
    assert second["state"] == "ESTABLISHED"
    await_log(ours, rf"<peer\|{second['uniqueid']}> INFO sent: .*N\(R_U_THERE_ACK")
    assert ours.control.child()["uniqueid"] == pair
    assert leases(ours) == {"10.99.0.10": "carol"}
    ours.control.rekey()
    ours.wait_for(lambda: pair not in {each["uniqueid"] for each in ours.control.children()}, "a new pair")
    assert pings.count().gap < 5
    ping(at_work)
    assert vpnc.alive
