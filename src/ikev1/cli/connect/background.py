"""The two processes of `ikev1 connect --background`: one waits until the connection is up, the other keeps it up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from ikev1.daemon.host.privileges import end_with_parent

_UP = b"u"


def split() -> Callable[[], None]:
    """Fork. The child returns, with a function that it calls once the connection is up; the parent exits: with 0 when
    the child has called it, with the exit status of the child if that ends before. If something else ends the parent,
    the child receives SIGTERM. A later change of credentials undoes that.

    Raises:
        OSError: there can be no other process.
    """
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        end_with_parent(signal.SIGTERM)
        if os.getppid() != parent:  # it ended before
            os._exit(1)
        return lambda: _leave_terminal(writing)
    os.close(writing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the child, whose status follows
    if os.read(reading, 1) == _UP:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os._exit(max(1, os.waitstatus_to_exitcode(status)) if os.WIFEXITED(status) else 1)


def _leave_terminal(writing: int) -> None:
    end_with_parent(0)
    os.setsid()
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for standard in range(3):
            os.dup2(nothing.fileno(), standard)
    os.write(writing, _UP)
    os.close(writing)
