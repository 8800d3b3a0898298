"""NAT-keepalive packets (RFC 3948 §4), which keep the mapping of a NAT in front of this gateway alive."""

from __future__ import annotations

import math

from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath


class Keepalives:
    """Tracks the paths that need keepalives, and when a packet was last sent on each.

    ``deadline`` is when to call `due` again; packets sent in between only postpone it.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval  # seconds; 0: never
        self.deadline = math.inf
        self._paths: dict[bytes, UdpPath] = {}
        self._last_sent: dict[UdpPath, float] = {}

    @property
    def are_needed(self) -> bool:
        """Whether any path needs keepalives."""
        return bool(self._last_sent)

    def watch(self, sa: IkeSa, now: float) -> None:
        """Update the path of ``sa``; it needs keepalives if this gateway is behind a NAT there."""
        if not self.interval or sa.nat is None or not sa.nat.local_behind:
            return
        if self._paths.get(sa.cookies) != sa.path:
            self.forget(sa)
            self._paths[sa.cookies] = sa.path
            self._last_sent.setdefault(sa.path, now)
            self.deadline = min(self.deadline, now + self.interval)

    def forget(self, sa: IkeSa) -> None:
        """Stop keepalives for ``sa``."""
        path = self._paths.pop(sa.cookies, None)
        if path is not None and path not in self._paths.values():
            del self._last_sent[path]

    def sent(self, path: UdpPath, now: float) -> None:
        """Note that a packet was sent on ``path``, which postpones its keepalive."""
        if path in self._last_sent:
            self._last_sent[path] = now

    def due(self, now: float) -> list[UdpPath]:
        """The paths on which no packet was sent for the whole interval; the caller sends a keepalive on each."""
        silent = [path for path, last in self._last_sent.items() if now - last >= self.interval]
        self._last_sent.update(dict.fromkeys(silent, now))
        self.deadline = min(self._last_sent.values(), default=math.inf) + self.interval
        return silent
