"""A traffic selector in the words of charon, which has the names of services instead of the numbers of ports."""

from __future__ import annotations

from functools import lru_cache
from socket import getservbyport

from ikev1.core.records.selector import Selector


def selector_text(selector: Selector) -> str:
    """``selector`` with the name of its port, as in ``10.1.0.0/16[tcp/ssh]``, if this host knows one."""
    text = str(selector)
    before, slash, port = text.removesuffix("]").rpartition("/")
    if not selector.port or not slash:
        return text
    return f"{before}/{_service(selector.port, before.rpartition('[')[2]) or port}]"


@lru_cache(maxsize=256)
def _service(port: int, protocol: str) -> str:
    try:
        return getservbyport(port, protocol)
    except OSError:  # none, or the protocol has no services
        return ""
