"""xl2tpd and pppd: L2TP (RFC 2661) over UDP port 1701, and a PPP link in it. Neither knows anything of IPsec."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from lab.network import Node
from lab.process import Program, run
from lab.traffic import answered

SERVER = "10.99.1.1"  # the server's end of each PPP link
_RANGE = "10.99.1.10-10.99.1.20"
_MODULES = ("ppp_generic", "ppp_async", "ppp_synctty", "l2tp_core", "l2tp_ppp", "pppox")
# without compression and authentication; the MTU leaves room for all headers
_PPP = """noauth
nodetach
debug
ipcp-accept-local
ipcp-accept-remote
noccp
nodeflate
nobsdcomp
noipv6
mtu 1300
mru 1300
lcp-echo-interval 5
"""


def what_l2tp_lacks() -> str:
    """Why xl2tpd and pppd cannot work here; empty if they can."""
    for program in ("xl2tpd", "pppd"):
        if shutil.which(program, path="/usr/sbin:/usr/bin") is None:
            return f"{program} is not installed"
    run("modprobe", "-a", *_MODULES, check=False)
    return "" if Path("/dev/ppp").exists() else "the kernel has no PPP (ppp_generic)"


class Xl2tpd(Program):
    """One end: a client that calls the node's peer until it has a link, or a server for any number of clients.

    With ``users``, names and passwords, a server authenticates its clients with MS-CHAP version 2. ``options`` are more
    lines for pppd; ``address`` is the server's in each link. ``written`` are xl2tpd.conf and options.xl2tpd as a whole.
    """

    def __init__(
        self,
        node: Node,
        directory: Path,
        *,
        calls: bool,
        port: int = 1701,
        name: str = "",
        users: Mapping[str, str] | None = None,
        options: str = "",
        address: str = SERVER,
        written: tuple[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True)
        self.node = node
        file = directory / "options"
        ppp = _PPP.replace("noauth", "require-mschap-v2") if users else _PPP
        file.write_text(f"{ppp}{options}\nlogfile {directory / 'pppd.log'}\n")
        config = directory / "xl2tpd.conf"
        ours = _config(node, file, calls=calls, port=port, name=name or node.name, address=address)
        config.write_text(ours if written is None else written[0])
        command: list[str | Path] = [
            "xl2tpd",
            "-D",
            "-c",
            config,
            "-p",
            directory / "pid",
            "-C",
            directory / "control",
            "-s",
            "/dev/null",
        ]
        setup = private_etc_ppp(directory, users or {})
        if written is not None:
            (directory / "etc-ppp" / "options.xl2tpd").write_text(f"{written[1]}\nlogfile {directory / 'pppd.log'}\n")
        super().__init__(node.namespace, command, directory, setup=setup)

    def wait_for_link(self) -> str:
        """Wait until the client's PPP link is up at both ends; returns its own address there."""
        address = self.wait_for(self._address, "a PPP link")
        # pppd of the server configures its end after it has acknowledged the client's address
        self.wait_for(self._server_answers, "the server's end of the PPP link")
        return address

    def _server_answers(self) -> bool:
        return answered(self.node, SERVER)

    def _address(self) -> str:
        """As pppd says it in its log: each look by ip(8) would be a process."""
        return next(reversed(re.findall(r"local +IP address (\S+)", self.log())), "")


def private_etc_ppp(directory: Path, users: Mapping[str, str]) -> str:
    """The line of shell that gives a program an /etc/ppp of its own, with these users, and no scripts but one that
    appends its environment to the file ``ip-up.log`` in ``directory``.
    """
    folder = directory / "etc-ppp"
    folder.mkdir()
    secrets = folder / "chap-secrets"
    secrets.touch(mode=0o600)
    secrets.write_text("".join(f"{_quoted(user)} * {_quoted(password)} *\n" for user, password in users.items()))
    (folder / "options").touch()
    script = folder / "ip-up"
    script.write_text(f"#!/bin/sh\nenv >> {directory}/ip-up.log\n")
    script.chmod(0o755)
    return f"mkdir -p /etc/ppp; mount --bind {folder} /etc/ppp"


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _config(node: Node, options: Path, *, calls: bool, port: int, name: str, address: str) -> str:
    end = f"""
[lac gateway]
lns = {node.peer}
autodial = yes
redial = yes
redial timeout = 2
"""
    if not calls:
        end = f"""
[lns default]
ip range = {_RANGE}
local ip = {address}
"""
    return f"""[global]
port = {port}
debug tunnel = yes
{end}
require authentication = no
name = {name}
pppoptfile = {options}
"""
