"""The way from a file to `Settings` and `GatewayOptions`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.config.findings import ConfigError, Finding, Findings
from ikev1.config.options import GatewayOptions, gateway_options
from ikev1.config.table import Table
from ikev1.core.settings import Settings

__all__ = ["DEFAULT_FILE", "Loaded", "load"]

DEFAULT_FILE = Path("/etc/ikev1/ikev1.toml")


class Loaded(NamedTuple):
    """A configuration that can be used, and what to think about before it is."""

    settings: Settings
    gateway: GatewayOptions
    warnings: tuple[Finding, ...] = ()


def load(path: Path | str = DEFAULT_FILE) -> Loaded:
    """Read and check the TOML file at ``path``, and the secrets it refers to.

    Raises:
        ConfigError: it cannot be read or used; all that is wrong with it at once.
    """
    file = Path(path)
    findings = Findings(file)
    top = Table(findings, "", _read(file))
    gateway = top.table("gateway")
    options = gateway_options(gateway, file.parent)
    settings = Settings()
    gateway.finish()
    top.finish()
    findings.raise_errors()
    return Loaded(settings, options, tuple(findings.warnings))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError((Finding(file, "", f"cannot be read: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        raise ConfigError((Finding(file, "", f"is not UTF-8 text, as TOML must be: {error.reason}"),)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError((Finding(file, "", f"is no TOML: {error}"),)) from error
