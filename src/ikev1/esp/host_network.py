"""The network of this namespace as a data plane follows it: its addresses, and that something has changed."""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import ip_address

from ikev1.esp.addresses import Addresses
from ikev1.esp.network_news import NetworkNews
from ikev1.esp.plane import PlaneError


class HostNetwork:
    """The addresses and the notifications of the kernel; ``table`` and ``port`` are those of `NetworkNews`.

    Raises:
        OSError: the sockets cannot be opened.
    """

    def __init__(self, table: int, port: int) -> None:
        with ExitStack() as opened:
            self._addresses = Addresses()
            opened.callback(self._addresses.close)
            self._news = NetworkNews(table, port)
            opened.callback(self._news.close)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Close the sockets."""
        self._opened.close()

    def addresses(self) -> frozenset[str]:
        """The addresses of this host from which packets can be sent, in text and without scope.

        Raises:
            PlaneError: the kernel refused.
        """
        try:
            return frozenset(str(ip_address(address.packed)) for address in self._addresses.all())
        except OSError as error:
            raise PlaneError(f"the kernel does not tell the addresses of this host: {error}") from error

    def universal(self, family: int) -> tuple[bytes, ...]:
        """As `Addresses.universal`."""
        return self._addresses.universal(family)

    def changed(self) -> bool:
        """Read the notifications of the kernel. Returns whether something of the network may have changed.

        Raises:
            PlaneError: they cannot be read.
        """
        try:
            return self._news.read()
        except OSError as error:
            raise PlaneError(f"changes of the network are not noticed any more: {error}") from error

    def fileno(self) -> int:
        """The file descriptor that becomes readable before `changed`."""
        return self._news.fileno()
