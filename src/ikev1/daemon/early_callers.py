"""Peers that call before their connection, which a client has loaded, is in use.

The client was told that the connection is loaded, so its peer may call at once. A refusal would end the peer's attempt,
and without an answer it would wait for seconds before it repeats its message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ikev1.core.records.path import UdpPath

_MOST = 64  # messages
_LARGEST = 8192  # octets of one

Datagram = tuple[bytes, UdpPath]


class EarlyCallers:
    """First messages from addresses that no connection matches, for which ``is_unknown``: they are held as long as
    ``awaited``, which whoever loads connections may replace, says that loaded ones are not in use yet.
    """

    def __init__(self, is_unknown: Callable[[bytes, UdpPath], bool]) -> None:
        self.awaited: Callable[[], bool] = lambda: False
        self._is_unknown = is_unknown
        self._held: list[Datagram] = []

    def hold(self, datagrams: Iterable[Datagram]) -> Iterable[Datagram]:
        """Hold those of ``datagrams`` that may have a connection later, and return the others."""
        return [each for each in datagrams if not self._holds(*each)] if self.awaited() else datagrams

    def _holds(self, datagram: bytes, path: UdpPath) -> bool:
        if len(self._held) >= _MOST or len(datagram) > _LARGEST or not self._is_unknown(datagram, path):
            return False
        self._held.append((datagram, path))
        return True

    def release(self) -> list[Datagram]:
        """Return what was held, in its order."""
        held, self._held = self._held, []
        return held
