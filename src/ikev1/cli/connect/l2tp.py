"""``--l2tp``: transport mode for L2TP, and a PPP link of the system's xl2tpd and pppd in it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Network
from typing import Any, NamedTuple

import click

from ikev1.cli.connect.configuration import ConnectOptions
from ikev1.config.formats.cisco_client.tables import EVERYTHING
from ikev1.daemon.l2tp.files import LONGEST
from ikev1.daemon.l2tp.link import L2tpLink, LinkOptions
from ikev1.daemon.l2tp.port import reserved
from ikev1.daemon.l2tp.private_folder import private_folder
from ikev1.daemon.l2tp.requirements import L2tpMissing, Programs, programs
from ikev1.daemon.observe.event_log import EventLog
from ikev1.errors import LocalError

MISSING_STATUS = 7
"""The exit status where this host lacks what L2TP requires."""
_CONTRADICTIONS = ("vpnc_conf", "group", "hybrid", "socks", "script", "local_lan")


class L2tp(NamedTuple):
    """A reserved UDP port, the programs, and what the command line says about the link."""

    port: socket.socket
    programs: Programs
    user: bytes
    networks: tuple[IPv4Network, ...]
    allow_weak: bool
    install_dns: bool

    def configured(self, options: ConnectOptions) -> ConnectOptions:
        """The options of the connection that protects the link."""
        return options._replace(l2tp_port=self.port.getsockname()[1], allow_weak=self.allow_weak)

    @contextmanager
    def link(self, password: bytes, log: EventLog) -> Iterator[L2tpLink]:
        """A link to be started once, with its files in a private folder.

        Raises:
            OSError: the folder cannot be created.
        """
        with private_folder() as folder:
            options = LinkOptions(
                self.programs,
                self.user,
                password,
                folder,
                self.port,
                self.networks,
                allow_weak=self.allow_weak,
                install_dns=self.install_dns,
            )
            yield L2tpLink(options, log)


class CannotDoL2tp(LocalError, click.ClickException):
    """This host lacks what L2TP requires; the text says what to install or to do."""

    code = "ppp-missing"
    exit_code = MISSING_STATUS


def l2tp_of(given: Mapping[str, Any]) -> L2tp:
    """What ``--l2tp`` requires, with all options of the command line by name.

    Raises:
        click.UsageError: an option that L2TP does not have.
        CannotDoL2tp: this host lacks a program, or PPP in the kernel.
        OSError: no UDP port can be bound.
    """
    for name in _CONTRADICTIONS:
        if given.get(name):
            raise click.UsageError(f"--{name.replace('_', '-')} and --l2tp exclude each other")
    if not given["user"]:
        raise click.UsageError("--l2tp needs --user, the user of PPP")
    user = f"{given['domain']}\\{given['user']}" if given["domain"] else given["user"]
    if len(user.encode()) > LONGEST:
        raise click.UsageError(f"--user: pppd accepts at most {LONGEST} octets")
    try:
        networks = tuple(IPv4Network(network) for network in given["network"] or (EVERYTHING,))
    except ValueError as error:
        raise click.UsageError(f"--network: {error}") from error
    try:
        found = programs()
    except L2tpMissing as error:
        raise CannotDoL2tp(f"Cannot connect: {error}.") from error
    return L2tp(reserved(), found, user.encode(), networks, given["allow_weak"], not given.get("no_dns"))


def checked_password(password: bytes) -> bytes:
    """A password that pppd accepts.

    Raises:
        click.UsageError: it is too long, or has an octet of 0.
    """
    if len(password) > LONGEST or b"\0" in password:
        raise click.UsageError(f"the password: pppd accepts at most {LONGEST} octets, and no octet of 0")
    return password
