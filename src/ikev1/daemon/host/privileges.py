"""Least privilege (capabilities(7)): the daemon keeps what its sockets and devices need, and nothing else.

Nothing of what is kept must be used before: ports, raw sockets, devices and routes are opened with it. So this comes
first, and what the daemon cannot do later it cannot do at its start either.
"""

from __future__ import annotations

import ctypes
import errno
import grp
import os
import pwd
import resource
from collections.abc import Sequence
from pathlib import Path

from ikev1.errors import LocalError

# <linux/capability.h>
KEPT = {
    "CAP_NET_BIND_SERVICE": 10,  # port 500
    "CAP_NET_ADMIN": 12,  # states, policies, routes, the TUN device
    "CAP_NET_RAW": 13,  # ESP as a protocol of its own
}
_CAP_SETPCAP = 8
_VERSION_3 = 0x20080522

# <linux/prctl.h>
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 8, 23, 24, 38

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


class PrivilegeError(LocalError):
    """The process cannot become what it was told to; the text says why and what to do."""

    code = "privileges"


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """32 of the 64 bits of each set; two of these are a whole."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def hide_memory() -> None:
    """Keep what is in memory from core dumps, and from all processes that are not root's (ptrace(2), /proc/PID/mem).

    A change of user undoes it (prctl(2), PR_SET_DUMPABLE), so it is to be called again after one.

    Raises:
        PrivilegeError: the kernel does not allow it.
    """
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        except OSError as error:
            raise PrivilegeError(f"core dumps cannot be forbidden: {error.strerror}") from error
    _prctl(_PR_SET_DUMPABLE, 0)


def reduce_privileges(user: str | None = None, group: str | None = None, folders: Sequence[Path] = ()) -> None:
    """Become ``user``, with ``group`` instead of the user's own, and keep no capability but `KEPT`.

    Those of ``folders`` that are missing are made before, and belong to the user. Programs that are started from here
    get no more than is kept (no_new_privs), whatever bits their files have. Threads have capabilities each for itself,
    so this must be called while there is but one.

    Raises:
        PrivilegeError: there is no such user or group, or this process may not become it.
        OSError: a folder cannot be made.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise PrivilegeError("privileges cannot be given up: another thread of this process would keep them")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    permitted = _permitted()
    if permitted >> _CAP_SETPCAP & 1:
        _bound()
    if user is not None:
        uid, gid = _account(user, group)
        if (os.geteuid(), os.getegid()) != (uid, gid):
            _become(user, uid, gid, folders)
    _hold(permitted & sum(1 << number for number in KEPT.values()))


def _account(user: str, group: str | None) -> tuple[int, int]:
    """The numbers of user and group."""
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise PrivilegeError(f"there is no user {user!r} on this machine: make it, or change [gateway]") from error
    if group is None:
        return account.pw_uid, account.pw_gid
    try:
        return account.pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise PrivilegeError(f"there is no group {group!r} on this machine: make it, or change [gateway]") from error


def _become(user: str, uid: int, gid: int, folders: Sequence[Path]) -> None:
    if os.geteuid() != 0:
        raise PrivilegeError(f"only root can become user {user!r}: start the gateway as root, or as {user}")
    for folder in folders:
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o750)
            os.chown(folder, uid, gid)
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.initgroups(user, gid)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    for file in (os.__file__, __file__):
        if not os.access(file, os.R_OK):
            raise PrivilegeError(f"user {user!r} cannot read {file}, a part of this program: move it to where all can")


def _bound() -> None:
    """Take everything that is not kept out of the bounding set."""
    number = 0
    while (present := _prctl(_PR_CAPBSET_READ, number)) >= 0:
        if present and number not in KEPT.values():
            _prctl(_PR_CAPBSET_DROP, number)
        number += 1


def _permitted() -> int:
    """The permitted set of this thread, a bit for each capability."""
    return int(_status("CapPrm"), 16)


def _hold(capabilities: int) -> None:
    """Let the thread have ``capabilities``, a bit for each, and hand on none."""
    low, high = capabilities & 0xFFFF_FFFF, capabilities >> 32
    sets = (_Sets * 2)(_Sets(low, low, 0), _Sets(high, high, 0))
    if _LIBC.capset(ctypes.byref(_Header(_VERSION_3, 0)), sets):
        raise PrivilegeError(f"capabilities cannot be given up: {os.strerror(ctypes.get_errno())}")


def _prctl(option: int, argument: int) -> int:
    """What prctl(2) returns; -1 only where a capability does not exist."""
    result: int = _LIBC.prctl(option, argument, 0, 0, 0)
    if result < 0 and (number := ctypes.get_errno()) != errno.EINVAL:
        raise PrivilegeError(f"privileges cannot be given up: {os.strerror(number)}")
    return result


def _status(field: str) -> str:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise PrivilegeError(f"/proc/self/status does not tell {field}")
