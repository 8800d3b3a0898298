"""libreswan rekeys both phases by its lifetimes, in both roles, and so do we."""

from __future__ import annotations

import time

import pytest

from lab.endurance import pairs
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.pluto import PlutoOptions
from lab.process import wait_until

_CONN = "ikelifetime=120s\n    salifetime=90s\n    rekeymargin=20s\n    rekeyfuzz=10%"
_SECONDS = 240


@pytest.mark.parametrize("we_rekey", [True, False], ids=["we rekey", "pluto rekeys"])
@pytest.mark.parametrize("we_call", [True, False], ids=["we called", "pluto called"])
def test_both_phases_are_rekeyed_by_lifetime(lab: Lab, we_call: bool, we_rekey: bool) -> None:
    """At no time is there no pair, nor more than two of anything for longer than an exchange takes."""
    a, b = lab.direct()
    # An SPI without the SA that noesp keeps from the kernel would expire after 30 s
    b.run("sysctl", "-qw", "net.core.xfrm_acq_expires=3600")
    times = 'lifetime = "120s"\nproposal_check = "obey"' + ("" if we_rekey else "\nrekey = false")
    ours = lab.ours(
        a,
        OurOptions(calls=we_call, lifetime="90s", extra=times, data_plane="nobody"),
    )
    pluto = lab.pluto(b, PlutoOptions(calls=not we_call, conn=_CONN + ("\n    rekey=no" if we_rekey else "")))
    if we_call:
        ours.control.initiate()
    else:
        pluto.initiate()
    wait_until(ours.control.children, "a pair")
    seen_sas: set[str] = set()
    seen_pairs: set[str] = set()
    most, end = (0, 0), time.monotonic() + _SECONDS
    while time.monotonic() < end:
        sas = ours.control.sas()
        seen_sas |= {sa["uniqueid"] for sa in sas if sa["state"] == "ESTABLISHED"}
        installed = {child["spi-in"] for child in ours.control.children()}
        assert installed, "no pair carries traffic"
        seen_pairs |= installed
        most = max(most[0], len(sas)), max(most[1], pairs(ours.control))
        time.sleep(1)
    print(f"\nin {_SECONDS} s {len(seen_sas)} ISAKMP SAs and {len(seen_pairs)} pairs, at most {most} at a time")
    assert len(seen_sas) >= _SECONDS // 120
    assert len(seen_pairs) >= _SECONDS // 90
    assert most <= (2, 2)
