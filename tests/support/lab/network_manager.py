"""NetworkManager with its plugin for L2TP, unpacked by `setup`: a desktop's, with a system bus of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.network import Node
from lab.paths import NETWORK_MANAGER
from lab.process import PATIENCE, LabError, Program, run

UUID = "3f1b7a52-91aa-4d73-b2d4-0f8a5e2f1f11"
NAME = "office"  # of the connection
_CONFIGURATION = """[main]
plugins=keyfile
auth-polkit=false
dns=none
rc-manager=unmanaged
no-auto-default=*

[logging]
level=INFO
domains=ALL,VPN_PLUGIN:DEBUG
"""
_WIRE = """[connection]
id=wire
uuid=0b8dd1c5-20f6-4c0c-9a43-000000000001
type=ethernet
interface-name=eth0

[ipv4]
method=manual
address1={address}/24,{peer}

[ipv6]
method=disabled
"""
_OFFICE = """[connection]
id={name}
uuid={uuid}
type=vpn
autoconnect=false

[vpn]
service-type=org.freedesktop.NetworkManager.l2tp
gateway={peer}
user={user}
password-flags=0
ipsec-enabled=yes
ipsec-psk-flags=0
refuse-eap=yes
{more}

[vpn-secrets]
password={password}
ipsec-psk={secret}

[ipv4]
method=auto

[ipv6]
method=disabled
"""
# NetworkManager does without udev where /sys cannot be written
_RUN = """#!/bin/bash
set -e
mkdir -p /run/dbus /run/ikev1 /run/NetworkManager /run/lock
mount -o remount,bind,ro /sys
dbus-daemon --system --nofork --nopidfile &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
exec NetworkManager --debug
"""
# NetworkManager waits for 10 s until a connection is up, in which User-Mode Linux starts too few interpreters: those
# that `ipsec` needs wait for their words (see waiting.py).
_IPSEC = """#!/bin/bash
echo "$@" >> '{directory}/calls'
folder='{directory}/requests/'$$
mkdir "$folder"
mkfifo "$folder/status"
printf '%s\\0' ipsec --as {dialect} "$@" > "$folder/words"
waiting='{directory}/waiting/light'
case "$*" in start* | restart* | *--add*)
    for waiting in '{directory}'/waiting/heavy-?; do
        mkdir "$waiting.taken" 2> /dev/null && break
    done ;;
esac
echo "$folder" > "$waiting"
read -r status < "$folder/status"
cat "$folder/output"
exit "$status"
"""
_LIGHT = ["ikev1.cli.main", "ikev1.cli.ipsec.command"]
_HEAVY = [*_LIGHT, "ikev1.cli.check", "ikev1.cli.ipsec.loading", "ikev1.daemon.process", "ikev1.esp.kernel"]
_ATTEMPTS = 3
_HEAVY_CALLS = 2 * _ATTEMPTS  # restart, and auto --add


def what_network_manager_lacks() -> str:
    """Why it cannot run here; empty if it can."""
    program = NETWORK_MANAGER / "sbin" / "NetworkManager"
    return "" if program.exists() else f"{program} does not exist (tests/support/lab/setup unpacks it)"


class NetworkManager(Program):
    """A running NetworkManager, which has one connection: a user, at the node's peer. `ipsec` is ours."""

    def __init__(
        self, node: Node, directory: Path, dialect: str, *, user: str, password: str, secret: str, more: str = ""
    ) -> None:
        directory.mkdir(parents=True)
        for name in ("run", "usr/sbin", "requests", "waiting"):
            (directory / name).mkdir(parents=True)
        self._node = node
        self._calls = directory / "calls"
        self._setup = "; ".join(f"mount --bind {directory}/{name} /{name}" for name in ("etc", "run"))
        _write(directory / "start", _RUN)
        _write(directory / "usr/sbin/ipsec", _IPSEC.format(directory=directory, dialect=dialect))
        folder = directory / "etc" / "NetworkManager"
        run("cp", "-a", "/etc", directory / "etc")
        (folder / "system-connections").mkdir(parents=True)
        # as their packages install it: the plugin writes secrets to the folder, and for strongSwan appends an include
        (directory / "etc" / "ipsec.d").mkdir(exist_ok=True)
        secrets = directory / "etc" / "ipsec.secrets"
        secrets.touch(mode=0o600)
        secrets.write_text("include /etc/ipsec.d/*.secrets\n" if dialect == "libreswan" else "")
        (folder / "NetworkManager.conf").write_text(_CONFIGURATION)
        wire = _WIRE.format(address=node.address, peer=node.peer)
        office = _OFFICE.format(
            name=NAME, uuid=UUID, peer=node.peer, user=user, password=password, secret=secret, more=more
        )
        for name, text in (("wire", wire), (NAME, office)):
            file = folder / "system-connections" / f"{name}.nmconnection"
            file.touch(mode=0o600)
            file.write_text(text)
        mounts = [
            f"mount -t overlay -o lowerdir={directory}/usr:{NETWORK_MANAGER}:/usr overlay /usr",
            f"mount --bind {directory}/etc /etc",
            f"mount --bind {directory}/run /run",
        ]
        super().__init__(node.namespace, [directory / "start"], directory, setup="; ".join(mounts))

        try:
            self._waiting = [self._start_waiting("light", "forks", _LIGHT)]
            self._waiting += [self._start_waiting(f"heavy-{number}", "once", _HEAVY) for number in range(_HEAVY_CALLS)]
        except LabError:
            self.stop()
            raise

    def _start_waiting(self, name: str, how: str, modules: Sequence[str]) -> Program:
        requests = self.directory / "waiting" / name
        os.mkfifo(requests)
        script = Path(__file__).with_name("waiting.py")
        command: list[str | Path] = [sys.executable, script, requests, how, *modules]
        program = Program(self._node.namespace, command, self.directory / f"{name}-output", setup=self._setup)
        program.wait_for(requests.with_name(f"{name}.ready").exists, "an interpreter that waits")
        return program

    def calls(self) -> list[str]:
        """What `ipsec` was called with."""
        return self._calls.read_text().splitlines()

    def stop(self, *, patience: float = 0) -> None:
        """End it, and what `ipsec` has started."""
        command = ["-m", "ikev1", "ipsec", "stop"]
        Program(self._node.namespace, command, self.directory / "stop", setup=self._setup, preloaded=True).wait()
        for program in getattr(self, "_waiting", ()):
            program.stop()
        super().stop(patience=patience)

    def connect(self) -> None:
        """Bring its connection up. On a slow machine, NetworkManager gives up, and the plugin then what it has begun;
        what the kernel and the file system have done for the first attempt is quick for the next.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            if "successfully" in self.nmcli("connection", "up", NAME, check=False):
                return
            self.wait_for(lambda wanted=attempt: self._given_up() >= wanted, "the end of an attempt")  # type: ignore[misc]
        raise LabError(f"{_ATTEMPTS} attempts in vain:\n{self.tail()}")

    def _given_up(self) -> int:
        log = self.log()
        return sum(log.count(text) for text in ("ipsec shut down", "Could not establish", "connect: 'Could not"))

    def nmcli(self, *words: str, check: bool = True) -> str:
        """Run `nmcli` where NetworkManager runs."""
        enter = ("nsenter", "--target", str(self.pid), "--mount", "--net", "--")
        return run(*enter, "nmcli", *words, check=check, timeout=2 * PATIENCE)

    def take_the_wire(self) -> None:
        """Have it configure the node's link, over which connections go."""
        self.wait_for(lambda: "eth0" in self.nmcli("-t", "-f", "DEVICE", "device", check=False), "the link")
        self.nmcli("connection", "up", "wire")


def _write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
