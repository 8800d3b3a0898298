"""libreswan's command `ipsec`: `auto`, `whack`, `setup`, `addconn` and what is short for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from ikev1.cli.control import daemon
from ikev1.cli.ipsec import libreswan_auto as auto
from ikev1.cli.ipsec import libreswan_whack as whack
from ikev1.cli.ipsec.options import WrongUsage, parse
from ikev1.cli.ipsec.service import Service
from ikev1.cli.ipsec.state import State, changed
from ikev1.cli.ipsec.version import own_version

VERSION = "4.10"  # the one whose command this is
_FAILED, _USAGE, _INACTIVE = 1, 2, 3
_SHORT = dict.fromkeys(("status", "trafficstatus", "briefstatus", "showstates", "globalstatus", "shuntstatus"))
_PLUTO = {"config": True, "nofork": False}
_PLUTO_IGNORED = dict.fromkeys(("leak-detective", "stderrlog", "no-dnssec", "log-no-time", "use-netkey"), False)
_PLUTO_IGNORED |= dict.fromkeys(("logfile", "rundir", "ctlsocket", "ipsecdir", "nssdir", "secretsfile"), True)
_HELP = f"""Usage: ipsec {{command}} [argument] ...
where {{command}} is one of:

\tauto, whack, addconn, setup, start, stop, restart, pluto, secrets,
\t{", ".join(_SHORT)}, version

This is the command of ikev1 in place of Libreswan {VERSION}: see `ikev1 --help` for its own."""


class _Call(NamedTuple):
    """What a command is called with."""

    words: list[str]
    service: Service
    home: Path


def run(words: list[str], service: Service, home: Path) -> int:
    """Do what ``words`` say; ``home`` is the folder of ipsec.conf. Returns the exit status."""
    command, *arguments = words or ["help"]
    name = command.removeprefix("--")
    if name in _SHORT:
        return whack.run([f"--{name}"], service, home)
    found = _COMMANDS.get(name)
    if found is None:
        click.echo(f'ipsec: unknown IPsec command "{command}" ("ipsec --help" for list)', err=True)
        return _FAILED
    return found(_Call(arguments, service, home))


def _help(_: _Call) -> int:
    click.echo(_HELP)
    return _USAGE


def _version(_: _Call) -> int:
    click.echo(f"Libreswan {VERSION}\nikev1 {own_version()}, in place of Libreswan")
    return 0


def _pluto(call: _Call) -> int:
    try:
        options = parse(call.words, _PLUTO | _PLUTO_IGNORED).values
    except WrongUsage as error:
        click.echo(f"ipsec pluto: {error}", err=True)
        return _FAILED
    for name in options.keys() & _PLUTO_IGNORED.keys():
        click.echo(f"ipsec pluto: --{name} is ignored", err=True)
    service = call.service
    if service.answers:
        what = "is already running" if service.state else "was not started by `ipsec`: stop it first"
        click.echo(f"pluto: the gateway at {service.control} {what}", err=True)
        return _FAILED
    config = Path(options.get("config", call.home / "ipsec.conf")).absolute()
    state = State("libreswan", str(config), str(call.home))
    if "nofork" in options:
        service.serve(state)
    else:
        service.start(state)
    return 0


def _start(call: _Call) -> int:
    if call.service.answers and call.service.state is not None:
        return 0
    return _pluto(call._replace(words=call.words[:0]))


def _stop(call: _Call) -> int:
    if not call.service.stop() and call.service.answers:
        click.echo(f"The gateway at {call.service.control} was not started by `ipsec start`.", err=True)
        return _FAILED
    return 0


def _restart(call: _Call) -> int:
    return _stop(call) or _start(call)


def _setup(call: _Call) -> int:
    word = call.words[0].removeprefix("--") if len(call.words) == 1 else ""
    if word == "status":
        click.echo(f"ipsec: {'active' if call.service.answers else 'inactive'}")
        return 0 if call.service.answers else _INACTIVE
    if word not in _SETUP:
        click.echo("Usage: {--start|--stop|--restart|--status}", err=True)
        return _USAGE
    return _SETUP[word](call._replace(words=[]))


def _add(call: _Call) -> int:
    """`addconn`: load conns of a file into the running gateway."""
    try:
        values, names = parse(call.words, {"config": True, "ctlsocket": True, "rundir": True, "verbose": False})
    except WrongUsage as error:
        click.echo(f"ipsec addconn: {error}", err=True)
        return _FAILED
    service = call.service
    state = service.state if service.answers else None
    if state is None:
        return whack.not_running(service)
    config = str(Path(values.get("config", call.home / "ipsec.conf")).absolute())
    state.added |= dict.fromkeys(names, config)
    state.deleted = [name for name in state.deleted if name not in names]
    loaded = service.loaded(state)
    known = {tunnel.name for each in loaded.settings.connections for tunnel in each.tunnels}
    known |= {connection.name for connection in loaded.settings.connections}
    if missing := [name for name in names if name not in known]:
        click.echo(f"addconn: {config} has no conn for IKEv1 with the name {', '.join(missing)}", err=True)
        return _FAILED
    with changed(service.file, state), daemon(service.control) as session:
        session.request("reload-settings", {})
    for name in names:
        click.echo(f'002 "{name}": added IKEv1 connection')
    return 0


_SETUP: dict[str, Callable[[_Call], int]] = {"start": _start, "stop": _stop, "restart": _restart}
_COMMANDS: dict[str, Callable[[_Call], int]] = {
    "help": _help,
    "version": _version,
    "versioncode": _version,
    "pluto": _pluto,
    **_SETUP,
    "setup": _setup,
    "addconn": _add,
    "auto": lambda call: auto.run(call.words, lambda words: run(words, call.service, call.home)),
    "whack": lambda call: whack.run(call.words, call.service, call.home),
    "secrets": lambda call: whack.run(["--rereadsecrets"], call.service, call.home),
}
