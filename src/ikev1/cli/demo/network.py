"""The demo's stage: a network namespace of its own for each gateway, joined by a cable that exists nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

__all__ = ["LEFT", "RIGHT", "Side", "Stage", "enter"]

_INSIDE = "IKEV1_DEMO_INSIDE"


@dataclass(frozen=True)
class Side:
    """One end: a gateway's address on the cable, and the network behind it with one host."""

    name: str
    address: str
    network: str
    host: str


LEFT = Side("left", "192.0.2.1", "10.1.0.0/24", "10.1.0.1")
RIGHT = Side("right", "192.0.2.2", "10.2.0.0/24", "10.2.0.1")


def enter() -> None:
    """Starts the demo again in namespaces of its own, unless this is already that; never returns to outside of them.

    Raises:
        click.ClickException: the machine allows no namespaces, or has no TUN device; it says what to do.
    """
    if os.environ.get(_INSIDE):
        return
    if not Path("/dev/net/tun").exists():
        raise click.ClickException(
            "There is no /dev/net/tun, which carries the tunnel's packets: try `modprobe tun` as root."
        )
    unshare = shutil.which("unshare")
    if unshare is None:
        raise click.ClickException("The command `unshare` is missing: install the package util-linux.")
    namespaces = ["--net", "--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--net", "--mount"]
    probe = subprocess.run([unshare, *namespaces, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        raise click.ClickException(_denied(probe.stderr.strip()))
    os.environ[_INSIDE] = "1"
    os.execv(unshare, [unshare, *namespaces, sys.executable, "-m", "ikev1", *sys.argv[1:]])  # noqa: S606


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
