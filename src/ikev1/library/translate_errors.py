"""From the errors of the lower floors to `ikev1.errors`: the only place that knows both."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ikev1.core.engine import UnknownName
from ikev1.core.records.refusal import Refusal
from ikev1.crypto.errors import CryptoError
from ikev1.errors import LocalError, RemoteError
from ikev1.wire.errors import WireError


@contextmanager
def of_peer() -> Iterator[None]:
    """Reading octets of a peer: what is wrong with them is raised as `RemoteError`."""
    try:
        yield
    except WireError as error:
        raise RemoteError(str(error), notify=error.notify, payload=error.payload, offset=error.offset) from error
    except CryptoError as error:
        raise RemoteError(str(error), notify=error.notify) from error


@contextmanager
def of_caller(what: str) -> Iterator[None]:
    """Obeying the caller: what is wrong with the arguments of ``what`` is raised as `LocalError`."""
    try:
        yield
    except (UnknownName, Refusal, CryptoError, ValueError, TypeError, struct.error) as error:
        raise LocalError(f"{what}: {error}") from error
