"""The processes of xl2tpd and pppd that use files of a private folder."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

_IN_ORDER = ("pppd", "xl2tpd")  # pppd first: it tells the gateway, through xl2tpd


def end_processes(folder: Path, patience: float) -> None:
    """End pppd, then xl2tpd, by SIGTERM, and what is left of each after ``patience`` seconds by SIGKILL.

    Only processes of this user count that have one of these names and a file of ``folder`` on their command line. No
    other process is ended, also not one that has got the number of a process that ended (pidfd_open(2)).
    """
    for name in _IN_ORDER:
        with ExitStack() as opened:
            left = dict.fromkeys(_found(folder, name, opened))
            for number in (signal.SIGTERM, signal.SIGKILL):
                for process in left:
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(process, number)
                left = dict.fromkeys(_remaining(left, patience))


def _found(folder: Path, name: str, opened: ExitStack) -> Iterator[int]:
    """Descriptors of the processes, closed with ``opened``."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _is_ours(Path("/proc", entry), name, folder):
            with suppress(OSError):
                process = os.pidfd_open(int(entry))
                opened.callback(os.close, process)
                if _is_ours(Path("/proc", entry), name, folder):  # not another one that got the number in between
                    yield process


def _is_ours(process: Path, name: str, folder: Path) -> bool:
    try:
        if process.stat().st_uid != os.geteuid() or (process / "comm").read_text().strip() != name:
            return False
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    return any(word.startswith(os.fsencode(folder) + b"/") for word in words)


def _remaining(processes: dict[int, None], patience: float) -> list[int]:
    """The processes that have not ended after ``patience`` seconds."""
    left, deadline = set(processes), time.monotonic() + patience
    poll = select.poll()
    for process in left:
        poll.register(process, select.POLLIN)
    while left and (wait := deadline - time.monotonic()) > 0:
        for process, _ in poll.poll(wait * 1000):
            poll.unregister(process)
            left.discard(process)
    return list(left)
