"""Gateways that run, for the commands of the documents."""

from __future__ import annotations

from tests.daemon.conftest import meet

__all__ = ["meet"]
