"""What the pages of ``docs/recipes`` configure, started in the lab."""

from __future__ import annotations

import sys
import tomllib
from typing import Any

from clients.recipes import FOLDER, configuration
from configuration_files import provide_files
from documents import blocks
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import Pluto, PlutoOptions
from lab.process import run

OURS = ("192.0.2.1", "10.1.0.0/16")
THEIRS = ("198.51.100.7", "10.2.0.0/16")
BOX = ("198.51.100.7", "192.168.178.0/24")


def sites(lab: Lab, page: str) -> tuple[Node, Node]:
    return lab.sites(OURS, BOX if page == "fritzbox" else THEIRS)


def our_gateway(lab: Lab, node: Node, page: str, *, records: bool = False, **options: Any) -> OurGateway:
    """Our gateway with the configuration of a page, and the files that it names; it ``records`` messages and keys."""
    text = configuration(page)
    folder = lab.folder(f"{node.name}-ikev1")
    folder.mkdir(parents=True)
    provide_files(folder, tomllib.loads(text))
    if "[users]" in text:
        add = [
            sys.executable,
            "-m",
            "ikev1",
            "user",
            "add",
            "alice",
            "--password-stdin",
            "--file",
            str(folder / "users"),
        ]
        run(*add, given="alice-password\n")
    if records:
        text = '[gateway]\nkeylog = "keylog"\nrecord = "record.pcapng"\n' + text
    hosts = folder / "hosts"
    hosts.write_text(f"{node.peer} box.example.org\n")
    return lab.started(OurGateway(node, folder, OurOptions(configuration=text, hosts=hosts, **options)))


def of_peer(page: str, language: str) -> str:
    """The configuration of the peer that a page shows."""
    (found,) = [block.text for block in blocks(FOLDER / f"{page}.md") if block.language == language]
    return found


def libreswan(lab: Lab, node: Node, plane: str) -> Pluto:
    """libreswan with the configuration of its page. The package is only unpacked here: its updown script is missing."""
    settings = of_peer("libreswan", "ipsec").replace("auto=ondemand", "auto=add\n    leftupdown=/bin/true")
    configured = settings, of_peer("libreswan", "ipsec-secrets")
    return lab.pluto(node, PlutoOptions(configuration=configured, connection="headquarters", plane=plane))
