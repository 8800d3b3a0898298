"""The version of this program, for commands that otherwise pretend to be another one."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """The version of ikev1."""
    try:
        return version("ikev1")
    except PackageNotFoundError:
        return "of unknown version"
