"""A user without privileges, a SOCKS proxy, and a web server behind the gateway to fetch from through it."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.lab import Lab
from lab.network import Node
from lab.process import Program

NOBODY = 65_534
PROXY = "127.0.0.1:1080"
PAGE = "a page behind the gateway\n"
AS_NOBODY = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--bounding-set", "-all"]


def fetched(node: Node, url: str, *options: str) -> str:
    """What curl gets through the proxy, or why it gets nothing."""
    return node.run("curl", "-sS", "--max-time", "15", "--socks5-hostname", PROXY, *options, url, check=False)


def web_server(lab: Lab, node: Node, address: str = "", file: Path | None = None) -> Program:
    """Serve `PAGE` or ``file`` at ``address``, by default that of the network behind ``node``."""
    folder, address = lab.folder("web"), address or node.host
    folder.mkdir()
    (folder / "page").write_bytes(file.read_bytes() if file else PAGE.encode())
    command: list[str | Path] = [sys.executable, "-m", "http.server", "--bind", address, "--directory", folder, "80"]
    server = lab.started(Program(node.namespace, command, lab.folder("httpd")))
    server.wait_for(lambda: address in node.run("ss", "-Hltn"), "the web server")
    return server


def of_host(node: Node) -> tuple[str, ...]:
    """What the proxy must not change: links, addresses, routes, rules, packet filter."""
    asked = ("ip -br link", "ip -4 -o addr", "ip -4 route show table all", "ip rule", "nft list ruleset")
    return tuple(node.run(*question.split(), check=False) for question in asked)
