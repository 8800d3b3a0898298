"""Diffie-Hellman in large groups, in threads: one such power takes as long as a dozen handshakes in a small group.

Anybody who receives message 2 can have one computed, with more messages 3 than there is time for. The half-open SAs
that are beyond the limit then end before their turn, and nothing is computed for them. Of many that wait, the newest is
first, because the oldest ends next.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
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


_MANY = 64  # questions that wait
_THREADS = os.cpu_count() or 1


class KeyExchanges:
    """Calls ``answer`` in the event loop with the result of each `ComputeSharedSecret` that ``awaits`` says is still
    open when its turn comes, once for each.
    """

    def __init__(
        self,
        answer: Callable[[int, SharedSecret | Failed], None],
        awaits: Callable[[int], bool],
        random: Callable[[int], bytes],
        log: EventLog,
    ) -> None:
        self._answer = answer
        self._awaits = awaits
        self._random = random
        self._log = log
        self._pool: ThreadPoolExecutor | None = None  # most gateways have no such groups
        self._waiting: deque[ComputeSharedSecret] = deque()
        self._open: set[asyncio.Future[SharedSecret | Failed]] = set()

    def begin(self, question: ComputeSharedSecret) -> None:
        """Compute when its turn comes, in the running event loop."""
        self._waiting.append(question)
        self._go_on()

    def close(self) -> None:
        """Answer no more."""
        self._waiting.clear()
        for future in self._open:
            future.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _go_on(self) -> None:
        while len(self._open) < _THREADS and (question := self._next()) is not None:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, "key-exchange")
            future = asyncio.get_running_loop().run_in_executor(self._pool, _computed, question, self._random)
            self._open.add(future)
            future.add_done_callback(partial(self._done, question.request))

    def _next(self) -> ComputeSharedSecret | None:
        waiting = self._waiting
        while waiting and not self._awaits(waiting[0].request):
            waiting.popleft()
        if not waiting:
            return None
        return waiting.popleft() if len(waiting) <= _MANY else waiting.pop()

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
        self._go_on()


def _computed(question: ComputeSharedSecret, random: Callable[[int], bytes]) -> SharedSecret | Failed:
    chosen = group(question.group)
    try:
        if question.private:
            return SharedSecret(b"", chosen.shared(question.private, question.public))
        return SharedSecret(*chosen.respond(random, question.public))
    except InvalidPublicValue as error:
        return Failed(str(error))
