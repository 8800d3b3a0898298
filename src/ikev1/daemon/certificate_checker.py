"""Checks of peers' certificates, in threads: they take CPU time and may fetch CRLs and OCSP responses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.settings import Authority
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.errors import describe_bug
from ikev1.pki.fetch import CachedFetcher, Fetcher, FetchFailed, HttpFetcher
from ikev1.pki.verdict import verdict_on
from ikev1.wire.registry import NotifyType

THREADS = 4
MOST = 100  # checks at a time; a peer whose check is refused has to try again


class CertificateChecker:
    """Calls ``answer`` in the event loop with the verdict on each `CheckCertificate`, exactly once for each.

    ``fetch`` gets CRLs and OCSP responses, and may block. ``most`` bounds the checks at a time.
    ``authorities`` gives those of the current configuration.
    """

    def __init__(
        self,
        answer: Callable[[int, CertificateVerdict], None],
        clock: Callable[[], float],
        fetch: Fetcher | None = None,
        most: int = MOST,
        *,
        authorities: Callable[[], tuple[Authority, ...]] = tuple,
        log: EventLog,
    ) -> None:
        self._authorities = authorities
        self._answer = answer
        self._clock = clock
        self._log = log
        self._fetch = CachedFetcher(fetch or HttpFetcher())
        self._most = most
        self._pool = ThreadPoolExecutor(THREADS, "certificate-check")
        self._closed = threading.Event()
        self._open: set[asyncio.Future[CertificateVerdict]] = set()

    def check(self, question: CheckCertificate) -> None:
        """Begin a check, in the running event loop. Its verdict never comes before this call returns."""
        loop = asyncio.get_running_loop()
        if len(self._open) >= self._most:
            loop.call_soon(self._answer, question.request, _too_many(self._most))
            return
        future = loop.run_in_executor(
            self._pool, verdict_on, question, self._clock(), self._fetch_unless_closed, self._authorities()
        )
        self._open.add(future)
        future.add_done_callback(partial(self._done, question.request))

    def flush(self) -> None:
        """Forget the CRLs and OCSP responses that were retrieved."""
        self._fetch.flush()

    def retrieved(self) -> list[tuple[str, bytes]]:
        """What was retrieved by HTTP and is not too old to be used again, with its URL."""
        return self._fetch.kept()

    def close(self) -> None:
        """Answer no more. A thread that is fetching something ends when that is done."""
        self._closed.set()
        for future in self._open:
            future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch_unless_closed(self, url: str, body: bytes | None = None) -> bytes:
        if self._closed.is_set():
            raise FetchFailed(f"{url}: the gateway is stopping")
        return self._fetch(url, body)

    def _done(self, request: int, future: asyncio.Future[CertificateVerdict]) -> None:
        self._open.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, Exception):
            self._log.bug("a certificate check", error)
            self._answer(request, _not_checked(error))
        else:
            verdict = future.result()
            if isinstance(verdict, Trusted):
                for status in verdict.statuses:
                    self._log.write(Level.INFO, "CFG", status, kind="statuses of certificates")
            self._answer(request, verdict)


def _too_many(most: int) -> Untrusted:
    text = f"{most} certificate checks are running already: this certificate was not checked"
    return Untrusted(Code.OVERLOADED, text, NotifyType.AUTHENTICATION_FAILED)


def _not_checked(error: Exception) -> Untrusted:
    text = f"the certificate was not checked because of an internal error: {describe_bug(error)}"
    return Untrusted(Code.INTERNAL_ERROR, text, NotifyType.AUTHENTICATION_FAILED)
