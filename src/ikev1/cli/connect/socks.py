"""``--socks ADDR:PORT``: a proxy instead of routes and addresses of this host, for users without privileges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ikev1.cli.connect.secrets import secret_in_file
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.socks.orders import Login

if TYPE_CHECKING:
    from ikev1.daemon.socks.process import SocksProcess

_LONGEST = 255  # octets of a user name or a password (RFC 1929 §2)
_LOOPBACK = "127.0.0.1"
_FORM = re.compile(r"(?:(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]*)):)?(?P<port>[0-9]{1,5})")


class SocksOptions(NamedTuple):
    """Where a proxy listens, and what its clients must log in with."""

    address: tuple[str, int]
    login: Login


def socks_options(text: str | None, login_file: Path | None) -> SocksOptions | None:
    """The options ``--socks`` and ``--socks-login-file``; None without a proxy.

    Raises:
        click.UsageError: they cannot be used.
    """
    if text is None:
        if login_file is not None:
            raise click.UsageError("--socks-login-file needs --socks")
        return None
    try:
        address = parse_address(text)
    except ValueError as error:
        raise click.UsageError(f"--socks: {error}") from error
    return SocksOptions(address, Login() if login_file is None else read_login(login_file))


def read_login(file: Path) -> Login:
    """The user name and the password in the first line of ``file``, which nobody else may be able to read, with a colon
    between them.

    Raises:
        click.UsageError: it cannot be used.
    """
    user, colon, password = secret_in_file(file).partition(b":")
    if not colon or not 0 < len(user) <= _LONGEST or not 0 < len(password) <= _LONGEST:
        text = f"expected USER:PASSWORD, each of 1 to {_LONGEST} octets, in the first line"
        raise click.UsageError(f"{file}: {text}")
    return Login(user, password)


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
    address: tuple[str, int], login: Login, log: EventLog, when_ended: Callable[[], None] = lambda: None
) -> Iterator[SocksProcess]:
    """A running proxy that listens on ``address``: serve the settings of `ikev1.daemon.socks.process.for_proxy` with
    its ``choice`` as data plane and its ``observe`` as observer of events.

    ``when_ended`` is called if the proxy ends by itself.

    Raises:
        OSError: it cannot listen on the address, or its process cannot be started.
        PlaneError: user namespaces or TUN devices are not permitted; the text says which, and what to do.
    """
    from ikev1.daemon.socks.process import SocksProcess, listening  # not above, because NumPy starts threads

    host, port = address
    running = SocksProcess(listening(host, port), login, log, when_ended)
    running.start()
    try:
        if not ip_address(host).is_loopback and not login.required:
            text = (
                f"everybody who can reach {host} port {port} can use the tunnel: require a log-in (--socks-login-file)"
            )
            log.write(Level.WARNING, "NET", text)
        log.write(Level.INFO, "NET", f"SOCKS proxy listens on {host} port {port}")
        yield running
    finally:
        running.close()
