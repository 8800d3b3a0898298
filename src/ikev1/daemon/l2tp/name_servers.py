"""The name servers of a link for systemd-resolved. The scripts of pppd give them to other resolvers only."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ikev1.daemon.remote_access.resolver import ALL_NAMES, RESOLVED, resolvectl
from ikev1.files.places import PROGRAM_PATH

_LONGEST = 10.0  # seconds for each command


def use_name_servers(
    interface: str, servers: Sequence[str], *, programs: str = PROGRAM_PATH, resolved: Path = RESOLVED
) -> None:
    """Have systemd-resolved, if it runs, ask ``servers`` for all names. It forgets them with the interface."""
    tool = resolvectl(programs, resolved)
    if tool is None:
        return
    for command in (("dns", interface, *servers), ("domain", interface, ALL_NAMES)):
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [tool, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST, check=False
            )
