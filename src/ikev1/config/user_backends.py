"""Reads and checks the backends that check users: the tables ``[users]``, ``[pam]``, ``[radius]`` and ``[command]``."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path

from ikev1.aaa.options import (
    BACKENDS,
    BackendOptions,
    CommandOptions,
    MessageAuthenticator,
    PamOptions,
    RadiusMethod,
    RadiusOptions,
    RadiusServer,
    UsersOptions,
)
from ikev1.config.findings import Findings, Rule
from ikev1.config.programs import program
from ikev1.config.secrets import Secrets
from ikev1.config.table import Table
from ikev1.config.values import address, boolean, duration_or_never, file_path, integer, member, number, port, text
from ikev1.core.records.settings import Connection
from ikev1.files.private import read_private

_PACKAGES = {"users": "argon2", "pam": "pamela", "radius": "pyrad"}  # of the extra `gateway`
_SHORTEST_SECRET = 16  # octets of a shared secret of RADIUS


def read_backends(top: Table, secrets: Secrets, folder: Path) -> BackendOptions:
    """The tables of all backends; errors are reported."""
    users, pam, radius, command = map(top.table, BACKENDS)
    return BackendOptions(
        users=_read_users(users, secrets, folder) if "users" in top else None,
        pam=_read_pam(pam) if "pam" in top else None,
        radius=_read_radius(radius, secrets) if "radius" in top else None,
        command=_read_command(command, folder) if "command" in top else None,
    )


def check_backends(connections: tuple[Connection, ...], backends: BackendOptions, findings: Findings) -> None:
    """Report backends that are missing, cannot be loaded, or are not used by a connection."""
    for name in sorted(backends.configured & _PACKAGES.keys()):
        if not _is_installed(_PACKAGES[name]):
            problem = f"needs the package {_PACKAGES[name]}, which is not installed: pip install 'ikev1[gateway]'"
            findings.error(name, Rule.MISSING_PACKAGE, problem)
    used: set[str] = set()
    for connection in connections:
        if connection.groups and not connection.xauth_backend:
            findings.error(
                f"connection.{connection.name}.groups", Rule.UNUSED_KEY, "has no effect without xauth_backend"
            )
        used |= set(connection.xauth_backend)
        for name in dict.fromkeys(connection.xauth_backend):
            if name not in backends.configured:
                findings.error(
                    f"connection.{connection.name}.xauth_backend",
                    Rule.NO_BACKEND,
                    f"{name!r} is not configured: add the table [{name}]",
                )
    for name in sorted(backends.configured - used):
        findings.warn(name, Rule.UNUSED_BACKEND, "no connection has this backend in xauth_backend")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # an earlier import of it failed
        return False


def _read_users(table: Table, secrets: Secrets, folder: Path) -> UsersOptions | None:
    if "secrets" in table:
        passwords = table.table("secrets")
        users = tuple((user, passwords.take(user, secrets.inline, b"")) for user in passwords.names())
        if "file" in table:
            table.findings.error(table.path, Rule.TWO_SECRETS, "has both file and secrets: remove one of them")
        table.take("file", text, "")
        table.finish()
        return UsersOptions(secrets=users)
    file = table.require("file", file_path(folder), "the file of users, which `ikev1 user` changes")
    table.take("secrets", text, "")
    if file is not None:
        try:
            read_private(Path(file))
        except OSError as error:
            problem = f"{file}: {error.strerror}: nobody can log in; `ikev1 user add` creates the file"
            table.findings.warn(table.key("file"), Rule.UNREADABLE_FILE, problem)
    table.finish()
    return None if file is None else UsersOptions(file)


def _read_pam(table: Table) -> PamOptions:
    default = PamOptions()
    options = PamOptions(
        table.take("service", _service, default.service), table.take("timeout", number(1, 300), default.timeout)
    )
    table.finish()
    return options


def _read_command(table: Table, folder: Path) -> CommandOptions | None:
    run = table.require("run", program(folder), "the program that checks users, and its arguments")
    seconds = table.take("timeout", number(1, 300), 10.0)
    table.finish()
    return None if run is None else CommandOptions(run, seconds)


def _read_radius(table: Table, secrets: Secrets) -> RadiusOptions:
    common = secrets.take(table, "secret")
    servers = [_read_server(server, common, secrets) for _, server in table.tables("server")]
    if not servers:
        table.findings.error(table.path, Rule.MISSING_KEY, "missing: a server, in [radius.server.NAME]")
    default = RadiusOptions((), "")
    options = RadiusOptions(
        tuple(servers),
        table.take("nas_identifier", _nas_identifier, socket.gethostname()),
        table.take("method", member(RadiusMethod), default.method),
        table.take("message_authenticator", member(MessageAuthenticator), default.message_authenticator),
        table.take("class_group", boolean, default.class_group),
        table.take("filter_id", boolean, default.filter_id),
        table.take("accounting", boolean, default.accounting),
        int(table.take("accounting_interval", _interval, default.accounting_interval)),
        table.take("retransmit_tries", integer(0, 20), default.retransmit_tries),
        table.take("retransmit_timeout", number(0.1, 60), default.retransmit_timeout),
        table.take("retransmit_base", number(1, 10), default.retransmit_base),
        float(table.take("dead_time", duration_or_never, default.dead_time)),
    )
    if options.method is RadiusMethod.PAP and options.message_authenticator is MessageAuthenticator.AUTO:
        text = "anyone on the path to a server that sends no Message-Authenticator can log in without a password"
        table.findings.warn(table.key("message_authenticator"), Rule.FORGED_REPLIES, f"{text} (CVE-2024-3596)")
    if options.accounting_interval and not options.accounting:
        table.findings.error(table.key("accounting_interval"), Rule.UNUSED_KEY, "has no effect without accounting")
    table.finish()
    return options


def _read_server(table: Table, common: bytes, secrets: Secrets) -> RadiusServer:
    secret = secrets.take(table, "secret") or common
    if not secret and not any(table.findings.is_wrong(table.key(key)) for key in ("secret", "secret_file")):
        table.findings.error(
            table.path, Rule.NO_CREDENTIAL, "requires a shared secret in secret or secret_file, here or in [radius]"
        )
    if 0 < len(secret) < _SHORTEST_SECRET:
        table.findings.warn(
            table.path,
            Rule.SHORT_SECRET,
            f"the shared secret has {len(secret)} octets: anyone who sees a request can guess a short one "
            f"(RFC 2865 §3); use at least {_SHORTEST_SECRET} random ones",
        )
    server = RadiusServer(
        table.require("address", address, "the address of the server") or "",
        secret,
        table.take("auth_port", port, 1812),
        table.take("acct_port", port, 1813),
    )
    table.finish()
    return server


def _service(value: object) -> str:
    service = text(value)
    if "/" in service or service.startswith("."):
        raise ValueError(f"{value!r} is not the name of a file in /etc/pam.d")
    return service


def _nas_identifier(value: object) -> str:
    identifier = text(value)
    if len(identifier.encode()) > 253:
        raise ValueError("is longer than 253 octets")
    return identifier


def _interval(value: object) -> float:
    seconds = duration_or_never(value)
    if 0 < seconds < 60:
        raise ValueError(f"{value!r} is not allowed: expected 0, or at least 60 s (RFC 2869 §2.1)")
    return seconds
