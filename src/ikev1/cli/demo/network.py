"""The demo's stage: a network namespace of its own for each gateway, joined by a cable that exists nowhere else."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

_FOLDER = "IKEV1_DEMO_FOLDER"  # in the environment of the demo in its namespaces
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_PAUSE = 0.02  # seconds between two looks at processes
_PATIENCE = 2.0  # seconds for killed processes to be gone


@dataclass(frozen=True)
class Side:
    """One end: a gateway's address on the cable, and the network behind it with one host."""

    name: str
    address: str
    network: str
    host: str


LEFT = Side("left", "192.0.2.1", "10.1.0.0/24", "10.1.0.1")
RIGHT = Side("right", "192.0.2.2", "10.2.0.0/24", "10.2.0.1")


def enter() -> Path:
    """Start the demo again in namespaces of its own, unless this is already that one; return a folder for its files.

    Only the demo in the namespaces returns. The process outside of them waits for its end, or for a signal to end;
    then it removes the folder and whatever still runs, and exits. A namespace and its devices end with the last process
    in it.

    Raises:
        click.ClickException: the machine allows no namespaces, or has no TUN device; it says what to do.
    """
    if folder := os.environ.get(_FOLDER):
        return Path(folder)
    if not Path("/dev/net/tun").exists():
        raise click.ClickException(
            "There is no /dev/net/tun, which carries the tunnel's packets: try `modprobe tun` as root."
        )
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(tool) is None:
            raise click.ClickException(f"The command `{tool}` is missing: install the package {package}.")
    namespaces = ["--net", "--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--net", "--mount"]
    probe = subprocess.run(["unshare", *namespaces, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        raise click.ClickException(_denied(probe.stderr.strip()))
    raise SystemExit(_attend(["unshare", *namespaces, sys.executable, "-m", "ikev1", *sys.argv[1:]]))


def _attend(command: list[str]) -> int:
    """Run ``command`` until it or this process is to end, leave nothing of it, and return the exit status."""
    received: list[int] = []
    for number in _ENDING:  # a handler that raised could do so between fork and the assignment to `inside`
        signal.signal(number, lambda number, _: received.append(number))
    with tempfile.TemporaryDirectory(prefix="ikev1-demo-") as folder:
        inside = subprocess.Popen(command, env=os.environ | {_FOLDER: folder}, start_new_session=True)
        while not received and os.waitid(os.P_PID, inside.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(_PAUSE)
        status = _kill_group(inside)
    return 128 + received[0] if received else status


def _kill_group(leader: subprocess.Popen[bytes]) -> int:
    """Kill all processes of a group, wait until none is left, and return the leader's exit status."""
    os.killpg(leader.pid, signal.SIGKILL)  # before the leader is reaped: until then nobody else has its number
    status = leader.wait()
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            os.killpg(leader.pid, 0)
            time.sleep(_PAUSE)
    return status


def _denied(reason: str) -> str:
    return (
        f"This machine lets you make no network namespace ({reason}).\n"
        "Either run the demo as root (`sudo make demo`), or allow user namespaces:\n"
        "  Debian:  sysctl -w kernel.unprivileged_userns_clone=1\n"
        "  Ubuntu:  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\n"
        "  in a container: start it with --cap-add NET_ADMIN --cap-add SYS_ADMIN --device /dev/net/tun"
    )


class Stage:
    """Both ends of the cable: this process lives at the left one, another process holds the right one."""

    def __enter__(self) -> Stage:
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._wait_for_namespace()
        cable = f"link add cable type veth peer name cable netns {self._holder.pid}"
        self._ip(LEFT, cable, *_furnished(LEFT))
        self._ip(RIGHT, *_furnished(RIGHT))
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate()

    def _wait_for_namespace(self) -> None:
        # what goes in comes out again only once `unshare` has become `cat`, in the new namespace
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.write(b"\n")
        self._holder.stdin.flush()
        self._holder.stdout.read(1)

    def command(self, side: Side, *arguments: str) -> list[str]:
        """The command line that runs ``python -m ARGUMENTS`` on one side."""
        return [*self._inside(side), sys.executable, "-m", *arguments]

    def _inside(self, side: Side) -> list[str]:
        return [] if side is LEFT else ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def _ip(self, side: Side, *commands: str) -> None:
        done = subprocess.run(
            [*self._inside(side), "ip", "-batch", "-"],
            input="\n".join(commands),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(f"The demo's network cannot be set up: {done.stderr.strip()}")


def _furnished(side: Side) -> list[str]:
    """What ip(8) does to give one side its addresses."""
    return [
        f"address add {side.host}/32 dev lo",
        f"address add {side.address}/24 dev cable",
        "link set lo up",
        "link set cable up",
    ]
