"""The UDP ports of a client: the registered ones if they are free and permitted, others if not."""

from __future__ import annotations

import errno
import random

from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.observe.event_log import EventLog

_REGISTERED = (500, 4500)
_OTHERS = range(20_000, 60_000, 2)  # the first of two
_TRIES = 20
_TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)


def bound(log: EventLog, first: int | None, *, coalesce: bool) -> Endpoint:
    """An endpoint on ``first`` and the port after it, or on ports that it finds; its ports are bound.

    Raises:
        OSError: the ports cannot be bound.
    """
    if first is not None:
        return _bound(log, (first, first + 1), coalesce=coalesce)
    try:
        return _bound(log, _REGISTERED, coalesce=coalesce)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
    for port in random.SystemRandom().sample(_OTHERS, _TRIES - 1):
        try:
            return _bound(log, (port, port + 1), coalesce=coalesce)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
    port = random.SystemRandom().choice(_OTHERS)
    return _bound(log, (port, port + 1), coalesce=coalesce)


def _bound(log: EventLog, ports: tuple[int, int], *, coalesce: bool) -> Endpoint:
    endpoint = Endpoint(log, *ports, coalesce=coalesce)
    endpoint.bind()
    return endpoint
