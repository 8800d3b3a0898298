"""Configuration: `ikev1.toml`, or a file of another format, becomes the engine's settings and the daemon's options."""

from ikev1.aaa.options import BackendOptions
from ikev1.config.findings import ConfigError, Finding, Rule
from ikev1.config.formats import FORMATS
from ikev1.config.formats.written import Side
from ikev1.config.load import DEFAULT_FILE, Loaded, load, load_beside, load_values, load_written
from ikev1.config.options import GatewayOptions

__all__ = [
    "DEFAULT_FILE",
    "FORMATS",
    "BackendOptions",
    "ConfigError",
    "Finding",
    "GatewayOptions",
    "Loaded",
    "Rule",
    "Side",
    "load",
    "load_beside",
    "load_values",
    "load_written",
]
