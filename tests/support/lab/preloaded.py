"""Our own programs as forks of one process that has loaded the package, which takes more time than all else they do.

What runs is `python -m ikev1 ...` or a script, with an environment, a network and a mount namespace of its own, as
``ip netns exec`` gives them. A test of what a new interpreter does starts it as any other program.
"""

from __future__ import annotations

import atexit
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
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from lab.namespaces import NAMED, checked, mount, set_namespace

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
_SET_DEATH_SIGNAL = 1  # <linux/prctl.h>
_NEW_MOUNTS = 0x20000  # CLONE_NEWNS of <linux/sched.h>
_SLAVE = 1 << 14 | 1 << 19  # MS_REC | MS_SLAVE of <linux/mount.h>
_DETACH = 2  # MNT_DETACH
_BIND = 1 << 12  # MS_BIND
# The programs must not find our modules, which are no part of the package.
_SERVE = "import sys; sys.path.insert(0, {!r}); from lab.preloaded import serve; del sys.path[0]; serve({})"


class Forked:
    """A process that `start` has started, with the methods of `subprocess.Popen` that `lab.process` needs."""

    def __init__(self, parent: _Parent, pid: int) -> None:
        self.pid = pid
        self._parent = parent
        self._status: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Until it ends; returns its status.

        Raises:
            TimeoutExpired: of `subprocess`, after so many seconds.
        """
        status = self._ended_within(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def _ended_within(self, timeout: float | None) -> int | None:
        if self._status is None:
            ended, _, _ = select.select([self._descriptor], [], [], timeout)
            if ended:
                self._status = self._parent.ask(wait=self.pid)
                os.close(self._descriptor)
        return self._status

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
            code = _SERVE.format(str(Path(__file__).parents[1]), theirs.fileno())
            command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-PB", "-c", code]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def ask(self, **what: Any) -> int:
        """The pid of a new process, where ``what`` are the arguments of `_run`; the status of an ended one for
        ``wait``, its pid.
        """
        self._socket.sendall(json.dumps(what).encode())
        said = self._socket.recv(_LARGEST_REQUEST)
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
    pid = _parents[0].ask(
        command=[str(word) for word in command],
        namespace=namespace,
        setup=setup,
        environment=dict(environment),
        output=str(output),
        hides=dict(hides),
    )
    return Forked(_parents[0], pid)


def serve(descriptor: int) -> None:
    """Fork, or wait for a child, for each request that comes by the socket ``descriptor``. User-Mode Linux maps every
    page again in each fork, so there is one for each program.
    """
    server, requests = os.getpid(), socket.socket(fileno=descriptor)
    for name in _LOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    while request := requests.recv(_LARGEST_REQUEST):
        what = json.loads(request)
        if "wait" in what:
            _, status = os.waitpid(what["wait"], 0)
            requests.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        elif child := os.fork():
            requests.sendall(str(child).encode())
        else:
            requests.close()
            _run(server, **what)


def _run(
    server: int,
    command: list[str],
    namespace: str,
    setup: str,
    environment: dict[str, str],
    output: str,
    hides: dict[str, str],
) -> None:
    """Be the program to its end."""
    checked(_libc.prctl(_SET_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0))
    if os.getppid() != server:
        os._exit(1)
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    _enter(namespace)
    for place, shown in hides.items():
        mount(shown, place, "none", _BIND)
    if setup != ":":
        subprocess.run(["bash", "-c", setup], check=True)
    status = 0
    try:
        if command[0] == "-m":
            sys.argv = command[1:]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    _end(status)


def _end(status: int) -> NoReturn:
    """As an interpreter ends, but without looking at each object of the package, which copies all of its pages."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: str) -> None:
    descriptor = os.open(NAMED / namespace, os.O_RDONLY | os.O_CLOEXEC)
    set_namespace(descriptor)
    os.close(descriptor)
    checked(_libc.unshare(_NEW_MOUNTS))
    mount("", "/", "none", _SLAVE)
    checked(_libc.umount2(b"/sys", _DETACH))  # it shows the devices of the network in which it was mounted
    mount("sysfs", "/sys", "sysfs")
