"""The names of connections, tunnels and pools."""

from __future__ import annotations

import re

from ikev1.config.findings import Invalid, Rule

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """The name of a connection, tunnel or pool."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            Rule.INVALID_NAME,
            "a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit",
        )
    return name
