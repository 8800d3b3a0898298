"""Traffic that the userspace data plane exempts from a tunnel with charon, or drops; see `lab.shunts`."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from lab import shunts
from lab.capture import packets
from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.pair import await_child
from lab.traffic import ping

QUESTION, STRANGE = "exempt", "dropped"


@pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
def test_exempt_traffic_passes_in_the_clear_and_dropped_traffic_nowhere(lab: Lab, version: int) -> None:
    a, b = lab.direct(inside=version, outside=version)
    shunts.lead(a, b)
    family = f"-{version}"
    # charon's own data plane in user space has no shunts: its packets are led past it
    b.run(*f"ip {family} rule add pref 100 from {b.host} ipproto udp dport 7777 lookup main".split())
    charon = lab.charon(b, CharonOptions())
    options = OurOptions(calls=True, data_plane="userspace", encapsulation=True, others=shunts.toml(a))
    ours = lab.ours(a, options)
    ours.command("up", "net")
    await_child(ours, charon)
    ping(a)
    before = ours.control.child()

    wire = lab.capture(a)
    assert shunts.heard(a, b, (a.host, b.host, QUESTION), (a.host, b.address, STRANGE)) == [QUESTION]
    assert shunts.heard(b, a, (b.host, a.host, QUESTION)) == [QUESTION]
    after = ours.control.child()
    for counter in ("packets-in", "packets-out"):
        assert after[counter] == before[counter]
    ping(a)
    assert int(ours.control.child()["packets-out"]) == int(before["packets-out"]) + 3
    seen = wire.finish_with(4, "udp port 7777")  # two in the clear, and the two that end the tests
    assert not packets(seen, f"host {a.host} and host {b.address}")
    assert len(packets(seen, f"host {a.host} and host {b.host}")) == 2

    listed = ours.control.swanctl("--list-conns").stdout
    assert "questions: PASS" in listed
    assert ours.control.swanctl("--uninstall", "--child", "questions").returncode == 0
    shunts.heard(a, b, (a.host, b.host, QUESTION))  # in the tunnel now, where the datagram that ends it may overtake it
    sent = int(before["packets-out"]) + 4
    ours.wait_for(lambda: int(ours.control.child()["packets-out"]) == sent, "a packet in the tunnel")

    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert "goto" in a.run("ip", family, "rule")
    again = lab.ours(a, replace(options, others=""))
    assert "goto" not in a.run("ip", family, "rule")
    again.stop()
