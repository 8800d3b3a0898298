"""Network namespaces in which the tests themselves are for a moment: no process is needed to open or start something
there.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

NAMED = Path("/run/netns")  # where `ip netns add` puts them

_NEW_NETWORK = 0x4000_0000  # CLONE_NEWNET of <linux/sched.h>
_BIND, _DETACH = 1 << 12, 2  # MS_BIND, MNT_DETACH of <sys/mount.h>
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(namespace: str | int) -> Iterator[None]:
    """This thread, and what it starts, is in a namespace with a name, or in that of an open file."""
    descriptor = os.open(NAMED / namespace, os.O_RDONLY | os.O_CLOEXEC) if isinstance(namespace, str) else namespace
    try:
        with back_again():
            set_namespace(descriptor)
            yield
    finally:
        if descriptor != namespace:
            os.close(descriptor)


@contextmanager
def back_again() -> Iterator[None]:
    """At the end, this thread is in the namespace in which it was before."""
    descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        set_namespace(descriptor)
        os.close(descriptor)


def new_namespace() -> int:
    """An open file that is a new namespace; the namespace ends with it."""
    with back_again():
        checked(_libc.unshare(_NEW_NETWORK))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def add_namespace(name: str) -> None:
    """As `ip netns add`."""
    _share_the_folder()
    place = NAMED / name
    place.touch(mode=0o444, exist_ok=False)
    with back_again():
        checked(_libc.unshare(_NEW_NETWORK))
        mount("/proc/thread-self/ns/net", str(place), "none", _BIND)


def remove_namespace(name: str) -> None:
    """As `ip netns del`, unless it is gone already."""
    place = NAMED / name
    with suppress(FileNotFoundError):
        checked(_libc.umount2(os.fsencode(place), _DETACH))
        place.unlink()


@cache
def _share_the_folder() -> None:
    """Have `ip netns` make the folder one whose mounts end in all mount namespaces at once."""
    name = f"ikev1-lab-{os.getpid()}-first"
    subprocess.run(["ip", "netns", "add", name], check=True)
    remove_namespace(name)


def mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    """mount(2)."""
    checked(_libc.mount(os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), None))


def set_namespace(descriptor: int) -> None:
    """Take this thread there."""
    checked(_libc.setns(descriptor, _NEW_NETWORK))


def checked(result: int) -> None:
    """What a function of the C library has returned.

    Raises:
        OSError: it failed.
    """
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
