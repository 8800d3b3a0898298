"""Questions to the user of this process: what a gateway asks in XAUTH and the configuration does not have."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from ikev1.core.records.actions import AskUser
from ikev1.core.records.answers import UserInput
from ikev1.core.records.events import Event, IkeDown
from ikev1.core.records.remote_access import XauthQuestions
from ikev1.daemon.observe.event_log import EventLog

Prompter = Callable[[XauthQuestions], dict[int, bytes] | None]
"""Asks the user, and may block: it is called in a thread. The values by the types of the requested attributes, None if
the user gave up.
"""


class UserPrompts:
    """Asks by ``prompter``, one question at a time, and calls ``answer`` in the event loop with what the user entered.

    The answer to a question whose ISAKMP SA has ended meanwhile is dropped.
    """

    def __init__(self, prompter: Prompter, answer: Callable[[int, UserInput], None], log: EventLog) -> None:
        self._prompter = prompter
        self._answer = answer
        self._log = log
        self._turn = threading.Lock()
        self._asked: dict[int, int] = {}  # by request: the number of the ISAKMP SA

    def ask(self, question: AskUser) -> None:
        """Begin to ask, in the running event loop. ``answer`` is never called before this call returns."""
        self._asked[question.request] = question.sa.unique_id
        loop = asyncio.get_running_loop()
        # a daemon thread: a process that ends does not wait for somebody who types
        threading.Thread(target=self._ask, args=(question, loop), daemon=True).start()

    def _ask(self, question: AskUser, loop: asyncio.AbstractEventLoop) -> None:
        values = None
        with self._turn:
            if question.request in self._asked:
                try:
                    values = self._prompter(question.questions)
                except Exception as error:
                    bug = error
                    loop.call_soon_threadsafe(self._log.bug, "the prompt for the user", bug)
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._answered, question.request, values)

    def _answered(self, request: int, values: dict[int, bytes] | None) -> None:
        if self._asked.pop(request, None) is not None:
            self._answer(request, UserInput(values))

    def observe(self, event: Event) -> None:
        """Drop the questions for an ISAKMP SA that has ended."""
        if isinstance(event, IkeDown):
            for request in [asked for asked, number in self._asked.items() if number == event.sa.unique_id]:
                del self._asked[request]
