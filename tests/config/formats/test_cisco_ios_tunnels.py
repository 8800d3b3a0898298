"""Texts for Cisco IOS with protected tunnel interfaces: GRE, DMVPN and IPsec alone."""

from __future__ import annotations

import pytest

from cisco_text import POLICY, TRANSFORMS, CiscoText
from ikev1.config import Rule, Side
from ikev1.core.negotiation import ipsec_suite
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.settings import Start

GRE = """\
crypto ipsec profile P
 set transform-set TS
interface Tunnel0
 ip address 10.255.0.1 255.255.255.252
 tunnel source GigabitEthernet0/0
 tunnel destination 198.51.100.7
 tunnel protection ipsec profile P
"""
PLAIN = "interface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n"


def interfaces(tunnel: str, transforms: str = f"{TRANSFORMS} mode transport\n", key: str = "198.51.100.7") -> str:
    """A router with protected tunnel interfaces."""
    return f"hostname R1\n{POLICY}crypto isakmp key secret address {key}\n{transforms}{tunnel}{PLAIN}"


def test_a_gre_tunnel_is_protected_in_transport_mode(text: CiscoText) -> None:
    connection = text.connection(interfaces(GRE))
    assert (connection.local_address, connection.remote_address) == ("192.0.2.1", "198.51.100.7")
    (tunnel,) = connection.tunnels
    assert (tunnel.mode, str(tunnel.local), str(tunnel.remote), tunnel.start) == (
        IpsecMode.TRANSPORT,
        "dynamic[gre]",
        "dynamic[gre]",
        Start.START,
    )
    (tunnel,) = text.connection(interfaces(GRE, TRANSFORMS)).tunnels
    assert tunnel.mode is IpsecMode.TUNNEL


@pytest.mark.parametrize(("mode", "network"), [("ipsec ipv4", "0.0.0.0/0"), ("ipsec ipv6", "::/0")])
def test_a_tunnel_of_ipsec_alone_has_an_interface(text: CiscoText, mode: str, network: str) -> None:
    whole = interfaces(f"{GRE} ip mtu 1380\n tunnel mode {mode}\nip route 10.7.0.0 255.255.0.0 Tunnel0 name x\n")
    (tunnel,) = text.connection(whole).tunnels
    assert (str(tunnel.local), str(tunnel.remote)) == (network, network)
    made = tunnel.interface
    assert made is not None
    assert (made.name, made.addresses, made.mtu, made.routes) == (
        "Tunnel0",
        ("10.255.0.1/30",),
        1380,
        ("10.7.0.0/16",),
    )
    other = text.connection(whole, side=Side("R1", is_peer=True)).tunnels[0].interface
    assert other is not None
    assert (other.addresses, other.routes) == (("10.255.0.2/30",), None)


def test_the_address_of_the_other_end_may_not_follow(text: CiscoText) -> None:
    wide = GRE.replace("255.255.255.252", "255.255.255.0") + " tunnel mode ipsec ipv4\n"
    loaded = text.load(interfaces(wide), side=Side("R1", is_peer=True))
    made = loaded.settings.connections[0].tunnels[0].interface
    assert made is not None
    assert made.addresses == ()
    assert ("interface Tunnel0.ip address", Rule.NO_COUNTERPART) in {(each.key, each.rule) for each in loaded.warnings}


SPOKE = """\
crypto ipsec profile P
 set transform-set TS
interface Tunnel0
 ip address 10.255.0.2 255.255.255.0
 ip nhrp map 10.255.0.1 198.51.100.7
 ip nhrp map multicast 198.51.100.7
 ip nhrp nhs 10.255.0.9 nbma 203.0.113.9 multicast
 tunnel source Gi0/0
 tunnel mode gre multipoint
 tunnel protection ipsec profile P shared
"""


def test_dynamic_multipoint_tunnels(text: CiscoText) -> None:
    hub = SPOKE.replace(" ip nhrp map 10", " no shutdown\n ! ip").replace("nhs", "shortcut")
    connection = text.connection(interfaces(hub, key="0.0.0.0"))
    assert (connection.remote_address, connection.tunnels[0].start) == ("%any", Start.NONE)
    spoke = text.load(interfaces(SPOKE, key="0.0.0.0")).settings.connections
    assert [(each.remote_address, each.tunnels[0].start) for each in spoke] == [
        ("198.51.100.7", Start.START),
        ("203.0.113.9", Start.START),
        ("%any", Start.NONE),
    ]
    of_hub = text.connection(interfaces(hub, key="0.0.0.0"), side=Side("R1", is_peer=True))
    assert (of_hub.local_address, of_hub.remote_address) == ("%any", "192.0.2.1")
    assert of_hub.tunnels[0].start is Start.START


def test_interfaces_that_share_a_profile_are_one_tunnel(text: CiscoText) -> None:
    second = SPOKE.replace("Tunnel0", "Tunnel1")
    spoke = text.load(interfaces(SPOKE + second, key="0.0.0.0")).settings.connections
    assert [len(each.tunnels) for each in spoke] == [1, 1, 1]


def test_what_a_tunnel_interface_needs(text: CiscoText) -> None:
    assert text.fault(interfaces(GRE.replace("profile P\n", "profile Q\n", 1)))[1] is Rule.INVALID_VALUE
    fault = text.fault(interfaces(f"{GRE} tunnel vrf INTERNET\n"))
    assert fault[:2] == ("interface Tunnel0.tunnel vrf", Rule.NOT_SUPPORTED)
    assert text.connection(interfaces(f"{GRE} tunnel vrf INTERNET\n"), "tunnel vrf")


def test_a_profile_without_transform_set_has_the_built_in_ones(text: CiscoText) -> None:
    (tunnel,) = text.connection(interfaces(GRE.replace(" set transform-set TS\n", ""))).tunnels
    assert [ipsec_suite.name(each.suite) for each in tunnel.proposals] == ["aes128-sha1", "3des-sha1"]
    assert tunnel.mode is IpsecMode.TRANSPORT


TEMPLATE = """\
crypto ipsec profile P
 set transform-set TS
crypto isakmp profile REMOTE
 match identity address 0.0.0.0
 virtual-template 1
interface Virtual-Template1 type tunnel
 ip unnumbered Gi0/0
 tunnel source Gi0/0
 tunnel mode ipsec ipv4
 tunnel protection ipsec profile P
"""


def test_a_virtual_template_is_for_the_peers_of_a_profile(text: CiscoText) -> None:
    connection = text.connection(interfaces(TEMPLATE, key="0.0.0.0"))
    assert (connection.name, connection.remote_address) == ("REMOTE", "%any")
    (tunnel,) = connection.tunnels
    assert (str(tunnel.local), str(tunnel.remote)) == ("0.0.0.0/0", "0.0.0.0/0")
