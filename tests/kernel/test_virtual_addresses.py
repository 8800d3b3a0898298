"""Virtual addresses with the kernel's data plane: as client and as gateway, and after a process that was killed."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

from esp_lab import Namespace
from lab.charon import CharonOptions
from lab.cisco import assert_split_networks
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.socks import of_host
from lab.traffic import ping

KILLED = """
import os, sys
from pathlib import Path
from ikev1.esp.kernel import KernelPlane
plane = KernelPlane(lambda event: None, Path(sys.argv[1]))
plane.adopt(())
plane.hold_address("10.99.0.10")
plane.hold_address("fd00::10")
os._exit(0)
"""
NEXT = """
import signal
import sys
from pathlib import Path
from ikev1.esp.kernel import KernelPlane
plane = KernelPlane(lambda event: None, Path(sys.argv[1]))
for address in sys.argv[2:]:
    plane.hold_address(address)
plane.adopt(())
import subprocess
print(subprocess.run(["ip", "-br", "addr", "show", "dev", "lo"], capture_output=True, text=True, check=True).stdout)
plane.close()
"""


def test_the_next_process_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    namespace = Namespace()
    try:
        namespace.run("ip", "link", "set", "lo", "up")
        owner = str(tmp_path / "owner")
        namespace.run(sys.executable, "-c", KILLED, owner)
        assert "10.99.0.10/32" in namespace.run("ip", "-br", "addr", "show", "dev", "lo")
        during = namespace.run(sys.executable, "-c", NEXT, owner, "fd00::10")
        assert "10.99.0.10" not in during
        assert "fd00::10/128" in during
        after = namespace.run("ip", "-br", "addr", "show", "dev", "lo")
        assert "10.99.0.10" not in after
        assert "fd00::10" not in after
    finally:
        namespace.close()


def test_charon_as_gateway(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(
        b,
        CharonOptions(
            connection="pools = office",
            remote_ts="dynamic",
            local_ts="10.10.2.0/24",
            plane="kernel",
            rekey_time="50m",
            modules="attr",
            others="pools { office { addrs = 10.99.0.64/29 } }",
        ),
    )
    ours = lab.ours(
        a,
        OurOptions(calls=True, local="dynamic", remote="10.10.2.0/24", extra='vips = "0.0.0.0"', data_plane="kernel"),
    )
    ours.control.initiate()
    (sa,) = ours.control.sas()
    (address,) = sa["local-vips"]
    assert address in a.run("ip", "-br", "addr", "show", "dev", "lo")
    assert f"src {address}" in a.run("ip", "route", "get", b.host)
    ping(replace(a, host=address))
    assert int(ours.control.child()["packets-in"]) == 3
    ours.stop()
    assert address not in a.run("ip", "-br", "addr", "show", "dev", "lo")


def test_charon_as_client(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(
        b,
        OurOptions(
            local="10.10.2.0/24",
            remote="dynamic",
            extra='pools = "office"',
            others='[pools.office]\naddresses = "10.99.0.10-10.99.0.20"',
            data_plane="kernel",
        ),
    )
    charon = lab.charon(
        a,
        CharonOptions(
            calls=True,
            connection="vips = 0.0.0.0",
            local_ts="dynamic",
            remote_ts="10.10.2.0/24",
            plane="kernel",
            rekey_time="50m",
        ),
    )
    charon.control.initiate()
    ping(replace(a, host="10.99.0.10"))
    assert int(ours.control.child()["packets-in"]) == 3


def test_vpnc_with_split_networks(lab: Lab) -> None:
    assert_split_networks(lab, "kernel")


def test_split_networks_before_and_after_a_kill(lab: Lab) -> None:
    """Only the named network and the name server take the tunnel; the next daemon removes what the killed one left."""
    a, b = lab.direct()
    pool = '[pools.office]\naddresses = "10.99.0.10"\ndns = "192.0.2.53"\nsplit_include = "10.10.2.0/24"'
    lab.ours(
        b, OurOptions(local="0.0.0.0/0", remote="dynamic", extra='pools = "office"', others=pool, data_plane="kernel")
    )
    state = of_host(a)
    options = OurOptions(calls=True, local="dynamic", remote="0.0.0.0/0", extra='vips = "0.0.0.0"', data_plane="kernel")
    ours = lab.ours(a, options)
    for end in (signal.SIGKILL, signal.SIGTERM):
        ours.control.initiate()
        assert "src 10.99.0.10" in a.run("ip", "route", "get", b.host)
        assert "src 10.99.0.10" in a.run("ip", "route", "get", "192.0.2.53")
        assert f"src {a.address}" in a.run("ip", "route", "get", a.peer)
        ping(replace(a, host="10.99.0.10"))
        ping(replace(a, host=a.address, remote_host=a.peer))
        ours.send_signal(end)
        ours.wait()
        if end is signal.SIGKILL:
            ours = lab.again(ours)
            assert of_host(a) == state
    assert of_host(a) == state
