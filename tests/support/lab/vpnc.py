"""vpnc, Debian's own build: a client of Cisco's gateways, with a group secret and a user."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.network import Node
from lab.process import LabError, Program

GROUP, GROUP_SECRET = "vpncgroup", "group-psk-0123456789"
DEVICE = "vpnc0"

# Address and routes in this namespace only, instead of vpnc-script, which would change names and routes of the host.
# vpnc calls it with the configuration that it received in its environment.
_SCRIPT = """#!/bin/sh
env | grep -E '^(INTERNAL|CISCO|reason|TUNDEV)' | sort > "{directory}/environment.$reason"
[ "$reason" = connect ] || exit 0
sysctl -qw "net.ipv6.conf.$TUNDEV.disable_ipv6=1"  # vpnc would send its router solicitations as IPv4
ip link set dev "$TUNDEV" up mtu 1400
ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
[ "${{CISCO_SPLIT_INC:-0}}" -gt 0 ] || ip route add {network} dev "$TUNDEV"
i=0
while [ "$i" -lt "${{CISCO_SPLIT_INC:-0}}" ]; do
    eval "network=\\$CISCO_SPLIT_INC_${{i}}_ADDR/\\$CISCO_SPLIT_INC_${{i}}_MASKLEN"
    ip route replace "$network" dev "$TUNDEV"
    i=$((i + 1))
done
touch "{directory}/connected"
"""


def what_vpnc_lacks() -> str:
    """Why vpnc cannot run here; empty if it can."""
    return "" if shutil.which("vpnc", path="/usr/sbin:/usr/bin") else "vpnc is not installed"


@dataclass(frozen=True)
class VpncOptions:
    """What a test may choose."""

    user: str = "carol"
    password: str = "the password of carol"
    group: str = "dh5"  # of Diffie-Hellman
    pfs: str = "nopfs"
    nat: str = "natt"  # or cisco-udp, force-natt, none
    dpd: int = 30  # seconds
    more: str = ""  # lines of its configuration

    def configuration(self, node: Node) -> str:
        """The content of its file."""
        return f"""IPSec gateway {node.peer}
IPSec ID {GROUP}
IPSec secret {GROUP_SECRET}
Xauth username {self.user}
Xauth password {self.password}
IKE DH Group {self.group}
Perfect Forward Secrecy {self.pfs}
NAT Traversal Mode {self.nat}
Vendor cisco
Local Port 500
Interface name {DEVICE}
DPD idle timeout (our side) {self.dpd}
{self.more}
"""


def write_configuration(directory: Path, node: Node, configuration: str, name: str) -> Path:
    """Write the configuration ``name``; if it is one of vpnc, with a script that it runs. Returns the file."""
    directory.mkdir(parents=True)
    config = directory / name
    config.touch(mode=0o600)
    if config.suffix == ".conf":
        script = directory / "script"
        script.write_text(_SCRIPT.format(directory=directory, network=node.remote))
        script.chmod(0o700)
        configuration = f"{configuration.rstrip()}\nPidfile {directory / 'pid'}\nScript {script}\n"
    config.write_text(configuration)
    return config


class Vpnc(Program):
    """A running vpnc; ``configuration`` is its file but for where it keeps things."""

    def __init__(self, node: Node, directory: Path, configuration: str) -> None:
        config = write_configuration(directory, node, configuration, "vpnc.conf")
        self.node = node
        command: list[str | Path] = ["/usr/sbin/vpnc", "--no-detach", "--non-inter", "--debug", "2", config]
        command[:0] = ["stdbuf", "-oL"]  # or its log is written at its end
        super().__init__(node.namespace, command, directory)

    def wait_for_address(self) -> str:
        """Wait until it is connected; returns its virtual address."""
        try:
            self.wait_for((self.directory / "connected").exists, "its address")
        except LabError:
            self.stop()
            raise
        return self.told("connect")["INTERNAL_IP4_ADDRESS"]

    def told(self, reason: str) -> dict[str, str]:
        """What vpnc told its script, by the names of variables: what the gateway sent."""
        file = self.directory / f"environment.{reason}"
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.partition("=")[::2] for line in lines)
