"""The configurations of docs/recipes, run against real peers, and what the pages show of it.

strongSwan and libreswan run the configurations that their pages show. In place of the other peers, strongSwan runs with
the suites that are known of them (`clients.facts`): it shows what the user sees, not that those peers work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from clients.facts import Peer as Sender
from clients.recipes import FOLDER
from clients.remote_access import ANDROID_XAUTH, APPLE_CISCO, CISCO_CLIENT, NETWORKMANAGER_L2TP, VPNC_DH14, WINDOWS
from clients.site_to_site import AZURE, CISCO_ASA, CISCO_IOS, FORTIGATE, FRITZBOX, MIKROTIK
from clients.vendor_ids import OCTETS
from configuration_files import SECRET
from documents import Block, blocks
from ikev1.wire.header import Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.payloads import ConfigAttributes, Identification, SecurityAssociation, VendorId
from ikev1.wire.registry import ConfigAttribute, ConfigType, EncapsulationMode, Phase2Attribute
from lab.charon import CharonOptions
from lab.gateway import OurGateway
from lab.lab import Lab
from lab.network import Node
from lab.recipes import OURS, libreswan, of_peer, our_gateway, sites
from lab.traffic import reach
from lab.vpnc import Vpnc
from printed import compare, in_form


def shown(page: str) -> list[Block]:
    return [
        block for block in blocks(FOLDER / f"{page}.md") if block.language == "console" and "interop" in block.options
    ]


def check_shown(ours: OurGateway, page: str, update: bool) -> None:
    """The commands of a page print what it says."""
    found = shown(page)
    assert found
    for block in found:
        command, _, expected = block.text.partition("\n")
        printed = ours.command(*command.removeprefix("$ ikev1 ").split())
        if update:
            file = FOLDER / f"{page}.md"
            file.write_text(
                file.read_text().replace(f"```console\n{block.text}```", f"```console\n{command}\n{printed}```")
            )
        else:
            compare(in_form(expected), in_form(printed), random=False)


@pytest.fixture
def update(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--update"))


def stand_in(node: Node, sender: Sender, **options: Any) -> CharonOptions:
    """strongSwan with the suites of ``sender``, between the networks of ``node``."""
    identity = "box.example.org" if sender is FRITZBOX else node.address
    return CharonOptions(
        configuration=f"""
connections {{ peer {{
    version = 1
    local_addrs = {node.address}
    remote_addrs = {node.peer}
    proposals = {",".join(each.words for each in sender.ike)}
    local {{ auth = psk
             id = {identity} }}
    remote {{ auth = psk }}
    children {{ net {{
        local_ts = {node.network}
        remote_ts = {node.remote}
        esp_proposals = {",".join(each.words for each in sender.esp if "des" not in each.words)}
        life_time = {sender.esp_life.seconds}s
    }} }}
}} }}
secrets {{ ike-peer {{ secret = "{SECRET.decode()}" }} }}
""",
        **options,
    )


@pytest.mark.parametrize(
    "sender", [CISCO_IOS, CISCO_ASA, MIKROTIK, FORTIGATE, AZURE, FRITZBOX], ids=lambda each: each.name
)
def test_a_stand_in_for_a_peer_accepts_the_configuration(lab: Lab, sender: Sender, update: bool) -> None:
    a, b = sites(lab, sender.name)
    charon = lab.charon(b, stand_in(b, sender, plane="noesp"))
    ours = our_gateway(lab, a, sender.name)
    check_shown(ours, sender.name, update)
    assert charon.control.child()["spi-out"] == ours.control.child()["spi-in"]


@pytest.mark.parametrize("calls", ["we", "they"])
def test_strongswan_with_the_configuration_of_its_page(lab: Lab, calls: str, update: bool) -> None:
    a, b = sites(lab, "strongswan")
    charon = lab.charon(b, CharonOptions(configuration=of_peer("strongswan", "swanctl"), plane="noesp"))
    ours = our_gateway(lab, a, "strongswan")
    if calls == "we":
        check_shown(ours, "strongswan", update)
    else:
        charon.control.initiate("lan")
    assert charon.control.child()["spi-out"] == ours.control.child()["spi-in"]
    assert ours.control.sas()[0]["remote-id"] == "branch.example.org"


@pytest.mark.parametrize("calls", ["we", "they"])
def test_libreswan_with_the_configuration_of_its_page(lab: Lab, calls: str, update: bool) -> None:
    a, b = sites(lab, "libreswan")
    pluto = libreswan(lab, b, plane="noesp")
    ours = our_gateway(lab, a, "libreswan")
    if calls == "we":
        check_shown(ours, "libreswan", update)
    else:
        pluto.whack("--name", "headquarters", "--initiate")
    pluto.await_pair("headquarters")
    assert ours.control.child()["spi-out"] in pluto.log()
    assert ours.control.sas()[0]["remote-id"] == "branch.example.org"


ROAD_WARRIOR = ("203.0.113.5", "10.9.9.0/24")


def l2tp_stand_in(node: Node, sender: Sender) -> CharonOptions:
    """strongSwan with the suites of ``sender``, for L2TP with the gateway."""
    return CharonOptions(
        configuration=f"""
connections {{ peer {{
    version = 1
    local_addrs = {node.address}
    remote_addrs = {node.peer}
    proposals = {",".join(each.words for each in sender.ike if "md5" not in each.words)}
    local {{ auth = psk
             id = {node.address} }}
    remote {{ auth = psk }}
    children {{ net {{
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp/1701]
        esp_proposals = {",".join(each.words for each in sender.esp if "des" not in each.words)}
        life_time = {sender.esp_life.seconds}s
    }} }}
}} }}
secrets {{ ike-peer {{ secret = "{SECRET.decode()}" }} }}
""",
        plane="noesp",
    )


@pytest.mark.parametrize("sender", [WINDOWS, NETWORKMANAGER_L2TP], ids=lambda each: each.name)
def test_a_stand_in_for_an_l2tp_client_connects(lab: Lab, sender: Sender, update: bool) -> None:
    a, b = lab.sites(OURS, ROAD_WARRIOR)
    ours = our_gateway(lab, a, sender.name, data_plane="nobody")
    charon = lab.charon(b, l2tp_stand_in(b, sender))
    charon.control.initiate()
    check_shown(ours, sender.name, update)
    assert charon.control.child()["mode"] == "TRANSPORT"
    assert charon.control.child()["spi-out"] == ours.control.child()["spi-in"]


def xauth_stand_in(node: Node, sender: Sender, *, group: str = "") -> CharonOptions:
    """strongSwan with the suites of ``sender`` with AES, which logs in as alice and requests a virtual address; with a
    ``group`` in Aggressive Mode.
    """
    ike, esp = (
        ",".join(each.words for each in offered if each.words.startswith("aes") and "md5" not in each.words)
        for offered in (sender.ike, sender.esp)
    )
    return CharonOptions(
        configuration=f"""
connections {{ peer {{
    version = 1
    local_addrs = {node.address}
    remote_addrs = {node.peer}
    vips = 0.0.0.0
    aggressive = {"yes" if group else "no"}
    proposals = {ike}
    local {{ auth = psk
             id = {f"keyid:{group}" if group else node.address} }}
    local-xauth {{ auth = xauth
                   xauth_id = alice }}
    remote {{ auth = psk }}
    children {{ net {{
        local_ts = dynamic
        remote_ts = {node.remote}
        esp_proposals = {esp}
        life_time = {sender.esp_life.seconds}s
    }} }}
}} }}
secrets {{
    ike-peer {{ secret = "{SECRET.decode()}" }}
    xauth-alice {{ id = alice
                   secret = "alice-password" }}
}}
""",
        crypto=f"{CharonOptions.crypto} xauth-generic",
        plane="noesp",
    )


@pytest.mark.parametrize(
    ("page", "sender", "group"),
    [("apple", APPLE_CISCO, ""), ("android", ANDROID_XAUTH, ""), ("cisco-vpn-client", CISCO_CLIENT, "staff")],
    ids=["apple", "android", "cisco-vpn-client"],
)
def test_a_stand_in_for_a_client_of_cisco_connects(
    lab: Lab, page: str, sender: Sender, group: str, update: bool
) -> None:
    a, b = lab.sites(OURS, ROAD_WARRIOR)
    ours = our_gateway(lab, a, page)
    charon = lab.charon(b, xauth_stand_in(b, sender, group=group))
    charon.control.initiate()
    check_shown(ours, page, update)
    assert charon.control.child()["spi-out"] == ours.control.child()["spi-in"]
    assert charon.control.sas()[0]["local-vips"] == ["10.99.0.10"]
    assert "internal-error" not in ours.log()


def test_vpnc_with_the_configuration_of_its_page(lab: Lab, update: bool) -> None:
    a, b = lab.sites(OURS, ROAD_WARRIOR)
    ours = our_gateway(lab, a, "vpnc", records=True)
    vpnc = lab.started(Vpnc(b, lab.folder("vpnc"), of_peer("vpnc", "vpnc")))
    assert vpnc.wait_for_address() == "10.99.0.10"
    told = vpnc.told("connect")
    assert (told["CISCO_SPLIT_INC_0_ADDR"], told["CISCO_SPLIT_INC_0_MASKLEN"]) == ("10.1.0.0", "16")
    assert (told["INTERNAL_IP4_DNS"], told["CISCO_DEF_DOMAIN"]) == ("10.1.0.53", "corp.example")
    check_shown(ours, "vpnc", update)
    reach(b, a.host, "10.99.0.10")
    child = ours.control.child()
    assert (int(child["packets-in"]), int(child["packets-out"])) == (3, 3)
    assert_sends(ours, VPNC_DH14)
    assert "internal-error" not in ours.log()


def without_host_name(requests: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is requested by mode config but for the name of the host that requests it."""
    return [(kind, b"" if kind == ConfigAttribute.UNITY_DDNS_HOSTNAME else value) for kind, value in requests]


def assert_sends(ours: OurGateway, sender: Sender) -> None:
    """The client that was recorded has sent what ``sender`` says: offers, vendor IDs, and what it requests."""
    ours.stop()
    report = json.loads(ours.command("explain", str(ours.record), "--keylog", str(ours.keylog), "--json"))
    (conversation,) = report["conversations"]
    sent = [each for each in conversation["messages"] if each["sender"] == "initiator"]

    def first(label: str, kind: int = 0) -> Message:
        for each in sent:
            octets = bytes.fromhex(each["plaintext"])
            message = parse_message(Header.parse(octets), octets[28:])
            if each["label"] == label and kind in (0, *(part.type for part in message.all(ConfigAttributes))):
                return message
        raise AssertionError(f"no {label} in {[each['label'] for each in sent]}")

    assert sender.login is not None
    begin, request, quick = first("AM1"), first("CFG", ConfigType.REQUEST), first("QM1")
    assert begin.one(SecurityAssociation) == sender.phase1_offer()
    assert [each.data for each in begin.all(VendorId)] == [OCTETS[each.name] for each in sender.vendor_ids]
    identity = begin.one(Identification)
    assert (identity.id_type, identity.data) == sender.identity
    assert (identity.protocol, identity.port) == sender.identity_port
    (attributes,) = request.all(ConfigAttributes)
    assert attributes.identifier == sender.login.identifier
    sent_values = [tuple(each) for each in attributes.attributes]
    assert without_host_name(sent_values) == without_host_name(sender.login.requests)
    offered = quick.one(SecurityAssociation)
    mode = dict(offered.proposals[0].transforms[0].attributes)[Phase2Attribute.ENCAPSULATION_MODE]
    assert isinstance(mode, int)
    assert offered == sender.phase2_offer(offered.proposals[0].spi, EncapsulationMode(mode))
