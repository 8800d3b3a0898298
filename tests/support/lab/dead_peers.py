"""charon that dies or loses a pair, for either data plane."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace

from lab.charon import Charon, CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import LabError, Program
from lab.traffic import EndlessPings, ping, pings

QUICK = "dpd_delay = 2\ndpd_timeout = 4"
DEAD = "(peer-dead)"

_SECOND = "10.20.2.1"
_SECOND_OF_OURS = """
[connection.peer.tunnel.second]
local = "10.10.1.0/24"
remote = "10.20.2.0/24"
proposals = ["aes128-sha256"]
"""
_SECOND_OF_CHARON = """
connections { peer { children { second {
    local_ts = 10.20.2.0/24
    remote_ts = 10.10.1.0/24
    esp_proposals = aes128-sha256
} } } }
"""


def killed(program: Program) -> None:
    """It ends without a word."""
    program.send_signal(signal.SIGKILL)
    program.wait()


def again(lab: Lab, node: Node, options: CharonOptions) -> Charon:
    """Another charon in the place of one that was killed, which left its rule for its routes."""
    while (
        subprocess.run(["ip", "-n", node.namespace, "rule", "del", "pref", "220"], capture_output=True).returncode == 0
    ):
        pass
    return lab.charon(node, options)


def a_charon_that_was_killed_is_called_again(lab: Lab, our_options: OurOptions, options: CharonOptions) -> None:
    """It is noticed, and another charon in its place, which knows nothing, is called."""
    a, b = lab.direct()
    charon = lab.charon(b, options)
    ours = lab.ours(a, replace(our_options, calls=True, extra=QUICK, tunnel='start = "start"'))
    ours.wait_for(ours.control.children, "the tunnel")
    ping(a)
    killed(charon)
    for what in ("state", "policy") if options.plane == "kernel" else ():
        b.run("ip", "xfrm", what, "flush")
    other = again(lab, b, options)
    ours.wait_for_log(DEAD)
    other.wait_for(other.control.children, "the tunnel once more")
    pair = other.control.child()["spi-in"]
    ours.wait_for(lambda: [each["spi-out"] for each in ours.control.children()] == [pair], "the tunnel at our end")
    ping(a)
    assert len(ours.control.sas()) == len(ours.control.children()) == 1


def a_pair_that_charon_has_deleted_without_our_knowledge_is_replaced(
    lab: Lab, our_options: OurOptions, options: CharonOptions
) -> None:
    """While another pair carries traffic. charon says nothing about packets with an unknown SPI."""
    a, b = lab.direct()
    b.run("ip", "addr", "add", f"{_SECOND}/24", "dev", "lo")
    charon = lab.charon(b, replace(options, others=_SECOND_OF_CHARON))
    ours = lab.ours(a, replace(our_options, calls=True, extra=QUICK, others=_SECOND_OF_OURS))
    ours.command("up", "peer")
    to_second = pings("-I", a.host, _SECOND, count=1, patience=1)
    a.run(*to_second)
    before = {child["name"]: child["spi-in"] for child in ours.control.children()}
    lab.started(EndlessPings(a, lab.folder("pings"), interval=0.2))
    # Nobody has this link-layer address: the Delete is lost
    b.run(*f"ip neigh replace {a.address} dev eth0 lladdr 02:00:00:00:00:99 nud permanent".split())
    assert charon.control.swanctl("--terminate", "--child", "second").returncode == 0
    b.run("ip", "neigh", "del", a.address, "dev", "eth0")
    assert [child["name"] for child in charon.control.children()] == ["net"]

    def passes() -> bool:
        try:
            a.run(*to_second)
        except LabError:
            return False
        return True

    ours.wait_for(passes, "packets to pass in the second tunnel")
    after = {child["name"]: child["spi-in"] for child in ours.control.children()}
    assert after["net"] == before["net"]
    assert after["second"] != before["second"]
    assert DEAD not in ours.log()
