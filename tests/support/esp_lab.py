"""Two network namespaces joined by a wire, and a userspace data plane in each, for tests and measurements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NODE = Path(__file__).with_name("esp_node.py")
SOURCE = Path(__file__).parents[2] / "src"
OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("fd77::1", "fd77::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
NETWORKS = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("fd01::/64", "fd02::/64")}


class NotPermitted(OSError):
    """The machine does not let us make namespaces or TUN devices; the text says which."""


class Namespace:
    """A network namespace; without root the first one has a user namespace around it, which the second one shares."""

    def __init__(self, beside: Namespace | None = None) -> None:
        self.enter: list[str]
        root = os.geteuid() == 0
        make = ["unshare", "-n" if root else "-Urn"] if beside is None else [*beside.enter, "unshare", "-n"]
        self._holder = subprocess.Popen(
            [*make, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        self.works = self._holder.stdout.readline() == b"\n"
        self.pid = self._holder.pid
        user_namespace = [] if root else ["-U", "--preserve-credentials"]
        self.enter = ["nsenter", "-t", str(self.pid), "-n", *user_namespace]

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            [*self.enter, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
        return done.stdout

    def await_up(self, *devices: str) -> None:
        """Wait until the kernel calls these devices up: only then are new IPv6 addresses usable at once."""
        until = time.monotonic() + 60
        for device in devices:
            while " state UP " not in self.run("ip", "-oneline", "link", "show", device):
                assert time.monotonic() < until, f"{device} does not come up"

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.enter, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


class Node:
    """A plane that runs in a namespace."""

    def __init__(self, namespace: Namespace, options: dict[str, Any]) -> None:
        self.namespace = namespace
        self._process = namespace.start(sys.executable, NODE, json.dumps(options))
        assert self._line() == "ready"

    @property
    def pid(self) -> int:
        """The process of the plane."""
        return self._process.pid

    def tell(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._line()

    def counters(self) -> dict[str, Any]:
        counters: dict[str, Any] = json.loads(self.tell("counters"))
        return counters

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._process.communicate("quit\n", timeout=20)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def two_namespaces() -> Iterator[tuple[Namespace, Namespace]]:
    """A wire of 1,500 octets between two namespaces, with an address of each network on each ``lo``.

    Raises:
        NotPermitted: this cannot be had here.
    """
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        raise NotPermitted("/dev/net/tun cannot be opened here")
    one = Namespace()
    if not one.works:
        one.close()
        raise NotPermitted("user namespaces are not permitted here (unshare -Urn)")
    other = Namespace(beside=one)
    try:
        one.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(other.pid))
        for namespace in (one, other):
            for device in ("lo", "eth0"):
                namespace.run("ip", "link", "set", device, "up")
        for side, namespace in enumerate((one, other)):
            namespace.await_up("eth0")
            for version in (4, 6):
                nodad = ["nodad"] if version == 6 else []
                outer, inner = OUTER[version][side], INNER[version][side]
                namespace.run("ip", "addr", "add", f"{outer}/{24 if version == 4 else 64}", "dev", "eth0", *nodad)
                namespace.run("ip", "addr", "add", inner, "dev", "lo", *nodad)
        yield one, other
    finally:
        other.close()
        one.close()
