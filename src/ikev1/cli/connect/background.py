"""The two processes of `ikev1 connect --background`: one waits until the connection is up, the other keeps it up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_UP = b"u"


def split() -> Callable[[], None]:
    """Fork. The child returns, with a function that it calls once the connection is up; the parent exits: with 0 when
    the child has called it, with the exit status of the child if that ends before.

    Raises:
        OSError: there can be no other process.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        return lambda: _leave_terminal(writing)
    os.close(writing)
    if os.read(reading, 1) == _UP:
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os._exit(max(1, os.waitstatus_to_exitcode(status)) if os.WIFEXITED(status) else 1)


def _leave_terminal(writing: int) -> None:
    os.setsid()
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "r+b", buffering=0) as nothing:
        for standard in range(3):
            os.dup2(nothing.fileno(), standard)
    os.write(writing, _UP)
    os.close(writing)
