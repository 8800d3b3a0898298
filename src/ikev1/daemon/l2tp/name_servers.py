"""The name servers of a link for systemd-resolved. The scripts of pppd give them to other resolvers only."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ikev1.files.places import PROGRAM_PATH

_RESOLVED = Path("/run/systemd/resolve")  # exists while it runs
_ALL = "~."  # all names, in the notation of resolvectl
_LONGEST = 10.0  # seconds for each command


def use_name_servers(
    interface: str, servers: Sequence[str], *, programs: str = PROGRAM_PATH, resolved: Path = _RESOLVED
) -> None:
    """Have systemd-resolved, if it runs, ask ``servers`` for all names. It forgets them with the interface."""
    tool = shutil.which("resolvectl", path=programs)
    if tool is None or not resolved.is_dir():
        return
    for command in (("dns", interface, *servers), ("domain", interface, _ALL)):
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [tool, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST, check=False
            )
