"""`Backend`: the interface of everything that checks users."""

from __future__ import annotations

from typing import Protocol

from ikev1.core.records.remote_access import Verdict, XauthAttempt
from ikev1.errors import LocalError


class BackendError(LocalError):
    """A backend cannot be used as configured; the text gives the reason and the remedy."""

    code = "backend-unavailable"


class Backend(Protocol):
    """Checks users. ``name`` is its table in the configuration."""

    name: str

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """Check ``attempt``. Input of a user never raises an exception. The call may be cancelled at any time."""

    async def close(self) -> None:
        """Cancel the checks under way, and release all resources."""
