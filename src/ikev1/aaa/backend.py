"""What a backend is."""

from __future__ import annotations

from typing import Protocol

from ikev1.aaa.records import Attempt
from ikev1.core.records.remote_access import Verdict
from ikev1.errors import LocalError


class BackendError(LocalError):
    """A backend cannot be used as configured; the text says why and what to do."""

    code = "backend-unavailable"


class Backend(Protocol):
    """Checks users. ``name`` is its table in the configuration."""

    name: str

    async def check(self, attempt: Attempt) -> Verdict:
        """The verdict on ``attempt``. Never raises for what a user entered, and may be cancelled at any time."""

    async def close(self) -> None:
        """End what is under way, and release all resources."""
