"""Profiles of clients of Cisco's gateways: the configurations of vpnc, and those of the Cisco VPN Client (.pcf)."""

from __future__ import annotations

from pathlib import Path

from ikev1.config.formats.cisco_client.pcf import read_pcf_profile, recognises_pcf
from ikev1.config.formats.cisco_client.profile import Profile, opened
from ikev1.config.formats.cisco_client.tables import written
from ikev1.config.formats.cisco_client.vpnc_conf import read_vpnc_profile, recognises_vpnc
from ikev1.config.formats.written import Written

__all__ = ["Profile", "read_pcf", "read_profile", "read_vpnc", "recognises_pcf", "recognises_vpnc"]


def read_vpnc(file: Path) -> Written:
    """The configuration in the ``file`` of vpnc.

    Raises:
        ConfigError: it cannot be read, or is not text.
    """
    return written(read_vpnc_profile(file))


def read_pcf(file: Path) -> Written:
    """As `read_vpnc`, of the Cisco VPN Client."""
    return written(read_pcf_profile(file))


def read_profile(file: Path) -> Profile:
    """What ``file`` says, which is a .pcf if it looks like one, and otherwise a configuration of vpnc.

    Raises:
        ConfigError: it cannot be read, or is not text.
    """
    _, text = opened(file, "")
    return read_pcf_profile(file) if recognises_pcf(file.name, text) else read_vpnc_profile(file)
