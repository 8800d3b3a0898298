"""Traffic through a tunnel, from the network behind one node to the network behind the other."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from lab.control import Control
from lab.echo_requests import NoAnswerError, ask
from lab.namespaces import inside
from lab.network import Node
from lab.process import LabError, Program

_PYTHON = sys.executable, "-IS"  # which finds the standard library only, in half the time
_TRANSFER = Path(__file__).with_name("transfer.py")


# ping(8) waits for the answers to the last of several requests no longer than for two round trips, whatever its -W
# says. A gateway that has to wait for the processor for longer would have lost it.
_ONE_BY_ONE = 'for each in $(seq "$0"); do ping -c 1 "$@" || exit; done'


def pings(*arguments: str, count: int = 3, patience: float = 10) -> list[str]:
    """The command that sends echo requests, one after another, and fails if one is not answered within ``patience``
    seconds; ``arguments`` are more options of ping, and the address.
    """
    return ["sh", "-c", _ONE_BY_ONE, str(count), "-W", str(patience), *arguments]


def ping(node: Node, *, count: int = 3, size: int = 56, mark: int = 0, patience: float = 10) -> None:
    """Echo requests to the network behind the peer, with a netfilter mark or none; each must be answered.

    Raises:
        LabError: one was not.
    """
    reach(node, node.remote_host, node.host, count=count, size=size, mark=mark, patience=patience)


def reach(
    node: Node, there: str, here: str = "", *, count: int = 3, size: int = 56, mark: int = 0, patience: float = 10
) -> None:
    """The same to any address, from one of the node or from the one that the route names.

    Raises:
        LabError: one was not answered.
    """
    with inside(node.namespace):
        try:
            ask(there, here, count=count, size=size, mark=mark, patience=patience)
        except NoAnswerError as error:
            raise LabError(str(error)) from error


def answered(node: Node, there: str = "", here: str = "") -> bool:
    """Whether an echo request to ``there``, or to the network behind the peer, is answered within a second."""
    try:
        reach(node, there or node.remote_host, here if there else node.host, count=1, patience=1)
    except LabError:
        return False
    return True


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
        """End them, and count those that were sent before: the answers to these may be under way still."""
        self.wait_for(self._answered, "an answer")
        self.send_signal(signal.SIGQUIT)
        (said,) = self.wait_for(lambda: re.findall(r"/(\d+) packets", self.log()), "the number of its requests")
        sent = int(said)
        self.wait_for(lambda: max(self._answered(), default=0) >= sent, "an answer to a later request")
        self.send_signal(signal.SIGINT)
        self.wait()
        answered = sorted(number for number in self._answered() if number <= sent)
        gaps = [after - before - 1 for before, after in zip([0, *answered], [*answered, sent + 1], strict=True)]
        return Counted(sent, sent - len(answered), max(gaps))

    def _answered(self) -> set[int]:
        return {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self.log())}


def transfer(sender: Node, receiver: Node, directory: Path, *, size: int = 1_000_000) -> None:
    """``size`` octets over TCP, both ends behind the gateways.

    Raises:
        LabError: what came is not what was sent.
    """
    server = Program(receiver.namespace, [*_PYTHON, _TRANSFER, "serve", receiver.host, "7777"], directory)
    try:
        server.wait_for_log("listening")
        sent = sender.run(*_PYTHON, _TRANSFER, "send", receiver.host, "7777", sender.host, str(size)).strip()
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
