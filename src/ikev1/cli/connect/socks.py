"""``--socks ADDR:PORT``: a proxy instead of routes and addresses of this host, for users without privileges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.socks.orders import Login
from ikev1.daemon.socks.process import SocksProcess, listening

_LOOPBACK = "127.0.0.1"
_FORM = re.compile(r"(?:(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]*)):)?(?P<port>[0-9]{1,5})")


def parse_address(text: str) -> tuple[str, int]:
    """The address and port in ``127.0.0.1:1080``, ``[::1]:1080``, ``:1080`` or ``1080``; by default 127.0.0.1.

    Raises:
        ValueError: the text is not in one of these forms.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or not 0 < int(form["port"]) < 65_536:
        raise ValueError(f"{text!r} is not ADDRESS:PORT, such as 127.0.0.1:1080 or [::1]:1080")
    return str(ip_address(form["six"] or form["four"] or _LOOPBACK)), int(form["port"])


@contextmanager
def proxy(
    address: tuple[str, int], log: EventLog, login: Login | None = None, when_ended: Callable[[], None] = lambda: None
) -> Iterator[SocksProcess]:
    """A running proxy that listens on ``address``: serve the settings of `ikev1.daemon.socks.process.for_proxy` with
    its ``choice`` as data plane and its ``observe`` as observer of events.

    ``login`` is what clients must log in with. ``when_ended`` is called if the proxy ends by itself.

    Raises:
        OSError: it cannot listen on the address, or its process cannot be started.
        PlaneError: user namespaces or TUN devices are not permitted; the text says which, and what to do.
    """
    host, port = address
    running = SocksProcess(listening(host, port), log, login, when_ended)
    running.start()
    try:
        if not ip_address(host).is_loopback and not (login and login.required):
            text = f"everybody who can reach {host} port {port} can use the tunnel: set a user and a password"
            log.write(Level.WARNING, "NET", text)
        log.write(Level.INFO, "NET", f"SOCKS proxy listens on {host} port {port}")
        yield running
    finally:
        running.close()
