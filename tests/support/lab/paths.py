"""Where the lab finds what `setup` made, and what it still misses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
_LAB = Path(os.environ.get("IKEV1_LAB", CHECKOUT / ".lab"))
NOESP = _LAB / "noesp.so"
PKI = _LAB / "pki"
LIBRESWAN = _LAB / "libreswan" / "usr" / "libexec" / "ipsec"

_TOOLS = ("ip", "iptables", "setpriv", "ping", "swanctl", "charon-systemd", "ike-scan", "tcpdump", "tshark", "certutil")


def what_is_missing() -> str:
    """Why the lab cannot run here, in words; empty where it can."""
    if os.geteuid() != 0:
        return "the lab's network namespaces need root"
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    missing += [str(path) for path in (NOESP, LIBRESWAN / "pluto", PKI) if not path.exists()]
    return f"not installed: {', '.join(missing)} (tests/support/lab/setup installs them)" if missing else ""
