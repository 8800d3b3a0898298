"""The variables of vpnc's scripts: what the gateway sent, and nothing that means something to a shell."""

from __future__ import annotations

import pytest

from ikev1.core.records.mode_config import LOCAL_LAN, ModeConfig
from ikev1.daemon.remote_access.vpnc_environment import vpnc_variables

GATEWAY = "198.51.100.7"


def variables(config: ModeConfig) -> dict[str, str]:
    found = vpnc_variables(config, GATEWAY, "ikev1c")
    assert found.pop("VPNPID").isdecimal()
    assert (found.pop("VPNGATEWAY"), found.pop("TUNDEV")) == (GATEWAY, "ikev1c")
    return found


def test_all_that_a_gateway_sends() -> None:
    config = ModeConfig(
        addresses=("10.99.0.10", "fd00::10"),
        netmask="255.255.255.0",
        dns=("10.2.0.53", "fd02::53", "10.2.0.54"),
        nbns=("10.2.0.55",),
        banner="Welcome\nto the lab",
        default_domain="lab.example",
        split_dns=("one.example", "two.example"),
        split_include=("10.2.0.0/16", "10.3.0.0/24"),
        split_exclude=("10.2.9.0/24", LOCAL_LAN),
    )
    assert variables(config) == {
        "INTERNAL_IP4_ADDRESS": "10.99.0.10",
        "INTERNAL_IP4_NETMASK": "255.255.255.0",
        "INTERNAL_IP4_NETMASKLEN": "24",
        "INTERNAL_IP4_NETADDR": "10.99.0.0",
        "INTERNAL_IP6_ADDRESS": "fd00::10",
        "INTERNAL_IP4_DNS": "10.2.0.53 10.2.0.54",
        "INTERNAL_IP6_DNS": "fd02::53",
        "INTERNAL_IP4_NBNS": "10.2.0.55",
        "CISCO_DEF_DOMAIN": "lab.example",
        "CISCO_SPLIT_DNS": "one.example,two.example",
        "CISCO_BANNER": "Welcome\nto the lab",
        "CISCO_SPLIT_INC": "2",
        **of_network("INC", 0, "10.2.0.0", "255.255.0.0", "16"),
        **of_network("INC", 1, "10.3.0.0", "255.255.255.0", "24"),
        "CISCO_SPLIT_EXC": "1",
        **of_network("EXC", 0, "10.2.9.0", "255.255.255.0", "24"),
    }


def of_network(kind: str, number: int, address: str, mask: str, length: str) -> dict[str, str]:
    values = {"ADDR": address, "MASK": mask, "MASKLEN": length, "PROTOCOL": "0", "SPORT": "0", "DPORT": "0"}
    return {f"CISCO_SPLIT_{kind}_{number}_{name}": value for name, value in values.items()}


def test_an_address_alone() -> None:
    assert variables(ModeConfig(("10.99.0.10",))) == {"INTERNAL_IP4_ADDRESS": "10.99.0.10"}


@pytest.mark.parametrize("network", [f"{GATEWAY}/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"])
def test_a_hostile_network(network: str) -> None:
    """No network is left, which does not mean all traffic."""
    assert variables(ModeConfig(split_include=(network,))) == {"CISCO_SPLIT_INC": "0"}


def test_hostile_texts() -> None:
    evil = "() { :;}; reboot\n$(reboot)\n`reboot`"
    config = ModeConfig(dns=("127.0.0.1",), nbns=("127.0.0.1",), banner=evil, default_domain=evil, split_dns=(evil,))
    found = variables(config)
    assert list(found) == ["CISCO_BANNER"]
    assert not set(found["CISCO_BANNER"]) & set("$`;'\"|&<>\\(){}[]*?!#~\x1b")


def test_a_long_banner() -> None:
    found = variables(ModeConfig(banner="x" * 5000 + "\n" + "y\n" * 5000))
    assert len(found["CISCO_BANNER"]) < 1000
