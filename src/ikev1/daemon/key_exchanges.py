"""Diffie-Hellman in large groups, in threads: one such power takes as long as a dozen handshakes in a small group."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ikev1.core.records.answers import Failed
from ikev1.core.records.key_exchange import ComputeSharedSecret, SharedSecret
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.groups import group
from ikev1.daemon.observe.event_log import EventLog
from ikev1.errors import describe_bug
from ikev1.wire.registry import Group

LARGE = frozenset({Group.MODP_3072, Group.MODP_4096, Group.MODP_6144, Group.MODP_8192})


class KeyExchanges:
    """Calls ``answer`` in the event loop with the result of each `ComputeSharedSecret`, exactly once for each."""

    def __init__(
        self, answer: Callable[[int, SharedSecret | Failed], None], random: Callable[[int], bytes], log: EventLog
    ) -> None:
        self._answer = answer
        self._random = random
        self._log = log
        self._pool: ThreadPoolExecutor | None = None  # most gateways have no such groups
        self._open: set[asyncio.Future[SharedSecret | Failed]] = set()

    def begin(self, question: ComputeSharedSecret) -> None:
        """Begin to compute, in the running event loop. The number of half-open SAs bounds how many wait."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(os.cpu_count() or 1, "key-exchange")
        future = asyncio.get_running_loop().run_in_executor(self._pool, _computed, question, self._random)
        self._open.add(future)
        future.add_done_callback(partial(self._done, question.request))

    def close(self) -> None:
        """Answer no more."""
        for future in self._open:
            future.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, request: int, future: asyncio.Future[SharedSecret | Failed]) -> None:
        self._open.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, Exception):
            self._log.bug("a Diffie-Hellman exchange", error)
            self._answer(request, Failed(f"internal error: {describe_bug(error)}"))
        else:
            self._answer(request, future.result())


def _computed(question: ComputeSharedSecret, random: Callable[[int], bytes]) -> SharedSecret | Failed:
    chosen = group(question.group)
    try:
        if question.private:
            return SharedSecret(b"", chosen.shared(question.private, question.public))
        return SharedSecret(*chosen.respond(random, question.public))
    except InvalidPublicValue as error:
        return Failed(str(error))
