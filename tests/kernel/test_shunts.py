"""Traffic that both kernels exempt from a tunnel between charon and us, or that ours drops; see `lab.shunts`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab import shunts
from lab.capture import packets
from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair
from lab.traffic import ping
from lab.xfrm import policies


@pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
def test_exempt_traffic_passes_in_the_clear_and_dropped_traffic_nowhere(lab: Lab, version: int) -> None:
    a, b = lab.direct(inside=version, outside=version)
    shunts.lead(a, b)
    ours, charon = replace(OURS, others=shunts.toml(a)), replace(CHARON, others=shunts.swanctl(b))
    pair = KernelPair(lab, (a, b), we_call=True, ours=ours, charon=charon).up()
    pair.assert_protected()
    before = pair.ours.control.child()

    wire = lab.capture(a, sent=True)
    assert shunts.heard(a, b, (a.host, b.host, "exempt"), (a.host, b.address, "dropped")) == ["exempt"]
    assert shunts.heard(b, a, (b.host, a.host, "exempt")) == ["exempt"]
    after = pair.ours.control.child()
    for counter in ("packets-in", "packets-out"):
        assert after[counter] == before[counter]
    ping(a)
    assert int(pair.ours.control.child()["packets-out"]) == int(before["packets-out"]) + 3
    seen = wire.finish_with(2, "udp port 7777")
    assert not packets(seen, f"host {a.host} and host {b.address}")
    assert len(packets(seen, f"host {a.host} and host {b.host}")) == 1

    assert pair.ours.control.swanctl("--uninstall", "--child", "stranger").returncode == 0
    assert shunts.heard(a, b, (a.host, b.address, "dropped")) == ["dropped"]
    pair.ours.stop()
    pair.ours.release()
    assert not policies(a)
    assert "goto" not in a.run("ip", f"-{version}", "rule")
