"""Traffic through a tunnel, from the network behind one node to the network behind the other."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from lab.control import Control
from lab.network import Node
from lab.process import LabError, Program

_TRANSFER = Path(__file__).with_name("transfer.py")


def ping(node: Node, *, count: int = 3, size: int = 56, mark: int = 0) -> None:
    """Echo requests to the network behind the peer, with a netfilter mark or none; each must be answered.

    Raises:
        LabError: one was not.
    """
    what = ["-c", str(count), "-i", "0.2", "-W", "3", "-s", str(size), "-m", str(mark), "-I", node.host]
    said = node.run("ping", *what, node.remote_host)
    if f" {count} received" not in said:
        raise LabError(f"an echo request was not answered:\n{said}")


class Pings:
    """Echo requests in the background, ``count`` of them ``interval`` seconds apart, numbered, as `ping`."""

    def __init__(self, node: Node, directory: Path, *, count: int, interval: float) -> None:
        self._count = count
        command = ["ping", "-c", str(count), "-i", str(interval), "-W", "3", "-I", node.host, node.remote_host]
        self.program = Program(node.namespace, command, directory)

    def finish(self) -> None:
        """Wait for the end.

        Raises:
            LabError: one was not answered.
        """
        self.program.wait(60)
        said = self.program.log()
        if f"{self._count} packets transmitted, {self._count} received" not in said:
            raise LabError(f"lost some of {self._count}:\n{self.program.tail()}")


class Counted(NamedTuple):
    """What became of echo requests: how many were sent and not answered, and how many of these in a row at most."""

    sent: int
    lost: int
    gap: int


class EndlessPings(Program):
    """Echo requests in the background until they are counted, ``interval`` seconds apart."""

    def __init__(self, node: Node, directory: Path, *, interval: float) -> None:
        command = ["ping", "-i", str(interval), "-I", node.host, node.remote_host]
        super().__init__(node.namespace, command, directory)

    def count(self) -> Counted:
        """End them. The last request may be under way: it does not count."""
        self.send_signal(signal.SIGINT)
        self.wait()
        said = self.log()
        summary = re.search(r"(\d+) packets transmitted", said)
        if summary is None:
            raise LabError(f"ping ended otherwise:\n{self.tail()}")
        sent = int(summary[1]) - 1
        answered = sorted({number for each in re.findall(r"icmp_seq=(\d+) ttl", said) if (number := int(each)) <= sent})
        gaps = [after - before - 1 for before, after in zip([0, *answered], [*answered, sent + 1], strict=True)]
        return Counted(sent, sent - len(answered), max(gaps))


def transfer(sender: Node, receiver: Node, directory: Path, *, size: int = 1_000_000) -> None:
    """``size`` octets over TCP, both ends behind the gateways.

    Raises:
        LabError: what came is not what was sent.
    """
    server = Program(receiver.namespace, [sys.executable, _TRANSFER, "serve", receiver.host, "7777"], directory)
    try:
        server.wait_for_log("listening")
        sent = sender.run(sys.executable, _TRANSFER, "send", receiver.host, "7777", sender.host, str(size)).strip()
        server.wait()
        received = server.log().split("\n")[1].strip()
        if sent != received:
            raise LabError(f"sent {sent}, received {received}")
    finally:
        server.stop()


def assert_tunnelled(
    client: Node, gateway: Node, ends: tuple[Control, Control], directory: Path, *, size: int = 300_000
) -> None:
    """Traffic of ``client`` reaches ``gateway`` by the one pair of IPsec SAs of ``ends``, their controls, which has
    carried none before: three pings, then ``size`` octets over TCP, both told by the ESP counters of both ends.

    A ping alone could have found another way.
    """
    ping(client)
    of_client, of_gateway = (control.child() for control in ends)
    assert (of_client["spi-in"], of_client["spi-out"]) == (of_gateway["spi-out"], of_gateway["spi-in"])
    for child in (of_client, of_gateway):
        assert [int(child[counter]) for counter in ("packets-in", "packets-out")] == [3, 3]
        assert int(child["bytes-in"]) > 3 * 64  # an echo request without its IP header
        assert int(child["bytes-out"]) > 3 * 64
    transfer(client, gateway, directory, size=size)
    assert int(ends[0].child()["bytes-out"]) > int(of_client["bytes-out"]) + size
    assert int(ends[1].child()["bytes-in"]) > int(of_gateway["bytes-in"]) + size
