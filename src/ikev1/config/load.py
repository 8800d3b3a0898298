"""The way from a file to `Settings` and `GatewayOptions`."""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.config.checks import check
from ikev1.config.connections import read_connections
from ikev1.config.files import Files, changeable, why_unreadable
from ikev1.config.findings import ConfigError, Finding, Findings
from ikev1.config.options import GatewayOptions, engine_settings, gateway_options
from ikev1.config.policies import read_policies
from ikev1.config.secrets import Secrets, exposure
from ikev1.config.table import Table
from ikev1.core.records.settings import Settings

DEFAULT_FILE = Path("/etc/ikev1/ikev1.toml")


class Loaded(NamedTuple):
    """A configuration that can be used, and what to think about before it is."""

    settings: Settings
    gateway: GatewayOptions
    warnings: tuple[Finding, ...] = ()


def load(path: Path | str = DEFAULT_FILE, clock: Callable[[], float] = time.time) -> Loaded:
    """Read and check the TOML file at ``path``, and the secrets, keys and certificates it refers to; ``clock`` tells
    whether certificates are valid now.

    Raises:
        ConfigError: it cannot be read or used; all that is wrong with it at once.
    """
    file = Path(path)
    values, exposed = _read(file)
    findings = Findings(file)
    for place in (file, file.resolve().parent):
        _ask_who_could_change(place, findings)
    top = Table(findings, "", values)
    gateway = top.table("gateway")
    options = gateway_options(gateway, file.parent)
    secrets = Secrets(file.parent, exposed)
    connections = read_connections(top, read_policies(top), secrets, Files(file.parent))
    settings = engine_settings(gateway, options, connections)
    gateway.finish()
    top.finish()
    check(settings, options.data_plane, findings, clock())
    findings.raise_errors()
    return Loaded(settings, options, tuple(findings.warnings))


def _ask_who_could_change(place: Path, findings: Findings) -> None:
    """Who can change the configuration, or replace it in its folder, decides whom the gateway believes and calls."""
    try:
        change = changeable(place.stat())
    except OSError:
        return  # the folder of a file that was read, closed to us
    if change is not None:
        tell = findings.error if change.by_all else findings.warn
        tell(
            "", f"{change.text}: chmod go-w it" if place == findings.file else f"{place}: {change.text}: chmod go-w it"
        )


def _read(file: Path) -> tuple[dict[str, Any], str | None]:
    """The content of a TOML file, and who else could read it."""
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened), exposure(os.fstat(opened.fileno()))
    except OSError as error:
        reason = why_unreadable(error)
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text, as TOML must be: {error.reason}"
    except tomllib.TOMLDecodeError as error:
        reason = f"is no TOML: {error}"
    raise ConfigError((Finding(file, "", reason),))
