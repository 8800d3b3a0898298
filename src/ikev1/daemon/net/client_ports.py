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
    others = random.SystemRandom().sample(_OTHERS, _TRIES)
    tried = [(first, first + 1)] if first is not None else [_REGISTERED, *((port, port + 1) for port in others)]
    for ports in tried:
        endpoint = Endpoint(log, *ports, coalesce=coalesce)
        try:
            endpoint.bind()
        except OSError as error:
            if error.errno not in _TAKEN or ports == tried[-1]:
                raise
        else:
            break
    return endpoint
