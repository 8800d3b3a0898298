"""What of a gateway's configuration a client can use: a gateway is authenticated, and may be hostile nevertheless."""

from __future__ import annotations

import re

from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.selector import Selector
from ikev1.esp.reach import NEVER

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def is_reachable(text: str) -> bool:
    """Whether a gateway can reach an address or network, in text."""
    network = Selector.parse(text)
    return not any(never.contains(network) for never in NEVER)


def usable_servers(config: ModeConfig) -> tuple[str, ...]:
    """The name servers of ``config`` that a gateway can reach."""
    return tuple(filter(is_reachable, config.dns))


def is_domain(name: str) -> bool:
    """Whether ``name`` is a domain name of letters, digits, ``-`` and ``_``."""
    return _DOMAIN.fullmatch(name) is not None
