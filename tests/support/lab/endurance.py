"""charon and us with a tunnel under pings, for tests that do the same thing many times and count what is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from threading import Thread

from lab.charon import Charon, CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node, iptables
from lab.process import wait_until
from lab.traffic import Counted, EndlessPings, ping

_LINGER = 75  # seconds: what is replaced receives for 30, and what both replaced is replaced once more


class Endured:
    """A tunnel that is up, and pings through it; ``ours`` and ``charons`` say how the two ends are configured."""

    def __init__(
        self,
        lab: Lab,
        *,
        we_call: bool,
        ours: OurOptions | None = None,
        charons: CharonOptions | None = None,
        nodes: tuple[Node, Node] | None = None,
        interval: float = 0.02,
    ) -> None:
        self.lab, self.interval, self.we_call = lab, interval, we_call
        self.client, self.gateway = nodes or lab.direct()
        self.our_node, self.charon_node = (self.client, self.gateway) if we_call else (self.gateway, self.client)
        self.charon: Charon = lab.charon(self.charon_node, replace(charons or CharonOptions(), calls=not we_call))
        self.ours: OurGateway = lab.ours(self.our_node, replace(ours or OurOptions(), calls=we_call))
        (self.ours if we_call else self.charon).control.initiate()
        wait_until(lambda: all(end.children() for end in self.ends), "a pair at both ends")
        self.pings = self.start_pings()

    @property
    def ends(self) -> tuple[Control, Control]:
        """Ours, then charon's."""
        return self.ours.control, self.charon.control

    def start_pings(self) -> EndlessPings:
        """Pings from the client."""
        return self.lab.started(EndlessPings(self.client, self.lab.folder("pings"), interval=self.interval))

    def settle(self, *, here: bool = False) -> None:
        """Until there is one ISAKMP SA and one pair at each end, or only ``here``, at ours, because charon may have
        missed a Delete; then pings are answered.
        """
        ends = self.ends[:1] if here else self.ends

        def there_is() -> str:
            return "\n".join(str(sa) for end in ends for sa in end.sas())

        wait_until(lambda: all(len(end.sas()) == 1 for end in ends), "one ISAKMP SA", timeout=_LINGER, says=there_is)
        wait_until(lambda: all(pairs(end) == 1 for end in ends), "one pair", timeout=_LINGER, says=there_is)
        ping(self.client)

    def loses(self, share: float) -> None:
        """Drop this part of the UDP datagrams that come to either end; 0: none any more."""
        for node in (self.client, self.gateway):
            if share:
                rule = f"-p udp -m statistic --mode random --probability {share} -j DROP"
                iptables(node.namespace, f"-I INPUT {rule}")
            else:
                iptables(node.namespace, "-D INPUT 1")

    def dropped(self) -> int:
        """How many datagrams `loses` has dropped."""
        said = [node.run("iptables", "-nvxL", "INPUT") for node in (self.client, self.gateway)]
        return sum(int(count) for text in said for count in re.findall(r"^\s*(\d+)\s+\d+\s+DROP", text, re.MULTILINE))


def pairs(control: Control) -> int:
    """How many pairs there are in any state."""
    return sum(len(sa["child-sas"]) for sa in control.sas())


def spis(control: Control) -> set[str]:
    """The inbound SPIs of the pairs that carry traffic."""
    return {str(child["spi-in"]) for child in control.children()}


def newest(control: Control) -> str:
    """The number of the ISAKMP SA that was begun last."""
    return str(max(int(sa["uniqueid"]) for sa in control.sas()))


def at_once(commands: Iterable[tuple[Control, tuple[str, ...]]]) -> None:
    """Run commands of swanctl at the same time."""
    threads = [Thread(target=control.swanctl, args=arguments) for control, arguments in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tell(what: str, counted: Counted, more: str = "") -> None:
    """Print the figures of a test."""
    print(f"\n{what}: {counted.lost} of {counted.sent} pings lost, at most {counted.gap} in a row{more}", flush=True)
