"""Where files lie unless the configuration says otherwise."""

from __future__ import annotations

__all__ = ["CONTROL_SOCKET", "PROGRAM_PATH"]

CONTROL_SOCKET = "/run/ikev1/control.vici"
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""``PATH`` of the programs of the operator that the gateway runs."""
