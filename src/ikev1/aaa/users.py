"""The backend ``users``: the file of users, read again whenever it has changed, or users of the configuration."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ikev1.aaa.check_places import CheckPlaces, Place
from ikev1.aaa.users_file import KnownUser, UsersFileError, matches, parse_users, prepared
from ikev1.core.records.path import ip_version
from ikev1.core.records.remote_access import Accepted, Rejected, Unavailable, User, Verdict, XauthAttempt
from ikev1.files.private import read_private

_THREADS = 2  # a hash needs 19 MiB of memory and 20 ms of CPU time
_MOST = 100  # attempts at a time


class ListedUsersBackend:
    """Checks users by the passwords ``known``, which stand in the configuration; ``others`` checks those that are not
    listed. Without it, the time of a check does not tell whether the user exists.
    """

    name = "users"

    def __init__(self, known: Mapping[str, bytes], others: UsersBackend | None = None) -> None:
        self._known = {user: prepared(password) for user, password in known.items()}
        self._others = others

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """The verdict on ``attempt``."""
        expected = self._known.get(attempt.login)
        if expected is None and self._others is not None:
            return await self._others.check(attempt)
        equal = hmac.compare_digest(expected or secrets.token_bytes(16), prepared(attempt.secret))
        if not expected or not equal:
            return Rejected("wrong password" if expected else "unknown user")
        return Accepted(User(attempt.user, attempt.domain, backend=self.name))

    async def close(self) -> None:
        """Cancel the checks of others that have not begun; the own ones are complete at once."""
        if self._others is not None:
            await self._others.close()


class UsersBackend:
    """Checks users by the file of users at ``file``; at most ``most`` attempts at a time."""

    name = "users"

    def __init__(self, file: Path, most: int = _MOST) -> None:
        self._file = file
        self._places = CheckPlaces(most)
        self._pool = ThreadPoolExecutor(_THREADS, "user-check")
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, ...], dict[str, KnownUser]] | None = None

    async def check(self, attempt: XauthAttempt) -> Verdict:
        """The verdict on ``attempt``. Its password is compared even if the user is unknown."""
        place = self._places.take(attempt)
        if isinstance(place, str):
            return Unavailable(place)
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._check, attempt)
        future.add_done_callback(lambda done: self._done(done, place))  # a running thread cannot be cancelled
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Cancel the checks that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[Verdict], place: Place) -> None:
        self._places.give_back(place)
        if not future.cancelled():
            future.exception()  # also where nobody waits for it any longer

    def _check(self, attempt: XauthAttempt) -> Verdict:
        try:
            users = self._users()
        except (OSError, UsersFileError) as error:
            return Unavailable(f"{self._file}: {error}")
        known = users.get(attempt.login)
        if not matches(known, users, attempt.secret) or known is None:
            return Rejected("unknown user" if known is None else "wrong password")
        by_version = {ip_version(address): address for address in known.addresses}
        return Accepted(
            User(
                attempt.user,
                attempt.domain,
                groups=known.groups,
                backend=self.name,
                address=by_version.get(4, ""),
                address6=by_version.get(6, ""),
            )
        )

    def _users(self) -> dict[str, KnownUser]:
        """The users; the file is read only if it has been replaced or changed."""
        with self._lock:
            status = os.stat(self._file)
            seen = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            if self._read is None or self._read[0] != seen:
                self._read = seen, parse_users(read_private(self._file))
            return self._read[1]
