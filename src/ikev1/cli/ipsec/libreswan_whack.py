"""libreswan's `ipsec whack`; its exit statuses are the numbers before what it prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from vici import Session

from ikev1.cli.control import Section, daemon, decoded, list_connections
from ikev1.cli.ipsec import libreswan_text as text
from ikev1.cli.ipsec.options import WrongUsage, parse
from ikev1.cli.ipsec.service import Service
from ikev1.cli.ipsec.state import changed
from ikev1.cli.updown import targets

_UNKNOWN, _NO_CONN, _NO_ANSWER, _PROBLEM = 21, 25, 31, 33
_WITH_NAME = ("initiate", "terminate", "delete", "route", "unroute")
_SHOWN = {
    "status": text.status,
    "globalstatus": text.brief,
    "briefstatus": text.brief,
    "showstates": text.states,
    "trafficstatus": text.traffic,
    "shuntstatus": text.shunts,
}
_REREAD = ("rereadsecrets", "rereadcerts", "rereadall", "fetchcrls")
_NOT_LISTED = ("listall", "listcerts", "listcacerts", "listcrls", "listpubkeys", "checkpubkeys", "purgeocsp")
_COMMANDS = (*_WITH_NAME, *_SHOWN, *_REREAD, *_NOT_LISTED, "listen", "unlisten", "shutdown", "deletestate")
_OPTIONS = {"name": True, "ctlsocket": True, "rundir": True, "deletestate": True, "asynchronous": False, "utc": False}


def run(words: list[str], service: Service, home: Path) -> int:
    """Do what ``words`` say. Returns the exit status."""
    del home  # as other commands have it
    try:
        values, rest = parse(words, {**dict.fromkeys(_COMMANDS, False), **_OPTIONS})
    except WrongUsage as error:
        return _wrong(str(error))
    commands = [name for name in values if name in _COMMANDS]
    if rest or len(commands) != 1:
        return _wrong(f"expected one of {', '.join(f'--{name}' for name in _COMMANDS)}")
    (command,) = commands
    if command in _WITH_NAME and not values.get("name"):
        return _wrong(f"--{command} needs --name")
    if not service.answers:
        return not_running(service)
    if command in _WITH_NAME:
        return _BY_NAME[command](service, values["name"], "asynchronous" not in values)
    if command in _SHOWN:
        with daemon(service.control) as session:
            _echo(_SHOWN[command](session))
        return 0
    return _of_daemon(command, service, values)


def _of_daemon(command: str, service: Service, values: dict[str, str]) -> int:
    if command == "shutdown":
        if service.stop():
            click.echo("002 shutting down")
            return 0
        return _wrong(f"the gateway at {service.control} was not started by `ipsec start`")
    if command == "unlisten":
        return _wrong("--unlisten is not supported: stop the gateway")
    if command in _NOT_LISTED:
        click.echo("000 certificates and keys are not listed: `ikev1 check` reads them", err=True)
        return 0
    with daemon(service.control) as session:
        if command == "deletestate":
            _echo(f"002 {line}" for line in _lines(session.terminate({"ike-id": values["deletestate"]})))
        elif command == "listen":
            click.echo("002 listening for IKE messages")
        else:
            session.request("reload-settings", {})
            click.echo("002 loading secrets")
    return 0


def not_running(service: Service) -> int:
    """Say that nothing was started by `ipsec` here, or nothing at all."""
    if service.answers:
        return _wrong(f"the gateway at {service.control} was not started by `ipsec start`")
    return _wrong(f'Pluto is not running (no "{service.control}")')


def _wrong(problem: str) -> int:
    click.echo(f"whack: {problem}", err=True)
    return _PROBLEM


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _lines(events: Iterable[Section]) -> Iterable[str]:
    return (decoded(event).get("msg", "") for event in events)


def _wanted(session: Session, name: str) -> list[Section]:
    try:
        return targets(name, list_connections(session))
    except click.ClickException:
        return []


def _initiate(service: Service, name: str, wait: bool) -> int:
    with daemon(service.control) as session:
        wanted = _wanted(session, name)
    if not wanted:
        click.echo(f"000 initiating all conns with alias='{name}'\n021 no connection named \"{name}\"")
        return _UNKNOWN
    status = 0
    for target in wanted:
        try:
            with daemon(service.control) as session:
                _echo(
                    f'002 "{name}": {line}'
                    for line in _lines(session.initiate({**target, **({} if wait else {"timeout": "-1"})}))
                )
        except click.ClickException as error:
            click.echo(f'0{_NO_ANSWER} "{name}": {error.message}')
            status = _NO_ANSWER
        else:
            click.echo(f'004 "{name}": IPsec SA established' if wait else f'002 "{name}": initiating')
    return status


def _terminate(service: Service, name: str, _: bool) -> int:
    with daemon(service.control) as session:
        wanted = _wanted(session, name)
        for target in wanted:
            click.echo(f'002 "{name}": terminating SAs using this connection')
            _end(service, target)
    return 0


def _end(service: Service, target: Section) -> None:
    """Close the SAs of a conn; there may be none."""
    whole = {"ike": target["ike"]}
    try:
        with daemon(service.control) as session:
            _echo(f'002 "{target["ike"]}": {line}' for line in _lines(session.terminate(whole)))
    except click.ClickException:
        pass


def _delete(service: Service, name: str, _: bool) -> int:
    state = service.state
    if state is None:
        return not_running(service)
    with daemon(service.control) as session:
        known = bool(_wanted(session, name))
        if not known:
            return 0
        click.echo(f'002 "{name}": terminating SAs using this connection')
        state.added.pop(name, None)
        state.deleted = [*(each for each in state.deleted if each != name), name]
        with changed(service.file, state):
            session.request("reload-settings", {"now": "yes"})
    return 0


def _trap(command: str) -> Callable[[Service, str, bool], int]:
    def change(service: Service, name: str, _: bool) -> int:
        with daemon(service.control) as session:
            wanted = _wanted(session, name)
        if not wanted:
            click.echo(f"0{_NO_CONN} no connection or alias '{name}'")
            return _NO_CONN
        for target in wanted:
            try:
                with daemon(service.control) as session:
                    session.request(command, target)
            except click.ClickException as error:
                click.echo(f'003 "{name}": {error.message}')
        return 0

    return change


_BY_NAME: dict[str, Callable[[Service, str, bool], int]] = {
    "initiate": _initiate,
    "terminate": _terminate,
    "delete": _delete,
    "route": _trap("install"),
    "unroute": _trap("uninstall"),
}
