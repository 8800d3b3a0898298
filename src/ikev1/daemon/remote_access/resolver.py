"""The program that gives name servers to the resolver of this host: resolvectl of systemd-resolved, or resolvconf of
Debian or openresolv.

It runs as an updown hook does: with a limit on its time, and for ``down`` by the next process after a kill.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ikev1.core.records.mode_config import ModeConfig
from ikev1.daemon.remote_access.updown import Raised
from ikev1.daemon.remote_access.usable import is_domain
from ikev1.files.places import PROGRAM_PATH

KEY = "name servers"  # in the journal
RESOLVED = Path("/run/systemd/resolve")  # exists while systemd-resolved runs
ALL_NAMES = "~."  # in the notation of resolvectl

# The name servers of the link have precedence for the domains, or are the only ones for them
_RESOLVECTL = """case $PLUTO_VERB in
up) resolvectl dns "$1" $SERVERS && resolvectl domain "$1" $DOMAINS ;;
*) resolvectl revert "$1" ;;
esac"""
# -m and -x give the record precedence with openresolv; Debian's program ignores them, and sorts by name
_RESOLVCONF = """case $PLUTO_VERB in
up) printf %s "$RESOLV_CONF" | resolvconf -a "$1" -m 0 -x ;;
*) resolvconf -d "$1" ;;
esac"""


class Names(NamedTuple):
    """What gateways say about names: ``servers`` are addresses, ``search`` completes names, and ``only`` are the
    domains whose names the servers know; empty: all names.
    """

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


class Resolver(NamedTuple):
    """A program, and ``name``, by which it knows the tunnels: the TUN device, or a record of resolvconf."""

    script: str
    name: str

    def raised(self, names: Names) -> Raised:
        """The run that installs ``names``, and later removes them."""
        domains = (*names.search, *([f"~{domain}" for domain in names.only] or [ALL_NAMES]))
        lines = [f"nameserver {server}" for server in names.servers]
        lines += [f"search {' '.join(names.search)}"] if names.search else []
        environment = {
            "SERVERS": " ".join(names.servers),
            "DOMAINS": " ".join(domains),
            "RESOLV_CONF": "".join(f"{line}\n" for line in lines),
        }
        command = ("/bin/sh", "-c", self.script, "sh", self.name)
        return Raised(KEY, command, environment, "down", f"the name servers {' '.join(names.servers)}")


def resolvectl(programs: str = PROGRAM_PATH, resolved: Path = RESOLVED) -> str | None:
    """The path of resolvectl, None if there is none or systemd-resolved does not run."""
    return shutil.which("resolvectl", path=programs) if resolved.is_dir() else None


def find_resolver(
    device: str, record: str, *, programs: str = PROGRAM_PATH, resolved: Path = RESOLVED
) -> Resolver | None:
    """The program of this host, None if there is none. ``device`` is the TUN device, empty without one; ``record``
    stands for it in the name of a record of resolvconf.
    """
    if device and resolvectl(programs, resolved):
        return Resolver(_RESOLVECTL, device)
    found = shutil.which("resolvconf", path=programs)
    if found is not None and Path(found).resolve().name != "resolvectl":  # a link to it knows devices only
        return Resolver(_RESOLVCONF, f"tun.{record}")
    return None


def names_in(configs: Iterable[ModeConfig]) -> tuple[Names, list[str]]:
    """What all ``configs`` say together, and texts on domains that are no names. A gateway that names no domains has
    the servers for all names.
    """
    servers: dict[str, None] = {}
    search: dict[str, None] = {}
    only: dict[str, None] = {}
    refused: list[str] = []
    is_for_all = False
    for config in configs:
        if not config.dns:
            continue
        servers |= dict.fromkeys(config.dns)
        search |= dict.fromkeys(_domains([config.default_domain] if config.default_domain else [], refused))
        parts = _domains(config.split_dns, refused)
        only |= dict.fromkeys(parts)
        is_for_all = is_for_all or not parts
    return Names(tuple(servers), tuple(search), () if is_for_all else tuple(only)), refused


def _domains(names: Iterable[str], refused: list[str]) -> list[str]:
    usable: list[str] = []
    for name in names:
        if is_domain(name):
            usable.append(name.rstrip("."))
        else:
            refused.append(f"domain {name!r} is not used: it is no domain name")
    return usable
