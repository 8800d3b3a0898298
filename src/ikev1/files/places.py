"""Where files lie unless the configuration says otherwise."""

from __future__ import annotations

__all__ = ["CONTROL_SOCKET"]

CONTROL_SOCKET = "/run/ikev1/control.vici"
