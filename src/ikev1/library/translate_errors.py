"""What a caller asked wrongly, whichever floor noticed it, as `ikev1.LocalError`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ikev1.errors import LocalError, RemoteError


class Misuse(LocalError, ValueError):
    """An argument, or the call at this time, is not possible; the text says what was wrong and what to do."""

    code = "misuse"


@contextmanager
def of_caller(what: str) -> Iterator[None]:
    """Obeying the caller: whatever is wrong with the arguments of ``what`` is raised as `LocalError`."""
    try:
        yield
    except LocalError:
        raise
    except (RemoteError, ValueError, TypeError, struct.error) as error:
        raise Misuse(f"{what}: {error}") from error
