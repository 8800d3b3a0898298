"""Where files lie unless the configuration says otherwise."""

from __future__ import annotations

CONTROL_SOCKET = "/run/ikev1/control.vici"
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""``PATH`` of the programs of the operator that the gateway runs."""
