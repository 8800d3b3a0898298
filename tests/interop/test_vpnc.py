"""vpnc over time: dead peer detection by both sides, and new pairs of IPsec SAs."""

from __future__ import annotations

import re
import signal

from lab.cisco import as_virtual, cisco, connect, leases
from lab.gateway import OurGateway
from lab.lab import Lab
from lab.process import PATIENCE
from lab.traffic import ping
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
    ours.wait_for_log("net-2 closed")
    ping(at_work)
    assert len(ours.control.children()) == 1
    assert leases(ours) == {"10.99.0.10": "carol"}
