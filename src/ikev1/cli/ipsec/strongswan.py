"""strongSwan's command `ipsec`. Its exit statuses tell little: that of `up` is 0 even if nothing came up."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
from vici import Session

from ikev1.cli.control import Section, daemon, decoded, get_pools, list_connections, list_sas
from ikev1.cli.ipsec import strongswan_text as text
from ikev1.cli.ipsec.options import WrongUsage, parse
from ikev1.cli.ipsec.service import Service
from ikev1.cli.ipsec.state import State
from ikev1.cli.ipsec.version import own_version
from ikev1.cli.updown import targets

_FAILED, _USAGE, _STOPPED, _NOT_RUNNING = 1, 2, 3, 7
_VERSION = "5.9.8"  # the one whose command this is
_REREAD = [f"reread{what}" for what in ("secrets", "all", "cacerts", "aacerts", "acerts", "ocspcerts", "crls")]
_CERTIFICATES = [
    f"list{what}"
    for what in ("pubkeys", "certs", "cacerts", "aacerts", "acerts", "groups", "ocspcerts", "cainfos", "crls", "ocsp")
]
_PURGE = ("purgecerts", "purgecrls", "purgeocsp")
_OPTIONS = dict.fromkeys(("nofork", "debug", "debug-more", "debug-all", "nolog"), False)
_OPTIONS |= dict.fromkeys(("conf", "daemon", "auto-update"), True)
_ONE = re.compile(r"(?P<name>[^\[{]*)(?:\[(?P<ike>\d+|\*)\]|\{(?P<child>\d+|\*)\})?")
_HELP = f"""ipsec command [arguments]

Commands:
\tstart|restart [--conf file] [--nofork]
\tupdate|reload|stop
\tup|down|route|unroute <connectionname>
\tdown-srcip <start> [<end>]
\tstatus|statusall [<connectionname>]
\t{"|".join(("listalgs", "listall", "listcounters", *_CERTIFICATES))}
\tresetcounters [name]
\tleases [<poolname> [<address>]]
\t{"|".join(_REREAD)}
\t{"|".join((*_PURGE, "purgeike"))}
\tversion

This is the command of ikev1: see `ikev1 --help` for its own.
"""


class _Call(NamedTuple):
    """What a command is called with."""

    words: list[str]
    service: Service
    home: Path


_Command = Callable[[_Call], int]


def run(words: list[str], service: Service, home: Path) -> int:
    """Do what ``words`` say; ``home`` is the folder of ipsec.conf. Returns the exit status."""
    command, *arguments = words or [""]
    found = _COMMANDS.get(command)
    if found is None:
        kind = "option" if command.startswith("--") else "command"
        click.echo(f"ipsec: unknown {kind} `{command}' (`ipsec --help' for list)", err=True)
        return _USAGE
    return found(_Call(arguments, service, home))


def _printing(made: Callable[[_Call], str]) -> _Command:
    def show(call: _Call) -> int:
        click.echo(made(call))
        return 0

    return show


def _version(_: _Call) -> str:
    system = os.uname()
    return f"{system.sysname} strongSwan U{_VERSION}/K{system.release}\nikev1 {own_version()}, in place of strongSwan"


def _connected(command: Callable[[_Call, Session], int]) -> _Command:
    """``command`` with a session; without a gateway, the status says so."""

    def connect(call: _Call) -> int:
        if not call.service.answers:
            return _NOT_RUNNING
        with daemon(call.service.control) as session:
            return command(call, session)

    return connect


def _with_name(name: str, command: Callable[[_Call, Session], int]) -> _Command:
    connected = _connected(command)

    def check(call: _Call) -> int:
        if len(call.words) != 1:
            click.echo(f"Usage: ipsec {name} <connection name>")
            return _USAGE
        return connected(call)

    return check


def _start(call: _Call) -> int:
    try:
        options = parse(call.words, _OPTIONS).values
    except WrongUsage as error:
        click.echo(f"ipsec start: {error}", err=True)
        return _FAILED
    service = call.service
    if service.answers:
        if service.state is None:
            click.echo(f"A gateway that `ipsec` did not start answers at {service.control}: stop it first.", err=True)
            return _FAILED
        click.echo("charon is already running -- skipping daemon start", err=True)
        return 0
    config = Path(options.get("conf", call.home / "ipsec.conf")).absolute()
    state = State("stroke", str(config), str(call.home))
    if "nofork" in options:
        service.serve(state)
        return 0
    click.echo(f"Starting strongSwan {_VERSION} IPsec [ikev1]...", err=True)
    service.start(state)
    return 0


def _stop(call: _Call) -> int:
    if call.service.pid:
        click.echo("Stopping strongSwan IPsec...", err=True)
        call.service.stop()
        return 0
    if call.service.answers:
        click.echo(f"The gateway at {call.service.control} was not started by `ipsec start`.", err=True)
        return _FAILED
    click.echo("Stopping strongSwan IPsec failed: starter is not running", err=True)
    return 0


def _restart(call: _Call) -> int:
    return _stop(call) or _start(call)


def _reload(call: _Call) -> int:
    if not call.service.answers:
        click.echo("Reloading strongSwan IPsec failed: starter is not running", err=True)
        return _NOT_RUNNING
    with daemon(call.service.control) as session:
        session.request("reload-settings", {})
    return 0


def _status(call: _Call, *, everything: bool) -> int:
    if not call.service.answers:
        return _STOPPED
    with daemon(call.service.control) as session:
        click.echo(text.status(session, call.words[0] if call.words else None, everything=everything))
    return 0


def _wanted(session: Session, name: str) -> list[Section]:
    try:
        return targets(name, list_connections(session))
    except click.ClickException:
        click.echo(f"no config named '{name}'")
        return []


def _up(call: _Call, session: Session) -> int:
    (name,) = call.words
    for target in _wanted(session, name):
        try:
            with daemon(call.service.control) as other:
                _print(other.initiate(target))
        except click.ClickException as error:
            click.echo(f"{error.message}\nestablishing connection '{name}' failed")
        else:
            click.echo(f"connection '{name}' established successfully")
    return 0


def _down(call: _Call, session: Session) -> int:
    found = _ONE.fullmatch(call.words[0])
    if found is None:
        click.echo(f"Usage: ipsec down <connection name>, not {call.words[0]!r}")
        return _USAGE
    name, ike, child = found["name"], found["ike"], found["child"]
    of_connection = any(connection == name for connection, _ in list_sas(session))
    if ike not in (None, "*"):
        what, kind = {"ike-id": ike}, f"IKE_SA [{ike}]"
    elif child not in (None, "*"):
        what, kind = {"child-id": child}, f"CHILD_SA {{{child}}}"
    elif child == "*" or not of_connection:
        what, kind = {"child": name}, f"CHILD_SA {name}"
    else:
        what, kind = {"ike": name}, f"IKE_SA {name}"
    return _terminated(call, what, kind)


def _terminated(call: _Call, what: Section, kind: str) -> int:
    try:
        with daemon(call.service.control) as session:
            _print(session.terminate(what))
    except click.ClickException as error:
        click.echo(f"{error.message}\nclosing {kind} failed")
    else:
        click.echo(f"{kind} closed successfully")
    return 0


def _down_addresses(call: _Call, session: Session) -> int:
    if not 1 <= len(call.words) <= 2:
        click.echo("Usage: ipsec down-srcip <start> [<end>]")
        return _USAGE
    try:
        between = text.addresses_between(*call.words)
    except ValueError as error:
        click.echo(f"ipsec down-srcip: {error}", err=True)
        return _USAGE
    for _, sa in list_sas(session):
        if any(between(address) for address in sa.get("remote-vips", ())):
            _terminated(call, {"ike-id": sa["uniqueid"]}, f"IKE_SA [{sa['uniqueid']}]")
    return 0


def _trap(command: str, said: str) -> Callable[[_Call, Session], int]:
    def change(call: _Call, session: Session) -> int:
        (name,) = call.words
        for target in _wanted(session, name):
            try:
                with daemon(call.service.control) as other:
                    other.request(command, target)
            except click.ClickException as error:
                click.echo(error.message)
            else:
                click.echo(said.format(name=target["child"]))
        return 0

    return change


def _reread(_: _Call, session: Session) -> int:
    session.request("reload-settings", {})
    return 0


def _purge_ike(call: _Call, session: Session) -> int:
    for _, sa in list_sas(session):
        if not sa["child-sas"] and sa["state"] == "ESTABLISHED":
            _terminated(call, {"ike-id": sa["uniqueid"]}, f"IKE_SA [{sa['uniqueid']}]")
    return 0


def _purge(_: _Call, session: Session) -> int:
    session.request("flush-certs", {})
    return 0


def _not_listed(call: _Call, _: Session) -> int:
    click.echo("certificates, keys and plugins are not listed: `ikev1 check` reads them", err=True)
    return 0


def _algorithms(_: _Call, session: Session) -> int:
    click.echo(text.algorithms(decoded(session.request("get-algorithms", {}))))
    return 0


def _counters(call: _Call, session: Session) -> int:
    wanted = {"name": call.words[0]} if call.words else {}
    click.echo(text.counters(decoded(session.request("get-counters", wanted))["counters"]))
    return 0


def _reset_counters(call: _Call, session: Session) -> int:
    session.request("reset-counters", {"name": call.words[0]} if call.words else {})
    return 0


def _leases(call: _Call, session: Session) -> int:
    click.echo(text.leases(get_pools(session, leases=True), *call.words[:2]))
    return 0


def _list_all(call: _Call, session: Session) -> int:
    return _algorithms(call, session) or _not_listed(call, session)


def _print(lines: object) -> None:
    """Print the log of a command as it comes."""
    for line in lines:  # type: ignore[attr-defined]  # the package vici has no types
        click.echo(decoded(line).get("msg", ""))
        sys.stdout.flush()


_COMMANDS: dict[str, _Command] = {
    "": _printing(lambda _: _HELP.partition("\n")[0] + "\n\nUse --help for a list of commands."),
    "--help": _printing(lambda _: _HELP),
    "version": _printing(_version),
    "--version": _printing(_version),
    "--versioncode": _printing(lambda _: f"U{_VERSION}/K{os.uname().release}"),
    "--directory": _printing(lambda _: "/usr/lib/ipsec"),
    "--confdir": _printing(lambda call: str(call.home)),
    "--piddir": _printing(lambda call: str(call.service.file.parent)),
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "reload": _reload,
    "update": _reload,
    "status": lambda call: _status(call, everything=False),
    "statusall": lambda call: _status(call, everything=True),
    "up": _with_name("up", _up),
    "down": _with_name("down", _down),
    "down-srcip": _connected(_down_addresses),
    "route": _with_name("route", _trap("install", "'{name}' routed")),
    "unroute": _with_name("unroute", _trap("uninstall", "trap policy '{name}' unrouted")),
    "listalgs": _connected(_algorithms),
    "listall": _connected(_list_all),
    "listcounters": _connected(_counters),
    "resetcounters": _connected(_reset_counters),
    "leases": _connected(_leases),
    "purgeike": _connected(_purge_ike),
    **dict.fromkeys((*_REREAD, "secrets"), _connected(_reread)),
    **dict.fromkeys((*_CERTIFICATES, "listplugins"), _connected(_not_listed)),
    **dict.fromkeys(_PURGE, _connected(_purge)),
}
