"""One lab: its networks, its peers, and the end of all of them."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TypeVar

from lab.capture import Capture
from lab.charon import Charon, CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.network import Network, Node
from lab.pluto import Pluto, PlutoOptions
from lab.process import Program
from lab.starter import Starter, StarterOptions
from lab.vpnc import Vpnc, VpncOptions

_serial = itertools.count(1)
Started = TypeVar("Started", bound=Program)


class Lab:
    """Starts peers in namespaces of its own; any number of labs may exist side by side."""

    def __init__(self) -> None:
        run_id = f"{os.getpid()}-{next(_serial)}"
        # short, because a Unix socket's path may have 107 octets
        self.directory = Path(tempfile.mkdtemp(prefix="ikev1-lab-"))
        self._network = Network(run_id)
        self.direct = self._network.direct
        self.sites = self._network.sites
        self.behind_nat = self._network.behind_nat
        self.two_behind_nat = self._network.two_behind_nat
        self.two_routed = self._network.two_routed
        self.same_address_behind_nat = self._network.same_address_behind_nat
        self._folder = itertools.count(1)
        self.programs: list[Program] = []

    def folder(self, name: str) -> Path:
        """A path that nothing else uses, for a program's files."""
        return self.directory / f"{next(self._folder)}-{name}"

    def started(self, program: Started) -> Started:
        """Take a program into this lab's care."""
        self.programs.append(program)
        if isinstance(program, OurGateway | Charon | Starter):
            program.control.others = self.controls
        return program

    def controls(self) -> list[Control]:
        """Those of every gateway that runs."""
        return [
            each.control for each in self.programs if isinstance(each, OurGateway | Charon | Starter) and each.alive
        ]

    def charon(self, node: Node, options: CharonOptions) -> Charon:
        """strongSwan."""
        return self.started(Charon(node, self.folder(f"{node.name}-charon"), options))

    def starter(self, node: Node, options: StarterOptions) -> Starter:
        """strongSwan with ipsec.conf."""
        return self.started(Starter(node, self.folder(f"{node.name}-starter"), options))

    def pluto(self, node: Node, options: PlutoOptions) -> Pluto:
        """libreswan."""
        return self.started(Pluto(node, self.folder(f"{node.name}-pluto"), options))

    def vpnc(self, node: Node, options: VpncOptions) -> Vpnc:
        """vpnc, once it has its address."""
        vpnc = self.started(Vpnc(node, self.folder(f"{node.name}-vpnc"), options.configuration(node)))
        vpnc.wait_for_address()
        return vpnc

    def ours(self, node: Node, options: OurOptions) -> OurGateway:
        """ikev1."""
        return self.started(OurGateway(node, self.folder(f"{node.name}-ikev1"), options))

    def again(self, ended: OurGateway) -> OurGateway:
        """ikev1 once more in place of one that has ended: the same configuration, the same files."""
        return self.started(OurGateway(ended.node, ended.directory, ended.options))

    def capture(self, node: Node, *, sent: bool = False) -> Capture:
        """tcpdump."""
        return self.started(Capture(node, self.folder(f"{node.name}-capture"), sent=sent))

    def logs(self) -> dict[str, str]:
        """The end of what each program said, by its name."""
        return {program.directory.name: program.tail() for program in self.programs}

    def close(self) -> None:
        """End every program, remove every namespace and file."""
        for program in reversed(self.programs):
            # of no program here is asserted how it ends; a vpnc that has lost its SAs asks for others first
            program.stop(patience=0.5 if isinstance(program, Vpnc) else 5)
        self._network.close()
        shutil.rmtree(self.directory)
