"""charon and us with a tunnel between, both with the kernel's ESP."""

from __future__ import annotations

from dataclasses import replace

from lab.charon import Charon, CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.xfrm import assert_protected, states

OURS = OurOptions(data_plane="kernel")
CHARON = CharonOptions(plane="kernel", rekey_time="50m")


class KernelPair:
    """``client`` calls ``gateway``; one of them is ours, the other charon's. Nothing is up before `up`."""

    def __init__(
        self,
        lab: Lab,
        nodes: tuple[Node, Node],
        *,
        we_call: bool,
        ours: OurOptions = OURS,
        charon: CharonOptions = CHARON,
    ) -> None:
        self.lab = lab
        self.client, self.gateway = nodes
        self.our_node, self.charon_node = nodes if we_call else nodes[::-1]
        self.our_options = replace(ours, calls=we_call)
        self.charon: Charon = lab.charon(self.charon_node, replace(charon, calls=not we_call))
        self.ours: OurGateway = lab.ours(self.our_node, self.our_options)
        self.caller: OurGateway | Charon = self.ours if we_call else self.charon

    def up(self) -> KernelPair:
        """Call; returns the pair itself, once the called one has heard the end of the exchange, too."""
        self.caller.control.bring_up()
        await_child(self.ours, self.charon)
        return self

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Ours, then charon's."""
        return self.our_node, self.charon_node

    def assert_protected(self, protocol: str = "esp") -> None:
        """Traffic takes the tunnel, which has carried none before, and both ends say so (see `lab.xfrm`)."""
        assert_protected(self.lab, self.client, self.gateway, protocol=protocol)
        assert_shown(self.ours.control, self.our_node, protocol)
        assert_shown(self.charon.control, self.charon_node, protocol)


def await_child(*ends: OurGateway | Charon) -> None:
    """Until each end has its SAs: who calls is up before the other, which may drop a packet that comes early."""
    for end in ends:
        end.wait_for(end.control.children, "a pair of IPsec SAs")


def assert_shown(control: Control, node: Node, protocol: str = "esp") -> None:
    """What list-sas says of the one pair is what the kernel counted."""
    child = control.child()
    by_spi = {state.spi: state for state in states(node, protocol)}
    for way in ("in", "out"):
        state = by_spi[child[f"spi-{way}"]]
        assert (int(child[f"packets-{way}"]), int(child[f"bytes-{way}"])) == (state.packets, state.octets)


def hosts(nodes: tuple[Node, Node]) -> tuple[Node, Node]:
    """The same nodes, but what they protect is themselves, as in transport mode."""
    a, b = (
        replace(node, host=node.address, network="dynamic", remote="dynamic", remote_host=node.peer) for node in nodes
    )
    return a, b
