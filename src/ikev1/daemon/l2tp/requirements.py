"""What L2TP requires of this host: xl2tpd and pppd, and PPP in the kernel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from ikev1.errors import LocalError
from ikev1.files.places import PROGRAM_PATH

_PPP_DEVICE = Path("/dev/ppp")


class L2tpMissing(LocalError):
    """This host cannot do L2TP; the text says what to install or to do."""

    code = "ppp-missing"


class Programs(NamedTuple):
    """The paths of the programs that L2TP requires. xl2tpd starts pppd by itself."""

    xl2tpd: str
    setpriv: str


def programs(path: str = PROGRAM_PATH, ppp_device: Path = _PPP_DEVICE) -> Programs:
    """The programs in ``path``, a list of folders as in ``PATH``, after a check that they can work.

    Raises:
        L2tpMissing: a program or the kernel's PPP is missing, or this process is not root's.
    """
    found = {name: shutil.which(name, path=path) for name in ("xl2tpd", "pppd", "setpriv")}
    if missing := [name for name, file in found.items() if file is None]:
        raise L2tpMissing(f"{', '.join(missing)} not found; on Debian and Ubuntu: apt install xl2tpd ppp util-linux")
    if os.geteuid() != 0:
        raise L2tpMissing("L2TP needs root: pppd makes a network interface")
    try:
        os.close(os.open(ppp_device, os.O_RDWR | os.O_CLOEXEC))  # the kernel loads its module
    except OSError as error:
        what = "load the module ppp_generic (modprobe ppp_generic), or give the container this device"
        raise L2tpMissing(f"PPP of the kernel cannot be used: {ppp_device}: {error.strerror}; {what}") from error
    return Programs(str(found["xl2tpd"]), str(found["setpriv"]))
