"""Several backends, asked in order."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.aaa.backend import Backend
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Challenged, Rejected, Unavailable, Verdict, XauthAttempt

_END = b"\0"  # of the backend's name in a state


async def check_in_order(backends: Sequence[Backend], attempt: XauthAttempt) -> Verdict:
    """Ask ``backends`` in order until one accepts or challenges the user.

    The answer to a challenge is passed only to the backend that sent the challenge. If no backend accepts the user, the
    verdict is `Unavailable` only if none could check the attempt, else `Rejected`.
    """
    if attempt.state:
        return await _answered(backends, attempt)
    verdict: Verdict = Unavailable("no backend is configured")
    for backend in backends:
        found = await backend.check(attempt)
        if isinstance(found, Accepted):
            return found
        if isinstance(found, Challenged):
            return _marked(found, backend)
        if isinstance(found, Rejected) or not isinstance(verdict, Rejected):
            verdict = found
    return verdict


async def _answered(backends: Sequence[Backend], attempt: XauthAttempt) -> Verdict:
    name, _, own = attempt.state.partition(_END)
    # by name: a reload between the challenge and the answer may have changed which backends there are
    backend = next((each for each in backends if each.name.encode() == name), None)
    if backend is None:
        return Rejected("the answer is to a challenge of a backend that was removed")
    original: XauthAttempt = replace(attempt, state=own)
    found = await backend.check(original)
    return _marked(found, backend) if isinstance(found, Challenged) else found


def _marked(challenged: Challenged, backend: Backend) -> Challenged:
    marked: Challenged = replace(challenged, state=backend.name.encode() + _END + challenged.state)
    return marked
