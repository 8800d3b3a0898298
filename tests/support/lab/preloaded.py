"""Our own programs as forks of one process that has loaded the package, which takes more time than all else they do.

What runs is `python -m ikev1 ...` or a script, with an environment, a network and a mount namespace of its own, as
``ip netns exec`` gives them. A test of what a new interpreter does starts it as any other program.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from lab.namespaces import NAMED, checked, set_namespace

# What `ikev1 run` loads; anything else is loaded by each fork.
_LOADED = (
    "asyncio",
    "ikev1.cli.main",
    "ikev1.cli.run",
    "ikev1.daemon.process",
    "ikev1.esp.kernel",
    "ikev1.esp.userspace",
)
_LARGEST_REQUEST = 1 << 16
_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # <linux/prctl.h>
_NEW_MOUNTS = 0x20000  # CLONE_NEWNS of <linux/sched.h>
_SLAVE = 1 << 14 | 1 << 19  # MS_REC | MS_SLAVE of <linux/mount.h>
_DETACH = 2  # MNT_DETACH
_BIND = 1 << 12  # MS_BIND


class Forked:
    """A process that `start` has started, with the methods of `subprocess.Popen` that `lab.process` needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
                os.close(self._descriptor)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Until it ends; returns its status.

        Raises:
            TimeoutExpired: of `subprocess`, after so many seconds.
        """
        if self.poll() is None:
            ready, _, _ = select.select([self._descriptor], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Parent:
    """The process that has loaded the package, and the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-PB", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def fork(self, **what: Any) -> int:
        """The pid of a new child of this process; ``what`` are the arguments of `_run`."""
        _prctl(_SET_SUBREAPER, 1)  # so that the fork of a fork becomes our child
        try:
            self._socket.sendall(json.dumps({"parent": os.getpid(), **what}).encode())
            said = self._socket.recv(_LARGEST_REQUEST)
        finally:
            _prctl(_SET_SUBREAPER, 0)
        if not said:
            raise RuntimeError(f"the process that forks programs ended with {self._process.wait()}")
        return int(said)


_parents: list[_Parent] = []  # one, once it is needed


def start(
    command: Sequence[str | Path],
    namespace: str,
    setup: str,
    environment: Mapping[str, str],
    output: Path,
    hides: Mapping[str, str],
) -> Forked:
    """Start the Python program ``command`` (``-m`` and a module, or a script; and arguments), in a network namespace,
    with the files of ``hides`` in place of others (see `lab.process.Program`) and after the line of shell ``setup``.
    """
    if not _parents:
        _parents.append(_Parent())
    words = [str(word) for word in command]
    return Forked(
        _parents[0].fork(
            command=words,
            namespace=namespace,
            setup=setup,
            environment=dict(environment),
            output=str(output),
            hides=dict(hides),
        )
    )


def _serve(requests: socket.socket) -> None:
    """Fork twice for each request: the child of a child becomes a child of who asked."""
    for name in _LOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    while request := requests.recv(_LARGEST_REQUEST):
        between = os.fork()
        if between:
            os.waitpid(between, 0)
            continue
        if os.fork():
            os._exit(0)
        _run(requests, **json.loads(request))
        return


def _run(
    requests: socket.socket,
    parent: int,
    command: list[str],
    namespace: str,
    setup: str,
    environment: dict[str, str],
    output: str,
    hides: dict[str, str],
) -> None:
    """Become the program."""
    while os.getppid() != parent:
        time.sleep(0.001)
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    requests.sendall(str(os.getpid()).encode())
    requests.close()
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    _enter(namespace)
    for place, shown in hides.items():
        _mount(shown, place, "none", _BIND)
    if setup != ":":
        subprocess.run(["bash", "-c", setup], check=True)
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: str) -> None:
    descriptor = os.open(NAMED / namespace, os.O_RDONLY | os.O_CLOEXEC)
    set_namespace(descriptor)
    os.close(descriptor)
    checked(_libc.unshare(_NEW_MOUNTS))
    _mount("", "/", "none", _SLAVE)
    checked(_libc.umount2(b"/sys", _DETACH))  # it shows the devices of the network in which it was mounted
    _mount("sysfs", "/sys", "sysfs")


def _mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    checked(_libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), None))


def _prctl(option: int, value: int) -> None:
    checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
