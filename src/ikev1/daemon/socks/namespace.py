"""A user namespace and a network namespace for this process (user_namespaces(7), network_namespaces(7)).

No privilege is required where the system permits user namespaces: inside, the process may create devices and routes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from pathlib import Path

from ikev1.daemon.host.privileges import KEPT, end_with_parent, hold_only
from ikev1.esp.plane import PlaneError

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>
_LIBC = ctypes.CDLL(None, use_errno=True)

# Who denies user namespaces: a file below /proc/sys, the value with which it does, and what to do
_DENIALS = (
    ("kernel/unprivileged_userns_clone", "0", "set kernel.unprivileged_userns_clone = 1"),
    ("user/max_user_namespaces", "0", "set user.max_user_namespaces above 0"),
    ("user/max_net_namespaces", "0", "set user.max_net_namespaces above 0"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "set kernel.apparmor_restrict_unprivileged_userns = 0, or give this program an AppArmor profile with userns",
    ),
)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, its parent's process ID, ends.

    A change of credentials clears this, so call it again after `enter`.
    """
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def enter() -> None:
    """Move this process into new namespaces, in which it has all capabilities.

    It must have one thread only. Its user and group are not mapped: it creates no files, and root without CAP_SETFCAP
    may not map them.

    Raises:
        PlaneError: the system does not permit it; the text says which part, and what to do.
    """
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        raise PlaneError(f"cannot create a user and a network namespace: {why_denied(ctypes.get_errno())}")


def keep_network_administration() -> None:
    """Drop all capabilities in the namespace except CAP_NET_ADMIN, which routes and addresses of the tunnels require.

    Raises:
        ikev1.daemon.host.privileges.PrivilegeError: the kernel does not allow it.
    """
    hold_only(1 << KEPT["CAP_NET_ADMIN"])


def why_denied(number: int, settings: Path = Path("/proc/sys")) -> str:
    """The error ``number`` in words, and what to do about it as far as the settings of the kernel show that."""
    reason = os.strerror(number)
    for name, denies, remedy in _DENIALS:
        try:
            value = (settings / name).read_text().strip()
        except OSError:
            continue
        if value == denies:
            return f"{reason}: {remedy} (sysctl)"
    if number == errno.EPERM:
        return f"{reason}: a container's or service's system call filter (seccomp) or user limit may deny unshare(2)"
    if number == errno.ENOSPC:
        return f"{reason}: a limit of namespaces is exhausted (user.max_user_namespaces, user.max_net_namespaces)"
    if number == errno.EINVAL:
        return f"{reason}: the kernel has no user or network namespaces"
    return reason
