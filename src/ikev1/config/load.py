"""Loads a configuration file into `Settings` and `GatewayOptions`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.aaa.options import BackendOptions
from ikev1.config.authorities import read_authorities
from ikev1.config.beside import about_others, joined_backends, joined_settings
from ikev1.config.checks import check
from ikev1.config.connections import read_connections
from ikev1.config.files import Files, changeable
from ikev1.config.findings import ConfigError, Finding, Findings, Rule, causes, shortened
from ikev1.config.formats import read
from ikev1.config.formats.written import Places, Side, Written
from ikev1.config.options import GatewayOptions, engine_settings, gateway_options
from ikev1.config.policies import read_policies
from ikev1.config.pools import read_pools
from ikev1.config.secrets import Secrets
from ikev1.config.shunts import read_shunts
from ikev1.config.table import Table
from ikev1.config.user_backends import check_backends, read_backends
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings

DEFAULT_FILE = Path("/etc/ikev1/ikev1.toml")


class Loaded(NamedTuple):
    """A configuration that can be used, and its warnings."""

    settings: Settings
    gateway: GatewayOptions
    warnings: tuple[Finding, ...] = ()
    aaa: BackendOptions = BackendOptions()


def load(
    path: Path | str = DEFAULT_FILE,
    clock: Callable[[], float] = time.time,
    *,
    format: str | None = None,
    ignored: Iterable[str] = (),
    side: Side | None = None,
) -> Loaded:
    """Read and check the configuration at ``path``, and the secrets, keys and certificates it refers to; ``clock``
    gives the time (seconds since 1970) at which certificates must be valid.

    ``format`` is one of `ikev1.config.formats.FORMATS`, by default that of the file's name or content. Keys of another
    format that have no counterpart are an error if it matters, unless they are in ``ignored``. ``side`` is the end that
    is meant where a file describes several devices.

    Raises:
        ConfigError: it cannot be read or used; with every reason.
    """
    return load_written(read(Path(path), format, ignored, side), Path(path), clock)


def load_written(written: Written, file: Path, clock: Callable[[], float] = time.time) -> Loaded:
    """As `load`, for a configuration that was read from ``file`` before."""
    findings = Findings(file)
    places = dict.fromkeys(place for each in written.files for place in (each, each.resolve().parent))
    for place in places:
        _check_permissions(place, findings)
    return _loaded(written, file.parent, findings, clock())


def load_values(
    values: dict[str, Any],
    source: Path | str,
    clock: Callable[[], float] = time.time,
    places: Places | None = None,
) -> Loaded:
    """Check a configuration that another part of the program made, in the form in which `tomllib` returns that of a
    file. ``source`` is named in findings, and ``places`` has what the user wrote instead; file names in ``values`` are
    relative to the working directory. ``clock`` is that of `load`.

    Raises:
        ConfigError: it cannot be used; with every reason.
    """
    return _loaded(Written(values, places or Places()), Path(), Findings(Path(source)), clock())


def load_beside(written: Written, beside: Loaded, clock: Callable[[], float] = time.time) -> Loaded:
    """The configuration ``beside`` with the connections, pools and users of ``written``, which take precedence over
    those of the same names; its options of the gateway are not used. Warnings are about ``written``.

    Raises:
        ConfigError: ``written`` cannot be used beside the other, with every reason.
    """
    source = next((each.file for each in (*written.errors, *written.warnings)), Path())
    return _loaded(written, Path(), Findings(source), clock(), beside)


def _loaded(written: Written, folder: Path, findings: Findings, now: float, beside: Loaded | None = None) -> Loaded:
    top = Table(findings, "", written.values)
    gateway = top.table("gateway")
    options = gateway_options(gateway, folder)
    files = Files(folder, written.given)
    secrets = Secrets(files, written.exposed)
    connections = read_connections(top, read_policies(top), secrets, files)
    backends = read_backends(top, secrets, folder)
    settings = engine_settings(
        gateway, options, connections, read_pools(top), read_shunts(top), read_authorities(top, files)
    )
    gateway.finish()
    top.finish()
    if beside is not None:
        options, backends = beside.gateway, joined_backends(beside.aaa, backends)
        settings = joined_settings(beside.settings, settings)
    check(settings, options, findings, now)
    check_backends(settings.connections, backends, findings)
    if beside is not None:
        own = {each.name for each in connections}
        others = [each for each in beside.settings.connections if each.name not in own]
        findings.warnings[:] = about_others(findings.warnings, replace(beside.settings, connections=tuple(others)))
    if errors := (*written.errors, *map(written.places.shown, findings.errors)):
        raise ConfigError(causes(dict.fromkeys(errors)))
    # A key of another format may become several of ours: what is said of each is said once, that they are alike never
    shown = (*written.warnings, *map(written.places.shown, findings.warnings))
    warnings = dict.fromkeys(each for each in shown if not each.text.startswith(f"{each.key} "))
    return Loaded(settings, options, tuple(map(shortened, warnings)), backends)


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
