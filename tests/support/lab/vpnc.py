"""vpnc, Debian's own build: the client of Cisco's concentrators, with a group secret and a user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.network import Node
from lab.process import LabError, Program

GROUP, GROUP_SECRET = "vpncgroup", "group-psk-0123456789"
DEVICE = "vpnc0"

# vpnc calls it with the configuration that it received in its environment
_SCRIPT = """#!/bin/bash
env | grep -E '^(INTERNAL|CISCO|TUNDEV|reason)' | sort > "{directory}/env.$reason"
[ "$reason" = connect ] || exit 0
sysctl -qw "net.ipv6.conf.$TUNDEV.disable_ipv6=1"  # nothing but what a test sends
ip link set dev "$TUNDEV" up mtu "${{INTERNAL_IP4_MTU:-1412}}"
ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip route add {network} dev "$TUNDEV"
"""


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
    configuration: str = ""  # instead of all of the above


class Vpnc(Program):
    """A running vpnc, which has its address; ``environment`` is what its script got."""

    def __init__(self, node: Node, directory: Path, options: VpncOptions) -> None:
        directory.mkdir(parents=True)
        script = directory / "script"
        script.write_text(_SCRIPT.format(directory=directory, network=node.remote))
        script.chmod(0o700)
        configuration = directory / "vpnc.conf"
        configuration.touch(mode=0o600)
        places = f"Interface name {DEVICE}\nPidfile {directory}/vpnc.pid\nScript {script}\n"
        configuration.write_text((options.configuration or _configuration(node, options)) + places)
        command = ["/usr/sbin/vpnc", "--no-detach", "--non-inter", "--debug", "2", configuration]
        super().__init__(node.namespace, command, directory)
        try:
            self.wait_for((directory / "env.connect").exists, "its address", timeout=30)
        except LabError:
            self.stop()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the script, in which vpnc hands over what the gateway sent."""
        lines = (self.directory / "env.connect").read_text().splitlines()
        return dict(line.partition("=")[::2] for line in lines)


def _configuration(node: Node, options: VpncOptions) -> str:
    return f"""IPSec gateway {node.peer}
IPSec ID {GROUP}
IPSec secret {GROUP_SECRET}
Xauth username {options.user}
Xauth password {options.password}
IKE DH Group {options.group}
Perfect Forward Secrecy {options.pfs}
NAT Traversal Mode {options.nat}
Vendor cisco
Local Port 500
DPD idle timeout (our side) {options.dpd}
{options.more}
"""
