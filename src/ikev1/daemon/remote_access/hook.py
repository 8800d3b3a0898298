"""Runs hooks, programs of the operator, in a thread that waits for their end.

A hook runs as the user of this process, with only the capability CAP_NET_ADMIN (ambient), because hooks change routes
and packet filters. Capabilities belong to threads: a program inherits those of the thread that starts it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from ikev1.daemon.host.privileges import hand_on
from ikev1.errors import LocalError
from ikev1.files.places import PROGRAM_PATH
from ikev1.wire.words import printable

_TAIL = 2048  # octets of the output that are kept


class HookFailed(LocalError):
    """The hook could not be started, ran too long or failed; the text gives the reason and its last line of output."""

    code = "hook-failed"


def prepare_thread() -> None:
    """Let programs that this thread starts inherit CAP_NET_ADMIN, if this process has it."""
    hand_on("CAP_NET_ADMIN")


def run_hook(command: Sequence[str], environment: Mapping[str, str], seconds: float) -> None:
    """Run ``command`` with ``environment`` and no other variables than ``PATH``.

    Background processes that it leaves are not killed, unless it runs longer than ``seconds``.

    Raises:
        HookFailed: it was not started, did not end in time, or its status is not 0.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": PROGRAM_PATH, **environment},
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a NUL character"
        raise HookFailed(f"{command[0]} cannot be started: {reason}") from error
    assert process.stdout is not None
    with process.stdout:
        os.set_blocking(process.stdout.fileno(), False)
        tail, ended = _wait(process, process.stdout.fileno(), time.monotonic() + seconds)
    if not ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise HookFailed(f"{command[0]} took more than {seconds:g} s and was killed{_last_line(tail)}")
    if process.returncode:
        raise HookFailed(f"{command[0]} ended with status {process.returncode}{_last_line(tail)}")


def _wait(process: subprocess.Popen[bytes], output: int, deadline: float) -> tuple[bytes, bool]:
    """Wait until the process has ended, even if others still have its output open. Return the end of the output, and
    whether the process has ended.
    """
    tail = b""
    ended = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(output, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
            if output in ready:
                chunk = _read(output)
                tail = (tail + chunk)[-_TAIL:]
                if not chunk:
                    poll.unregister(output)
            elif ended in ready:
                process.wait()
                return tail, True
        return tail, False
    finally:
        os.close(ended)


def _read(output: int) -> bytes:
    try:
        return os.read(output, _TAIL)
    except BlockingIOError:
        return b""


def _last_line(tail: bytes) -> str:
    lines = tail.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {printable(last)[:200]}" if last else ""
