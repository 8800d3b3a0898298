"""`ikev1 connect` as a user runs it, and a gateway of ours for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.charon import XAUTH_PASSWORD, XAUTH_USER, Charon, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.paths import open_the_way, sparing_the_resolver
from lab.process import Program
from lab.socks import AS_NOBODY, NOBODY
from lab.traffic import ping
from lab.users import check_user
from lab.vpnc import GROUP, GROUP_SECRET


class Connect(Program):
    """A running `ikev1 connect`; ``nobody`` is a user without privileges, ``setup`` a line of shell that runs first."""

    def __init__(
        self, node: Node, folder: Path, options: Sequence[str], *, nobody: bool = False, setup: str = ":"
    ) -> None:
        self.folder = folder
        command = ["-m", "ikev1", "connect", "--data-plane", "userspace", *options]
        if nobody:
            folder.parent.chmod(0o755)
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            command, setup = [*AS_NOBODY, sys.executable, "-B", *command], open_the_way(folder)
        environment = {"TMPDIR": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        super().__init__(
            node.namespace,
            command,
            folder,
            hides=sparing_the_resolver(),
            setup=setup,
            environment=environment,
            preloaded=not nobody,
        )


def connect(
    lab: Lab,
    node: Node,
    *options: str,
    secret: str = GROUP_SECRET,
    password: str = XAUTH_PASSWORD,
    user: str = XAUTH_USER,
    nobody: bool = False,
    setup: str = ":",
    folder: Path | None = None,
) -> Connect:
    """Connect to the node's peer, with the secrets in files. With an empty ``user``, without XAUTH. ``folder`` is that
    of an earlier process, for the same temporary files.
    """
    folder = folder or lab.folder("connect")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("secret", secret), ("password", password)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content + "\n")
    files = ("--secret-file", str(folder / "secret"), "--password-file", str(folder / "password"))
    named = ("--user", user) if user else ()
    command = (node.peer, *named, *files, *options)
    return lab.started(Connect(node, folder, command, nobody=nobody, setup=setup))


def charon_gateway(lab: Lab, node: Node, pool: str, **others: Any) -> Charon:
    """charon as gateway for `connect`: it assigns 10.99.0.65 first. ``pool`` has more keys of its pool, ``others`` are
    options that differ.
    """
    usual = CharonOptions(
        xauth=True,
        connection="pools = office",
        peer_id="%any",
        local_ts="0.0.0.0/0",
        remote_ts="dynamic",
        ike="aes256-sha256-modp2048",
        esp="aes256-sha256",
        modules="attr unity",
        others=f"pools {{ office {{ addrs = 10.99.0.64/29\n {pool} }} }}",
    )
    return lab.charon(node, replace(usual, **others))


def gateway(
    lab: Lab, node: Node, pool: str = "", *, networks: Sequence[str] = ("0.0.0.0/0",), more: str = ""
) -> OurGateway:
    """Our gateway, with lines of its pool and of its connection, and a tunnel for each of the ``networks``."""
    tunnels = "".join(
        f'[connection.peer.tunnel.net{number}]\nlocal = "{network}"\nproposals = ["aes256-sha256"]\n'
        for number, network in enumerate(networks)
    )
    configuration = f"""
[gateway]
data_plane = "userspace"
delete_rekeyed_delay = 10

[command]
run = "{check_user(lab)}"

[pools.office]
addresses = "10.99.0.10-10.99.0.20"
dns = "10.10.2.53"
banner = "Welcome to the lab"
{pool}

[connection.peer]
local_address = "{node.address}"
remote_id = "keyid:{GROUP}"
secret = "{GROUP_SECRET}"
aggressive = "accept-psk"
xauth = "server"
xauth_backend = "command"
pools = "office"
{more}

{tunnels}
"""
    return lab.ours(node, OurOptions(configuration=configuration))


def leads_to(node: Node, *destination: str) -> str:
    """The device on which packets to an address leave."""
    return node.run("ip", "route", "get", *destination).split(" dev ")[1].split()[0]


def assert_split(node: Node, address: str) -> None:
    """The network of the gateway is in the tunnel, and nothing else."""
    ping(replace(node, host=address))
    assert leads_to(node, node.remote_host) == "ikev1c"
    assert f"src {address}" in node.run("ip", "route", "get", node.remote_host)
    assert leads_to(node, node.peer) == leads_to(node, "203.0.113.1") == "eth0"
    assert leads_to(node, "127.0.0.1") == "lo"
