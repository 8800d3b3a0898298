"""Fetches CRLs and OCSP responses from the URLs in certificates.

Only URLs in certificates of a validated path are used, so a trusted CA has chosen them. The responses come over plain
HTTP; only their signatures are trusted.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from ikev1.errors import RemoteError


class FetchFailed(RemoteError):
    """A URL could not be fetched; the text says why."""

    code = "fetch-failed"


class Fetcher(Protocol):
    """Fetches a URL; ``body`` is sent as an OCSP request (RFC 6960 A.1)."""

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        """The octets at ``url``.

        Raises:
            FetchFailed: the server does not respond in time or with an error, or the response is too large.
        """


class HttpFetcher:
    """Fetches over HTTP or HTTPS, at most ``size_limit`` octets, within ``time_limit`` seconds after connecting.
    Redirections are not followed.
    """

    def __init__(self, time_limit: float = 5.0, size_limit: int = 8 << 20) -> None:
        self._time_limit = time_limit
        self._size_limit = size_limit

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        try:
            parts = urlsplit(url)
            return self._get(parts, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"{url}: {error or type(error).__name__}") from None

    def _get(self, parts: SplitResult, body: bytes | None) -> bytes:
        connection = self._connect(parts)
        # A socket's own time limit is one for each read, and a server can answer in single octets
        alarm = threading.Timer(self._time_limit, _hang_up, [connection.sock])
        alarm.daemon = True
        alarm.start()
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Content-Type": "application/ocsp-request"} if body is not None else {}
            connection.request("GET" if body is None else "POST", target, body, headers)
            return self._read(connection.getresponse())
        finally:
            alarm.cancel()
            connection.close()

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        kinds: dict[str, type[http.client.HTTPConnection]]
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        if parts.scheme not in kinds or not parts.hostname:
            raise ValueError("expected an http or https URL with a host")
        connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=self._time_limit)
        connection.connect()
        return connection

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"expected status 200, found {response.status}")
        octets = response.read(self._size_limit + 1)
        if len(octets) > self._size_limit:
            raise ValueError(f"the response has more than {self._size_limit} octets")
        return octets


def _hang_up(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


class CachedFetcher:
    """Caches the responses of ``fetch`` for ``lifetime`` seconds, and failures for ``patience`` seconds, so that
    neither a busy gateway nor a dead server costs a fetch for each peer. Thread-safe.
    """

    def __init__(
        self,
        fetch: Fetcher,
        lifetime: float = 600.0,
        patience: float = 30.0,
        size_limit: int = 64 << 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._lifetime = lifetime
        self._patience = patience
        self._size_limit = size_limit
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, bytes | None], tuple[float, bytes | FetchFailed]] = OrderedDict()
        self._size = 0

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        answer = self._look_up(url, body)
        if answer is None:
            try:
                answer = self._fetch(url, body)
            except FetchFailed as failure:
                answer = failure
            self._keep(url, body, answer)
        if isinstance(answer, FetchFailed):
            raise FetchFailed(*answer.args)
        return answer

    def flush(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._size = 0

    def kept(self) -> list[tuple[str, bytes]]:
        """The responses that would be used again, with their URLs."""
        now = self._clock()
        with self._lock:
            known = list(self._known.items())
        return [(url, answer) for (url, _), (until, answer) in known if now < until and isinstance(answer, bytes)]

    def _look_up(self, url: str, body: bytes | None) -> bytes | FetchFailed | None:
        with self._lock:
            until, answer = self._known.get((url, body), (0.0, None))
            return answer if self._clock() < until else None

    def _keep(self, url: str, body: bytes | None, answer: bytes | FetchFailed) -> None:
        lifetime = self._patience if isinstance(answer, FetchFailed) else self._lifetime
        with self._lock:
            self._drop((url, body))
            self._known[url, body] = (self._clock() + lifetime, answer)
            self._size += _cost(url, body, answer)
            while self._size > self._size_limit:
                self._drop(next(iter(self._known)))

    def _drop(self, key: tuple[str, bytes | None]) -> None:
        _, answer = self._known.pop(key, (0.0, None))
        if answer is not None:
            self._size -= _cost(*key, answer)


def _cost(url: str, body: bytes | None, answer: bytes | FetchFailed) -> int:
    return 1024 + len(url) + len(body or b"") + (0 if isinstance(answer, FetchFailed) else len(answer))
