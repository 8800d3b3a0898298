"""libreswan's `ipsec auto`: other words for `ipsec whack` and `ipsec addconn`."""

from __future__ import annotations

from collections.abc import Callable

import click

from ikev1.cli.ipsec.options import WrongUsage, parse

_USAGE = 2
_OF_A_CONN = {
    "up": [["whack", "--initiate"]],
    "down": [["whack", "--terminate"]],
    "add": [["addconn"]],
    "delete": [["whack", "--delete"]],
    "replace": [["whack", "--delete"], ["addconn"]],
    "start": [["addconn"], ["whack", "--initiate"]],
    "route": [["whack", "--route"]],
    "unroute": [["whack", "--unroute"]],
    "ondemand": [["addconn"], ["whack", "--route"]],
}
_OF_ALL = {"ready": "listen", **{name: name for name in ("status", "rereadsecrets", "rereadcerts", "rereadall")}}
_OF_ALL |= {name: name for name in ("listall", "listcerts", "listcacerts", "listcrls", "listpubkeys", "checkpubkeys")}
_OF_ALL |= {name: name for name in ("fetchcrls", "purgeocsp")}
_OPTIONS = {"config": True, "ctlsocket": True, "remote-host": True, "asynchronous": False, "verbose": False}
_OPTIONS |= {"utc": False, "show": False}
_TEXT = f"""Usage:
\tipsec auto [--asynchronous] --up connectionname
\tipsec auto --{{{"|".join(name for name in _OF_A_CONN if name != "up")}}} connectionname
\tipsec auto --{{{"|".join(_OF_ALL)}}}

\tother options: [--config ipsecconfigfile] [--verbose]"""


def run(words: list[str], ipsec: Callable[[list[str]], int]) -> int:
    """Do what ``words`` say by calls of ``ipsec``; the status is that of the last."""
    if words == ["--help"]:
        click.echo(_TEXT)
        return 0
    try:
        values, names = parse(words, {**_OPTIONS, **dict.fromkeys([*_OF_A_CONN, *_OF_ALL], False)})
    except WrongUsage as error:
        click.echo(f"ipsec auto: {error}", err=True)
        return _USAGE
    operations = [name for name in values if name in _OF_A_CONN or name in _OF_ALL]
    if len(operations) != 1 or len(names) != (1 if operations[0] in _OF_A_CONN else 0):
        click.echo(_TEXT, err=True)
        return _USAGE
    if "remote-host" in values:
        click.echo("ipsec auto: --remote-host is not supported", err=True)
        return _USAGE
    (operation,) = operations
    if operation in _OF_ALL:
        return ipsec(["whack", f"--{_OF_ALL[operation]}"])
    status = 0
    for command, *more in _OF_A_CONN[operation]:
        if command == "addconn":
            status = ipsec([command, *(["--config", values["config"]] if "config" in values else []), *names])
        else:
            asynchronous = ["--asynchronous"] if "asynchronous" in values else []
            status = ipsec([command, *more, *asynchronous, "--name", *names])
    return status
