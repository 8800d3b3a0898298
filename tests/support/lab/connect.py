"""`ikev1 connect`, running."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.charon import XAUTH_PASSWORD, XAUTH_USER
from lab.lab import Lab
from lab.network import Node
from lab.paths import open_the_way
from lab.process import Program
from lab.socks import AS_NOBODY, NOBODY
from lab.vpnc import GROUP_SECRET


class Connect(Program):
    """A running `ikev1 connect`; ``nobody`` is a user without privileges."""

    def __init__(self, node: Node, folder: Path, options: Sequence[str], *, nobody: bool = False) -> None:
        self.folder = folder
        command = [sys.executable, "-B", "-m", "ikev1", "connect", "--data-plane", "userspace", *options]
        setup = ":"
        if nobody:
            folder.parent.chmod(0o755)
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            command, setup = [*AS_NOBODY, *command], open_the_way(folder)
        super().__init__(node.namespace, command, folder, setup=setup, environment={"TMPDIR": str(folder)})


def connect(
    lab: Lab,
    node: Node,
    *options: str,
    secret: str = GROUP_SECRET,
    password: str = XAUTH_PASSWORD,
    user: str = XAUTH_USER,
    nobody: bool = False,
) -> Connect:
    """Connect to the node's peer, with the secrets in files. With an empty ``user``, without XAUTH."""
    folder = lab.folder("connect")
    folder.mkdir(parents=True)
    for name, content in (("secret", secret), ("password", password)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content + "\n")
    files = ("--secret-file", str(folder / "secret"), "--password-file", str(folder / "password"))
    named = ("--user", user) if user else ()
    return lab.started(Connect(node, folder, (node.peer, *named, *files, *options), nobody=nobody))
