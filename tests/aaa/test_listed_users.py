"""Users whose passwords stand in the configuration."""

from __future__ import annotations

import asyncio

import pytest

from ikev1.aaa.users import ListedUsersBackend
from ikev1.core.records.remote_access import Accepted, Rejected, User, XauthAttempt


@pytest.mark.parametrize(
    ("attempt", "accepted"),
    [
        (XauthAttempt("carol", b"of carol"), True),
        (XauthAttempt("carol", "e\u0301".encode()), False),
        (XauthAttempt("zoe", "\u00e9".encode()), True),
        (XauthAttempt("carol", b"of carol "), False),
        (XauthAttempt("carol", b""), False),
        (XauthAttempt("dave", b"of carol"), False),
        (XauthAttempt("dave", b""), False),
        (XauthAttempt("", b""), False),
        (XauthAttempt("empty", b""), False),
    ],
)
def test_the_password_decides(attempt: XauthAttempt, accepted: bool) -> None:
    backend = ListedUsersBackend({"carol": b"of carol", "zoe": "e\u0301".encode(), "empty": b""})
    verdict = asyncio.run(backend.check(attempt))
    assert isinstance(verdict, Accepted if accepted else Rejected)
    if isinstance(verdict, Accepted):
        assert verdict.user == User(attempt.user, backend="users")
