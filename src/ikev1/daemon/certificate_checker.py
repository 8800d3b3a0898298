"""Verdicts on peers' certificates: worked out in threads, since that computes for a while and may fetch CRLs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Untrusted
from ikev1.core.records.events import Code
from ikev1.pki.fetch import CachedFetcher, Fetcher, FetchFailed, HttpFetcher
from ikev1.pki.verdict import verdict_on
from ikev1.wire.registry import NotifyType

THREADS = 4
MOST = 100  # questions at a time: who calls when all are taken calls again


class CertificateChecker:
    """Answers what the engine wants examined by calling ``answer`` in the event loop, every question once.

    ``fetch`` gets CRLs and OCSP responses, and may block.
    """

    def __init__(
        self,
        answer: Callable[[int, CertificateVerdict], None],
        clock: Callable[[], float],
        fetch: Fetcher | None = None,
        most: int = MOST,
    ) -> None:
        self._answer = answer
        self._clock = clock
        self._fetch = fetch or CachedFetcher(HttpFetcher())
        self._most = most
        self._pool = ThreadPoolExecutor(THREADS, "examiner")
        self._closed = threading.Event()
        self._open: set[asyncio.Future[CertificateVerdict]] = set()

    def examine(self, question: CheckCertificate) -> None:
        """Begin to find an answer, in the running event loop; it never comes before this call returns."""
        loop = asyncio.get_running_loop()
        if len(self._open) >= self._most:
            loop.call_soon(self._answer, question.request, _too_many(self._most))
            return
        future = loop.run_in_executor(self._pool, verdict_on, question, self._clock(), self._fetch_unless_closed)
        self._open.add(future)
        future.add_done_callback(partial(self._done, question.request))

    def close(self) -> None:
        """Answer no more. A thread that fetches something still ends after that."""
        self._closed.set()
        for future in self._open:
            future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch_unless_closed(self, url: str, body: bytes | None = None) -> bytes:
        if self._closed.is_set():
            raise FetchFailed(f"{url}: the gateway is being stopped")
        return self._fetch(url, body)

    def _done(self, request: int, future: asyncio.Future[CertificateVerdict]) -> None:
        self._open.discard(future)
        if not future.cancelled():
            self._answer(request, future.result())


def _too_many(most: int) -> Untrusted:
    text = f"{most} certificates are being examined already, and this one was not"
    return Untrusted(Code.OVERLOADED, text, NotifyType.AUTHENTICATION_FAILED)
