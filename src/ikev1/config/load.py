"""Loads a configuration file into `Settings` and `GatewayOptions`."""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.aaa.options import BackendOptions
from ikev1.config.checks import check
from ikev1.config.connections import read_connections
from ikev1.config.files import Files, changeable, why_unreadable
from ikev1.config.findings import ConfigError, Finding, Findings, Rule
from ikev1.config.options import GatewayOptions, engine_settings, gateway_options
from ikev1.config.policies import read_policies
from ikev1.config.pools import read_pools
from ikev1.config.secrets import Secrets, exposure
from ikev1.config.table import Table
from ikev1.config.user_backends import check_backends, read_backends
from ikev1.core.records.settings import Settings

DEFAULT_FILE = Path("/etc/ikev1/ikev1.toml")


class Loaded(NamedTuple):
    """A configuration that can be used, and its warnings."""

    settings: Settings
    gateway: GatewayOptions
    warnings: tuple[Finding, ...] = ()
    aaa: BackendOptions = BackendOptions()


def load(path: Path | str = DEFAULT_FILE, clock: Callable[[], float] = time.time) -> Loaded:
    """Read and check the TOML file at ``path``, and the secrets, keys and certificates it refers to; ``clock`` gives
    the time (seconds since 1970) at which certificates must be valid.

    Raises:
        ConfigError: it cannot be read or used; with every reason.
    """
    file = Path(path)
    values, exposed = _read(file)
    findings = Findings(file)
    for place in (file, file.resolve().parent):
        _check_permissions(place, findings)
    return _loaded(values, exposed, file.parent, findings, clock())


def load_values(values: dict[str, Any], source: Path | str, clock: Callable[[], float] = time.time) -> Loaded:
    """Check a configuration that another part of the program made, in the form in which `tomllib` returns that of a
    file. ``source`` is named in findings; file names in ``values`` are relative to the working directory. ``clock`` is
    that of `load`.

    Raises:
        ConfigError: it cannot be used; with every reason.
    """
    return _loaded(values, None, Path(), Findings(Path(source)), clock())


def _loaded(values: dict[str, Any], exposed: str | None, folder: Path, findings: Findings, now: float) -> Loaded:
    top = Table(findings, "", values)
    gateway = top.table("gateway")
    options = gateway_options(gateway, folder)
    secrets = Secrets(folder, exposed)
    files = Files(folder)
    connections = read_connections(top, read_policies(top), secrets, files)
    backends = read_backends(top, secrets, folder)
    settings = engine_settings(gateway, options, connections, read_pools(top))
    gateway.finish()
    top.finish()
    check(settings, options, findings, now)
    check_backends(connections, backends, findings)
    findings.raise_errors()
    return Loaded(settings, options, tuple(findings.warnings), backends)


def _check_permissions(place: Path, findings: Findings) -> None:
    """Whoever can change the configuration, or replace it in its folder, decides which peers the gateway trusts."""
    try:
        change = changeable(place.stat())
    except OSError:
        return  # the folder of a file that could be read
    if change is not None:
        report = findings.error if change.by_all else findings.warn
        folder = "" if place == findings.file else f"{place}: "
        report("", Rule.CHANGEABLE_BY_OTHERS, f"{folder}{change.text}: run `chmod go-w` on it")


def _read(file: Path) -> tuple[dict[str, Any], str | None]:
    """The content of a TOML file, and who else can read it."""
    line = 0
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened), exposure(os.fstat(opened.fileno()))
    except OSError as error:
        rule, reason = Rule.UNREADABLE_FILE, why_unreadable(error)
    except UnicodeDecodeError as error:
        rule, reason = Rule.NOT_TOML, f"not UTF-8 text, which TOML requires: {error.reason}"
    except tomllib.TOMLDecodeError as error:
        rule, reason = Rule.NOT_TOML, f"not TOML: {error}"
        if place := re.search(r"at line (\d+)", str(error)):
            line = int(place[1])
    raise ConfigError((Finding(file, "", rule, reason, line),))
