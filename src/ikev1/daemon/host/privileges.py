"""Least privilege (capabilities(7)): the daemon keeps what its sockets and devices need, and nothing else.

Privileges are reduced before ports, raw sockets, devices and routes are opened, so that an operation that would fail
later fails at the start.
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
    "CAP_NET_RAW": 13,  # raw sockets for ESP
}
_CAP_SETPCAP = 8
_VERSION_3 = 0x20080522

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 8, 23, 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


class PrivilegeError(LocalError):
    """The process cannot change its user or privileges as configured; the text says why and what to do."""

    code = "privileges"


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """32 of the 64 bits of each set; capset(2) expects two of these."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def hide_memory() -> None:
    """Disable core dumps, and deny processes of other users than root access to the memory (ptrace(2), /proc/PID/mem).

    A change of user undoes this (prctl(2), PR_SET_DUMPABLE), so call it again after one.

    Raises:
        PrivilegeError: the kernel does not allow it.
    """
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        except OSError as error:
            raise PrivilegeError(f"cannot disable core dumps: {error.strerror}") from error
    _prctl(_PR_SET_DUMPABLE, 0)


def reduce_privileges(user: str | None = None, group: str | None = None, folders: Sequence[Path] = ()) -> None:
    """Switch to ``user``, with ``group`` instead of the user's own, and drop all capabilities except `KEPT`.

    Missing ``folders`` are created first, owned by the user. Programs that this process starts cannot gain privileges
    (no_new_privs), whatever mode bits their files have. Each thread has its own capabilities, so this must be called
    while there is only one.

    Raises:
        PrivilegeError: the user or group does not exist, or this process may not switch to it.
        OSError: a folder cannot be created.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise PrivilegeError("cannot drop privileges: another thread of this process would keep them")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    permitted = _permitted()
    if permitted >> _CAP_SETPCAP & 1:
        _bound()
    if user is not None:
        uid, gid = _account(user, group)
        if (os.geteuid(), os.getegid()) != (uid, gid):
            _become(user, uid, gid, folders)
    _hold(permitted & sum(1 << number for number in KEPT.values()))


def end_with_parent(number: int) -> None:
    """Have the kernel send this process the signal ``number`` when its parent ends; 0: none.

    A change of credentials undoes this.
    """
    _prctl(_PR_SET_PDEATHSIG, number)


def hold_only(capabilities: int) -> None:
    """Drop all capabilities of this thread except ``capabilities``, a bit for each; programs that it starts cannot gain
    privileges (no_new_privs).

    Raises:
        PrivilegeError: the kernel does not allow it.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _hold(_permitted() & capabilities)


def hand_on(name: str) -> None:
    """Let programs that the calling thread starts inherit the capability ``name`` of `KEPT`, and no other one (ambient
    set, capabilities(7)). Nothing changes if the thread does not have it.

    Raises:
        PrivilegeError: the kernel does not allow it.
    """
    permitted, number = _permitted(), KEPT[name]
    if permitted >> number & 1:
        _hold(permitted, 1 << number)
        if _LIBC.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0):
            raise PrivilegeError(f"cannot hand on {name}: {os.strerror(ctypes.get_errno())}")


def _account(user: str, group: str | None) -> tuple[int, int]:
    """The numbers of user and group."""
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise PrivilegeError(f"user {user!r} does not exist: create it, or change user in [gateway]") from error
    if group is None:
        return account.pw_uid, account.pw_gid
    try:
        return account.pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise PrivilegeError(f"group {group!r} does not exist: create it, or change group in [gateway]") from error


def _become(user: str, uid: int, gid: int, folders: Sequence[Path]) -> None:
    if os.geteuid() != 0:
        raise PrivilegeError(f"only root can switch to user {user!r}: start the gateway as root, or as {user}")
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
            raise PrivilegeError(
                f"user {user!r} cannot read {file}, which is part of this program: install it where all users can "
                "read it"
            )


def _bound() -> None:
    """Drop all capabilities except `KEPT` from the bounding set."""
    number = 0
    while (present := _prctl(_PR_CAPBSET_READ, number)) >= 0:
        if present and number not in KEPT.values():
            _prctl(_PR_CAPBSET_DROP, number)
        number += 1


def _permitted() -> int:
    """The permitted set of this thread, a bit for each capability."""
    return int(_status("CapPrm"), 16)


def _hold(capabilities: int, inheritable: int = 0) -> None:
    """Set the thread's capabilities, a bit for each, and those that programs may inherit."""
    low, high = capabilities & 0xFFFF_FFFF, capabilities >> 32
    sets = (_Sets * 2)(_Sets(low, low, inheritable & 0xFFFF_FFFF), _Sets(high, high, inheritable >> 32))
    if _LIBC.capset(ctypes.byref(_Header(_VERSION_3, 0)), sets):
        raise PrivilegeError(f"cannot drop capabilities: {os.strerror(ctypes.get_errno())}")


def _prctl(option: int, argument: int) -> int:
    """The result of prctl(2); -1 only if a capability does not exist."""
    result: int = _LIBC.prctl(option, argument, 0, 0, 0)
    if result < 0 and (number := ctypes.get_errno()) != errno.EINVAL:
        raise PrivilegeError(f"cannot drop privileges: {os.strerror(number)}")
    return result


def _status(field: str) -> str:
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    raise PrivilegeError(f"/proc/thread-self/status has no field {field}")
