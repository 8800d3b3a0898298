"""Listening on an interface: what passes by comes out as it does from a capture, and nothing else does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ikev1.capture.read import open_capture
from ikev1.capture.records.packets import Datagram, EspPacket
from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import ping, pings

LISTEN = """
import sys
from ikev1.capture.read.live import listen
with listen(sys.argv[1], seconds=60) as live:
    print("listening", flush=True)
    for packet in live:
        if packet.payload == b"the last":
            break
        print(type(packet).__name__, *packet[2:6], packet.payload.hex(), flush=True)
    print("heard", live.frames, live.notes())
"""


def listen(node: Node, interface: str) -> subprocess.Popen[str]:
    """A listener in the namespace of ``node``, which is listening."""
    command = ["ip", "netns", "exec", node.namespace, sys.executable, "-c", LISTEN, interface]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


def heard(node: Node, process: subprocess.Popen[str]) -> list[str]:
    """What a listener has printed, once it has received everything up to now."""
    node.run("bash", "-c", f"printf 'the last' > /dev/udp/{node.peer}/500")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output.splitlines()


@pytest.mark.parametrize("interface", ["eth0", "any"])
def test_a_handshake_and_its_traffic_pass_by(lab: Lab, interface: str) -> None:
    a, b = lab.direct()
    ours = lab.ours(a, OurOptions(calls=True))
    lab.charon(b, CharonOptions(calls=False))
    capture = lab.capture(a)
    listener = listen(a, interface)
    ours.control.initiate()
    ping(a, count=2)
    file = capture.finish(enough="esp", packets=4)
    *lines, last = heard(a, listener)
    with open_capture(file) as captured:
        expected = [
            " ".join(map(str, (type(packet).__name__, *packet[2:6], packet.payload.hex())))
            for packet in captured
            if isinstance(packet, Datagram | EspPacket)
        ]
    assert len(expected) >= 9 + 4
    assert sorted(line for line in lines if line in expected) == sorted(expected)
    assert last.endswith(" ()")


def test_other_traffic_stays_in_the_kernel(lab: Lab) -> None:
    a, b = lab.direct()
    listener = listen(a, "eth0")
    a.run(*pings(b.address, count=100))
    (last,) = heard(a, listener)
    frames = int(last.split()[1])
    assert frames < 30  # reports of IPv6 multicast, which have an extension header; none of 200 packets of ping


def test_what_cannot_be_listened_on_is_told(lab: Lab) -> None:
    a, _ = lab.direct()
    code = "from ikev1.capture.read.live import listen; listen('nope0')"
    said = a.run(sys.executable, "-c", code, check=False)
    assert "'nope0'" in said
    unprivileged = ["setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all", "--inh-caps", "-all"]
    said = a.run(
        *unprivileged, sys.executable, "-c", "from ikev1.capture.read.live import listen; listen('lo')", check=False
    )
    assert "CAP_NET_RAW" in said
