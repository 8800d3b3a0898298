"""Where the lab finds what `setup` made, and what it still misses."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = Path(os.environ.get("IKEV1_LAB", CHECKOUT / ".lab"))
NOESP = LAB / "noesp.so"
PKI = LAB / "pki"
STARTER = LAB / "starter" / "usr" / "lib" / "ipsec"
NETWORK_MANAGER = LAB / "network-manager" / "usr"
KEYRING = LAB / "keyring" / "usr"
LIBRESWAN = LAB / "libreswan" / "usr" / "libexec" / "ipsec"

_TOOLS = ("ip", "iptables", "setpriv", "ping", "swanctl", "charon-systemd", "ike-scan", "tcpdump", "tshark", "certutil")


def what_is_missing() -> str:
    """Why the lab cannot run here, in words; empty where it can."""
    if os.geteuid() != 0:
        return "the lab's network namespaces need root"
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    missing += [
        str(path)
        for path in (NOESP, LIBRESWAN / "pluto", STARTER / "starter", KEYRING / "bin" / "secret-tool", PKI)
        if not path.exists()
    ]
    return f"not installed: {', '.join(missing)} (tests/support/lab/setup installs them)" if missing else ""


def sparing_the_resolver() -> dict[str, str]:
    """What is to be hidden from a program (see `lab.process.Program`) that shall not change the name servers of this
    machine.
    """
    places = (Path(folder, name).resolve() for folder in os.get_exec_path() for name in ("resolvconf", "resolvectl"))
    return {str(place): "/bin/false" for place in places if place.exists()}


def open_the_way(directory: Path) -> str:
    """Shell that lets everybody reach this Python and this checkout, in the mount namespace of one program.

    They may lie below a folder that is closed to others, such as root's home. ``directory`` is the program's own.
    """
    trees = {Path(sys.base_prefix), Path(sys.prefix), CHECKOUT}
    closed = {folder for tree in trees for folder in reversed(tree.parents) if not folder.stat().st_mode & 0o001}
    outermost = {folder for folder in closed if not any(other in folder.parents for other in closed)}
    if not outermost:
        return ":"
    held = {tree: directory / f"held-{number}" for number, tree in enumerate(sorted(trees))}
    lines = [f"mkdir {hold}; mount --bind {tree} {hold}" for tree, hold in held.items()]
    lines += [f"mount -t tmpfs -o mode=755 open {folder}" for folder in outermost]
    lines += [f"mkdir -p {tree}; mount --bind {hold} {tree}" for tree, hold in held.items()]
    return "; ".join(lines)
