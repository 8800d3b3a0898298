"""`ikev1 connect --script` with the script of vpnc that people have."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from lab.connect import Connect, assert_split, connect, gateway, leads_to
from lab.lab import Lab
from lab.process import wait_until
from lab.socks import of_host
from lab.traffic import ping
from lab.vpnc import GROUP

SCRIPT = Path("/usr/share/vpnc-scripts/vpnc-script")
pytestmark = pytest.mark.skipif(
    not SCRIPT.exists() or shutil.which("resolvconf") is not None,
    reason="vpnc-scripts is not installed here, or it would use a resolvconf of this machine",
)
SPLIT = """
split_include = "10.10.2.0/24"
default_domain = "lab.example"
netmask = "255.255.255.0"
"""


class Files:
    """A /run and a resolv.conf of the program's own."""

    def __init__(self, lab: Lab) -> None:
        run = lab.folder("run")
        run.mkdir()
        self.resolv_conf = lab.folder("resolv.conf")
        self.resolv_conf.write_text("nameserver 192.0.2.53\n")
        self.setup = f"mount --bind '{run}' /run; mount --bind '{self.resolv_conf}' /etc/resolv.conf"

    @property
    def lines(self) -> list[str]:
        return [line for line in self.resolv_conf.read_text().splitlines() if line and not line.startswith("#")]

    def wait(self, client: Connect) -> None:
        """Until the script, whose last step this is, has installed the name server."""
        client.wait_for(lambda: "nameserver 10.10.2.53" in self.lines, "the name server")


@pytest.mark.parametrize("killed", [False, True], ids=["interrupted", "killed"])
def test_split_networks(lab: Lab, killed: bool) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b, SPLIT)
    a.run("ip", "route", "add", "default", "via", a.peer)
    files, before = Files(lab), of_host(a)
    client = connect(lab, a, "--group", GROUP, "--script", str(SCRIPT), setup=files.setup)
    files.wait(client)
    assert "search lab.example" in files.lines
    assert "| Welcome to the lab" in client.log()
    assert_split(a, "10.99.0.10")
    if killed:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client = connect(lab, a, "--group", GROUP, "--script", str(SCRIPT), setup=files.setup, password="wrong")
        assert client.wait() == 4
    else:
        client.send_signal(signal.SIGINT)
        assert client.wait() == 0
        ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert files.lines == ["nameserver 192.0.2.53"]
    wait_until(lambda: of_host(a) == before, "the routes as before")


def test_a_script_runs_once_for_two_split_networks(lab: Lab) -> None:
    """Each has a pair of its own."""
    a, b = lab.direct()
    networks = ("10.10.2.0/24", "10.10.3.0/24")
    ours = gateway(lab, b, f"split_include = {list(networks)}".replace("'", '"'), networks=networks)
    ran, script = lab.folder("ran"), lab.folder("script")
    script.write_text(f'#!/bin/sh\necho "$reason $CISCO_SPLIT_INC" >> {ran}\n')
    script.chmod(0o700)
    client = connect(lab, a, "--group", GROUP, "--script", str(script))
    client.wait_for_log("connected")
    ours.wait_for(lambda: len(ours.control.children()) == 2, "a pair for each network")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    assert ran.read_text().splitlines() == ["pre-init 2", "connect 2", "disconnect 2"]


def test_all_traffic(lab: Lab) -> None:
    """The route to the gateway is kept."""
    a, b = lab.direct()
    gateway(lab, b)
    a.run("ip", "route", "add", "default", "via", a.peer)
    files, before = Files(lab), of_host(a)
    client = connect(lab, a, "--group", GROUP, "--script", str(SCRIPT), setup=files.setup)
    files.wait(client)
    assert leads_to(a, "203.0.113.1") == "ikev1c"
    assert leads_to(a, a.peer) == "eth0"
    ping(replace(a, host="10.99.0.10"))
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    assert files.lines == ["nameserver 192.0.2.53"]
    assert of_host(a) == before


def test_a_gateway_that_names_itself(lab: Lab) -> None:
    a, b = lab.direct()
    gateway(lab, b, f'split_include = ["10.10.2.0/24", "{a.peer}/32", "127.0.0.0/8"]')
    files = Files(lab)
    client = connect(lab, a, "--group", GROUP, "--script", str(SCRIPT), setup=files.setup)
    files.wait(client)
    ping(replace(a, host="10.99.0.10"))
    assert leads_to(a, a.peer) == "eth0"
    assert leads_to(a, "127.0.0.1") == "lo"
