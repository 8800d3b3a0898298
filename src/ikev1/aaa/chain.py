"""Several backends, asked in order."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.aaa.backend import Backend
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Challenged, Rejected, Unavailable, Verdict, XauthAttempt


async def check_in_order(backends: Sequence[Backend], attempt: XauthAttempt) -> Verdict:
    """Ask ``backends`` in order until one accepts or challenges the user.

    The answer to a challenge is passed only to the backend that sent the challenge. If no backend accepts the user, the
    verdict is `Unavailable` only if none could check the attempt, else `Rejected`.
    """
    if attempt.state:
        return await _answered(backends, attempt)
    verdict: Verdict = Unavailable("no backend is configured")
    for number, backend in enumerate(backends):
        found = await backend.check(attempt)
        if isinstance(found, Accepted):
            return found
        if isinstance(found, Challenged):
            return _marked(found, number)
        if isinstance(found, Rejected) or not isinstance(verdict, Rejected):
            verdict = found
    return verdict


async def _answered(backends: Sequence[Backend], attempt: XauthAttempt) -> Verdict:
    number = attempt.state[0]
    if number >= len(backends):
        return Rejected("the answer is to a challenge of a backend that was removed")
    original: XauthAttempt = replace(attempt, state=attempt.state[1:])
    found = await backends[number].check(original)
    return _marked(found, number) if isinstance(found, Challenged) else found


def _marked(challenged: Challenged, number: int) -> Challenged:
    marked: Challenged = replace(challenged, state=bytes((number,)) + challenged.state)
    return marked
