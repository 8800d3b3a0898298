"""NAT-keepalive packets (RFC 3948 §4): they keep the NAT's mapping alive when we are behind it and silent."""

from __future__ import annotations

import math

from ikev1.core.records.model import IkeSa, UdpPath


class Keepalives:
    """Knows which paths need keepalives, and when something was last sent on each.

    ``deadline`` is when to ask `due` again, in seconds since the epoch; what is sent in between only postpones it.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval  # seconds; 0: never
        self.deadline = math.inf
        self._paths: dict[bytes, UdpPath] = {}
        self._last_sent: dict[UdpPath, float] = {}

    def watch(self, sa: IkeSa, now: float) -> None:
        """Take note of where ``sa`` is now, and whether we are behind a NAT there."""
        if not self.interval or sa.nat is None or not sa.nat.local_behind:
            return
        if self._paths.get(sa.cookies) != sa.path:
            self.forget(sa)
            self._paths[sa.cookies] = sa.path
            self._last_sent.setdefault(sa.path, now)
            self.deadline = min(self.deadline, now + self.interval)

    def forget(self, sa: IkeSa) -> None:
        """No keepalives on account of ``sa`` any more."""
        path = self._paths.pop(sa.cookies, None)
        if path is not None and path not in self._paths.values():
            del self._last_sent[path]

    def sent(self, path: UdpPath, now: float) -> None:
        """Something left on ``path``, so a keepalive can wait."""
        if path in self._last_sent:
            self._last_sent[path] = now

    def due(self, now: float) -> list[UdpPath]:
        """The paths on which nothing was sent for the whole interval; they count as sent on from now on."""
        silent = [path for path, last in self._last_sent.items() if now - last >= self.interval]
        self._last_sent.update(dict.fromkeys(silent, now))
        self.deadline = min(self._last_sent.values(), default=math.inf) + self.interval
        return silent
