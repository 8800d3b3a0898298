"""What the kernel says of its SAs: `ip xfrm` and /proc/net/xfrm_stat, read without any of our own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.capture import packets
from lab.lab import Lab
from lab.namespaces import inside
from lab.network import Node
from lab.process import LabError, run
from lab.traffic import ping


@dataclass(frozen=True)
class State:
    """One SA of the kernel."""

    source: str
    destination: str
    protocol: str  # esp, ah or comp
    spi: str  # eight hexadecimal digits
    reqid: int
    mode: str
    octets: int
    packets: int
    outside_window: int  # older than the window
    replays: int
    failed: int  # the ICV was wrong
    text: str  # all that was said of it

    @property
    def encapsulated(self) -> bool:
        """Whether it is in UDP."""
        return "encap type espinudp" in self.text


@dataclass(frozen=True)
class Policy:
    """One policy of the kernel."""

    source: str
    destination: str
    direction: str
    text: str


def what_the_kernel_lacks() -> str:
    """Why no SA can be installed here, in words; empty where one can."""
    keys = "0x" + "11" * 20
    sa = f"src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode transport aead rfc4106(gcm(aes)) {keys} 128"
    try:
        run("unshare", "--net", "ip", "xfrm", "state", "add", *sa.split())
    except LabError as error:
        said = str(error).splitlines()[-1]
        return f"the running kernel takes no ESP SA ({said}); tests/support/lab/kernel-run starts one that does"
    return ""


def states(node: Node, protocol: str = "") -> list[State]:
    """Every SA in the namespace of ``node``, or those of one protocol."""
    found = [State(**_read(_STATE, text), text=text) for text in _entries(node.run("ip", "-s", "xfrm", "state"))]
    return [state for state in found if protocol in ("", state.protocol)]


def policies(node: Node) -> list[Policy]:
    """Every policy in the namespace of ``node``, those of single sockets apart."""
    texts = _entries(node.run("ip", "-s", "xfrm", "policy"))
    return [Policy(**_read(_POLICY, text), text=text) for text in texts if "\tdir " in text]


def troubles(node: Node) -> dict[str, int]:
    """The error counters of the namespace that are not 0."""
    with inside(node.namespace):
        lines = [line.split() for line in Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()]
    return {name: int(count) for name, count in lines if count != "0"}


def route_to_peer(node: Node) -> None:
    """A packet needs a route before a policy takes it; most peers see to that themselves."""
    node.run("ip", "route", "add", node.remote, "via", node.peer, "src", node.host)


def assert_protected(lab: Lab, client: Node, gateway: Node, *, protocol: str = "esp", count: int = 3) -> None:
    """Pings of ``client`` reach ``gateway`` and come back by one pair of SAs, which has carried none before.

    Told by the counters of both kernels and by what the client sent: an answered ping alone may have gone in the clear.
    """
    witness = lab.capture(client, sent=True)
    ping(client, count=count)
    here, there = states(client, protocol), states(gateway, protocol)
    assert {(state.spi, state.packets) for state in here} == {(state.spi, state.packets) for state in there}
    assert [state.packets for state in here] == [state.packets for state in there] == [count, count]
    assert not troubles(client)
    assert not troubles(gateway)
    file = witness.finish_with(count, _PROTECTED)
    sent = [line for line in packets(file, _NO_NEIGHBOURS) if "isakmp" not in line]
    protected = [line for line in sent if f"{protocol.upper()}(spi=" in line]
    assert protected == sent
    assert len(protected) == count


_PROTECTED = "ip proto 50 or ip proto 51 or ip6 proto 50 or ip6 proto 51 or (udp port 4500 and greater 100)"
# IPv6 without neighbour and multicast listener discovery, which no policy is to protect
_NO_NEIGHBOURS = "ip or (ip6 and not ip6 proto 0 and not (icmp6 and ip6[40] >= 133))"

_STATE = re.compile(
    r"src (?P<source>\S+) dst (?P<destination>\S+)"
    r".*proto (?P<protocol>\S+) spi 0x(?P<spi>\w+)\(\d+\) reqid (?P<reqid>\d+)\(\w+\) mode (?P<mode>\S+)"
    r".*lifetime current:\s+(?P<octets>\d+)\(bytes\), (?P<packets>\d+)\(packets\)"
    r".*stats:\s+replay-window (?P<outside_window>\d+) replay (?P<replays>\d+) failed (?P<failed>\d+)",
    re.DOTALL,
)
_POLICY = re.compile(r"src (?P<source>\S+) dst (?P<destination>\S+).*dir (?P<direction>\S+) action", re.DOTALL)


def _read(pattern: re.Pattern[str], text: str) -> dict[str, Any]:
    if (match := pattern.match(text)) is None:
        raise LabError(f"ip xfrm said something new:\n{text}")
    return {name: int(value) if name in _NUMBERS else value for name, value in match.groupdict().items()}


_NUMBERS = {"reqid", "octets", "packets", "outside_window", "replays", "failed"}


def _entries(text: str) -> list[str]:
    """Each begins at the left margin."""
    return [entry for entry in re.split(r"^(?=src )", text, flags=re.MULTILINE) if entry]
