"""What an operator wants of the SAs that are up when the configuration changes."""

from __future__ import annotations

from typing import NamedTuple


class Reload(NamedTuple):
    """How new settings reach SAs that are up. By default changed networks and proposals take effect at the next
    rekeying, and what was removed is closed.
    """

    at_once: bool = False  # SAs that do not match the settings are replaced or closed now
    drain: bool = False  # what was removed is neither closed nor rekeyed: it runs out


USUAL = Reload()
