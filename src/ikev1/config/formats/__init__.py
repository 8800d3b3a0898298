"""The formats of configurations: each is read as the tables of `ikev1.toml`, with the place of each value.

A format is a function that returns `Written`, and one that recognises its files. `ikev1.config.load` converts the
tables and reports errors with the places and in the words of the format.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.config.findings import ConfigError, Finding, Rule
from ikev1.config.formats.toml_file import read_toml
from ikev1.config.formats.written import Places, Side, Written

__all__ = ["FORMATS", "TOML", "Format", "Places", "Side", "Written", "read", "recognised"]

_RECOGNISED_BY = 1 << 20  # octets of a file


class Format(NamedTuple):
    """A format: ``recognises`` gets the name and the text of a file, and ``read`` its path. ``read_side`` is there
    instead if a file may describe several devices.
    """

    read: Callable[[Path], Written] | None
    recognises: Callable[[str, str], bool]
    read_side: Callable[[Path, Side], Written] | None = None


def _later(module: str, name: str) -> Callable[..., Any]:
    """The function of this name, whose module is loaded when it is called: all of them take longer than a gateway."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"{__name__}.{module}"), name)(*arguments)

    return call


TOML = "toml"
FORMATS = {
    TOML: Format(read_toml, lambda name, text: name.endswith(".toml")),
    "fritzbox": Format(None, _later("fritzbox", "recognises"), _later("fritzbox", "read_fritzbox")),
    "swanctl": Format(_later("swanctl", "read_swanctl"), _later("swanctl", "recognises")),
    "libreswan": Format(_later("ipsec_conf", "read_libreswan"), _later("ipsec_conf", "recognises_libreswan")),
    "racoon": Format(_later("racoon", "read_racoon"), _later("racoon", "recognises")),
    "stroke": Format(_later("ipsec_conf", "read_stroke"), _later("ipsec_conf", "recognises_stroke")),
    "pcf": Format(_later("cisco_client", "read_pcf"), _later("cisco_client", "recognises_pcf")),
    "vpnc": Format(_later("cisco_client", "read_vpnc"), _later("cisco_client", "recognises_vpnc")),
    "cisco": Format(None, _later("cisco_ios", "recognises"), _later("cisco_ios", "read_cisco")),
}


def read(file: Path, name: str | None = None, ignored: Iterable[str] = (), side: Side | None = None) -> Written:
    """The configuration in ``file``, in the format ``name`` or else in the first that recognises it, TOML if none does.
    Errors about the keys ``ignored`` are warnings. ``side`` is the end that is meant.

    Raises:
        ConfigError: it cannot be read, or does not have the syntax of the format.
    """
    if name is not None and name not in FORMATS:
        problem = f"unknown format {name!r}; allowed: {', '.join(FORMATS)}"
        raise ConfigError((Finding(file, "", Rule.UNKNOWN_FORMAT, problem),))
    chosen = name or recognised(file)
    found = FORMATS[chosen]
    if found.read_side is not None:
        return found.read_side(file, side or Side()).without(ignored, file)
    if side is not None:
        problem = f"--as and --peer-of are not for the format {chosen}, which describes one end"
        raise ConfigError((Finding(file, "", Rule.UNKNOWN_FORMAT, problem),))
    assert found.read is not None
    written = found.read(file).without(ignored, file)
    if chosen == TOML and name is None and not written.values and file.suffix != ".toml" and written.files:
        problem = "has nothing but blanks and comments, by which its format is not recognized: give it with --format"
        raise ConfigError((Finding(file, "", Rule.UNKNOWN_FORMAT, problem),))
    return written


def recognised(file: Path) -> str:
    """The name of the format of ``file``, by its name and content; that of TOML if no other fits."""
    if FORMATS[TOML].recognises(file.name, ""):
        return TOML
    try:
        with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return TOML  # a pipe can be read only once
            text = opened.read(_RECOGNISED_BY).decode(errors="replace")
    except OSError:
        return TOML  # whose reader reports it
    return next((name for name, each in FORMATS.items() if each.recognises(file.name, text)), TOML)
