"""Our own gateway as an operator runs it: a configuration file, `ikev1 run`, and its VICI socket."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lab.charon import CLIENT_ID, GATEWAY_ID, PSK
from lab.control import Control
from lab.network import Node
from lab.process import LabError, Program, run

__all__ = ["OurGateway", "OurOptions"]


@dataclass(frozen=True)
class OurOptions:
    """What a test may choose: connection ``peer``, its tunnel ``net``, proposals in strongSwan's notation."""

    calls: bool = False  # the initiator's side: identity alice@lab, calls the node's peer
    ike: str = "aes128-sha256-modp2048"
    esp: str = "aes128-sha256"
    psk: str = PSK
    lifetime: str = "1h"  # of the tunnel
    local: str = ""  # the node's own networks unless told
    remote: str = ""
    remote_id: str = ""
    encapsulation: bool = False
    keylog: bool = False
    half_open_limit: int = 1000
    log_level: str = "debug"
    extra: str = ""  # more lines of the connection


class OurGateway(Program):
    """A running ikev1; ``control`` is its VICI socket, ``keylog`` the file of keys if it was asked for."""

    def __init__(self, node: Node, directory: Path, options: OurOptions) -> None:
        directory.mkdir(parents=True)
        self._node = node
        self.config = directory / "ikev1.toml"
        self.keylog = directory / "keylog"
        self.control = Control(directory / "control.vici")
        self.configure(options)
        self.command_line = [sys.executable, "-m", "ikev1", "run", "--config", str(self.config)]
        super().__init__(node.namespace, self.command_line, directory, environment={"PYTHONDONTWRITEBYTECODE": "1"})
        try:
            self.wait_for(self.control.answers, "an answer on its VICI socket", timeout=30)
        except LabError:
            self.stop()
            raise

    def configure(self, options: OurOptions) -> None:
        """Write the configuration; a running gateway takes no notice before `reload`."""
        self.config.touch(mode=0o600)
        self.config.write_text(_toml(self._node, self.control.path, self.keylog, options))

    def command(self, *arguments: str, check: bool = True) -> str:
        """Our own command line, on this gateway's socket."""
        return run(sys.executable, "-m", "ikev1", *arguments, check=check, IKEV1_SOCKET=str(self.control.path))


def _toml(node: Node, control: Path, keylog: Path, options: OurOptions) -> str:
    local_id, remote_id = (CLIENT_ID, GATEWAY_ID) if options.calls else (GATEWAY_ID, CLIENT_ID)
    return f"""
[gateway]
control = "{control}"
log_level = "{options.log_level}"
half_open_limit = {options.half_open_limit}
{f'keylog = "{keylog}"' if options.keylog else ""}

[connection.peer]
local_address = "{node.address}"
remote_address = "{node.peer if options.calls else "%any"}"
local_id = "{local_id}"
remote_id = "{options.remote_id or remote_id}"
secret = "{options.psk}"
proposals = ["{options.ike}"]
encapsulation = {str(options.encapsulation).lower()}
{options.extra}

[connection.peer.tunnel.net]
local = "{options.local or node.network}"
remote = "{options.remote or node.remote}"
proposals = ["{options.esp}"]
lifetime = "{options.lifetime}"
"""
