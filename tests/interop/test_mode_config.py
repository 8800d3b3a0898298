"""Virtual addresses with real peers: strongSwan as client and as gateway, vpnc as client."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import replace
from typing import Any

import pytest

from lab.charon import CharonOptions
from lab.cisco import POOL, as_virtual, assert_split_networks, await_another_pair, cisco, connect, leases
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import LabError
from lab.traffic import ping, transfer
from lab.vpnc import VpncOptions

EXCLUDED = 'split_exclude = "10.10.9.0/24"\nlocal_lan = true\nbackup_servers = ["gw2.lab.example"]\n'
METHODS = pytest.mark.parametrize("method", ["pull", "push"])


def gateway(method: str = "pull", **more: Any) -> OurOptions:
    return OurOptions(
        local="10.10.2.0/24",
        remote="dynamic",
        extra=f'pools = "office"\nmode_config = "{method}"',
        others=POOL,
        data_plane="userspace",
        **more,
    )


def client(method: str = "pull", **more: Any) -> CharonOptions:
    pull = "yes" if method == "pull" else "no"
    return CharonOptions(
        calls=True, connection=f"vips = 0.0.0.0\npull = {pull}", local_ts="dynamic", remote_ts="10.10.2.0/24", **more
    )


def tcp(sender: Node, receiver: Node, lab: Lab) -> None:
    transfer(sender, receiver, lab.folder("transfer"), size=200_000)


@METHODS
def test_charon_as_client(lab: Lab, method: str) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, gateway(method, remote_address=f'"{a.address}"'))
    charon = lab.charon(a, client(method))
    charon.control.initiate()
    (sa,) = ours.control.sas()
    assert sa["remote-vips"] == ["10.99.0.10"]
    assert ours.control.child()["remote-ts"] == ["10.99.0.10/32"]
    at_work = as_virtual(a, "10.99.0.10")
    ping(at_work)
    assert int(ours.control.child()["packets-in"]) == 3
    tcp(at_work, b, lab)
    tcp(b, at_work, lab)
    assert leases(ours) == {"10.99.0.10": "alice@lab"}
    charon.control.terminate(ike="peer")
    ours.wait_for(lambda: leases(ours) == {}, "the end of the lease")
    ours.command("up", "peer")  # the gateway may call its client as well
    assert ours.control.child()["remote-ts"] == ["10.99.0.10/32"]


def test_charon_keeps_its_address_over_a_renewal_and_a_restart(lab: Lab) -> None:
    """strongSwan asks again under each ISAKMP SA."""
    a, b = lab.direct()
    ours = lab.ours(b, replace(gateway(), state=lab.folder("state") / "sas.sqlite"))
    charon = lab.charon(a, client())
    charon.control.initiate()
    charon.control.rekey_ike()
    charon.wait_for(lambda: _addresses(ours) == 2 * ["10.99.0.10"], "a second ISAKMP SA with the address")
    ping(as_virtual(a, "10.99.0.10"))
    assert leases(ours) == {"10.99.0.10": "alice@lab"}
    charon.wait_for(lambda: "REKEYED" in [sa["state"] for sa in ours.control.sas()], "the second one in use")
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    ours = lab.again(ours)
    assert leases(ours) == {"10.99.0.10": "alice@lab"}
    charon.wait_for(lambda: bool(ours.control.children()), "a new pair")
    ping(as_virtual(a, "10.99.0.10"))


def _addresses(ours: OurGateway) -> list[str]:
    return [address for sa in ours.control.sas() for address in sa.get("remote-vips", ())]


def test_charon_as_client_with_ipv6_inside(lab: Lab) -> None:
    """An address has 16 octets (draft-dukes-ike-mode-cfg-02 §3.4)."""
    a, b = lab.direct(inside=6)
    options = replace(gateway(), local=b.network, others='[pools.office]\naddresses = "fd99::10-fd99::20"\n')
    ours = lab.ours(b, options)
    charon = lab.charon(a, replace(client(), connection="vips = ::", remote_ts=b.network))
    charon.control.initiate()
    assert leases(ours) == {"fd99::10": "alice@lab"}
    ping(as_virtual(a, "fd99::10"))
    assert int(ours.control.child()["packets-in"]) >= 3


@METHODS
def test_two_clients_behind_one_nat(lab: Lab, method: str) -> None:
    """Both have the identity of the group, and the same address inside their networks' NAT."""
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, gateway(method))
    for node in (c1, c2):
        lab.charon(node, client(method)).control.initiate()
    assert set(leases(ours)) == {"10.99.0.10", "10.99.0.11"}
    one, other = as_virtual(c1, "10.99.0.10"), as_virtual(c2, "10.99.0.11")
    for node in (one, other, one):
        ping(node)
    tcp(one, gw, lab)
    tcp(other, gw, lab)
    assert len(ours.control.children()) == 2


@METHODS
def test_charon_as_gateway(lab: Lab, method: str) -> None:
    a, b = lab.direct()
    pull = "yes" if method == "pull" else "no"
    pools = "pools { office { addrs = 10.99.0.64/29\n dns = 10.10.2.53\n 28672 = hello } }"
    lab.charon(
        b,
        CharonOptions(
            connection=f"pools = office\npull = {pull}",
            remote_ts="dynamic",
            local_ts="10.10.2.0/24",
            modules="attr unity",
            settings="cisco_unity = yes",
            others=pools,
        ),
    )
    ours = lab.ours(
        a,
        OurOptions(
            calls=True,
            local="dynamic",
            remote="0.0.0.0/0",
            extra=f'vips = "0.0.0.0"\nmode_config = "{method}"',
            data_plane="userspace",
        ),
    )
    ours.control.initiate()
    (sa,) = ours.control.sas()
    (address,) = sa["local-vips"]
    assert address in a.run("ip", "-br", "addr", "show", "dev", "ikev1")
    ping(as_virtual(a, address))
    tcp(as_virtual(a, address), b, lab)
    assert int(ours.control.child()["packets-in"]) > 3
    ours.control.terminate(ike="peer")
    assert address not in a.run("ip", "-br", "addr", "show", "dev", "ikev1")


def test_charon_as_gateway_that_accepts_named_networks_only(lab: Lab) -> None:
    """Without its unity plugin, it refuses what is more than the network of its child."""
    a, b = lab.direct()
    pools = "pools { office { addrs = 10.99.0.64/29\n split_include = 10.10.2.0/24 } }"
    options = CharonOptions(connection="pools = office", remote_ts="dynamic", local_ts="10.10.2.0/24", others=pools)
    lab.charon(b, options)
    ours = lab.ours(
        a,
        OurOptions(calls=True, local="dynamic", remote="0.0.0.0/0", extra='vips = "0.0.0.0"', data_plane="userspace"),
    )
    ours.control.initiate()
    assert ours.control.child()["remote-ts"] == ["10.10.2.0/24"]
    assert "(refused-by-peer)" not in ours.log()
    (address,) = ours.control.sas()[0]["local-vips"]
    ping(as_virtual(a, address))


def test_the_split_network_of_charon_as_gateway(lab: Lab) -> None:
    """Its unity plugin accepts a request for everything, and carries the network that it names."""
    a, b = lab.direct()
    pools = "pools { office { addrs = 10.99.0.64/29 } }"
    lab.charon(
        b,
        CharonOptions(
            connection="pools = office",
            remote_ts="dynamic",
            local_ts="10.10.2.0/24",
            modules="attr unity",
            settings="cisco_unity = yes",
            others=pools,
        ),
    )
    options = OurOptions(calls=True, local="dynamic", remote="0.0.0.0/0", data_plane="userspace")
    ours = lab.ours(a, replace(options, extra='vips = "0.0.0.0"'))
    ours.control.initiate()
    assert "split include 10.10.2.0/24" in ours.log()
    assert ours.control.child()["remote-ts"] == ["0.0.0.0/0"]
    (address,) = ours.control.sas()[0]["local-vips"]
    ping(as_virtual(a, address))


def test_vpnc(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b))
    vpnc = connect(lab, a, ours)
    told = vpnc.told("connect")
    assert told["INTERNAL_IP4_ADDRESS"] == "10.99.0.10"
    assert told["INTERNAL_IP4_NETMASK"] == "255.255.255.0"
    assert told["INTERNAL_IP4_DNS"] == "10.10.2.53"
    assert told["CISCO_BANNER"] == "Welcome to the lab"
    assert told["CISCO_DEF_DOMAIN"] == "lab.example"
    at_work = as_virtual(a, "10.99.0.10")
    ping(at_work)
    tcp(at_work, b, lab)
    tcp(b, at_work, lab)
    assert leases(ours) == {"10.99.0.10": "carol"}
    vpnc.stop()
    ours.wait_for(lambda: leases(ours) == {}, "the end of the lease")


def test_vpnc_with_split_networks(lab: Lab) -> None:
    assert_split_networks(lab, "userspace")


def test_more_attributes_of_cisco_at_vpnc(lab: Lab) -> None:
    """It asks neither for networks to exclude nor for backup servers, and gets neither."""
    a, b = lab.direct()
    options = cisco(lab, b, pool=f'{EXCLUDED}split_dns = ["corp.example", "lab.example"]\npfs = true')
    ours = lab.ours(b, replace(options, configuration=f'{options.configuration}pfs = "modp1024"\n'))
    vpnc = connect(lab, a, ours, VpncOptions(pfs="server"))
    told = vpnc.told("connect")
    assert told["CISCO_SPLIT_DNS"] == "corp.example,lab.example"
    assert not [name for name in told if "SPLIT_EXC" in name or "BACKUP" in name]
    assert ours.control.child()["dh-group"] == "MODP_1024"
    ping(as_virtual(a, "10.99.0.10"))


def test_networks_for_the_unity_plugin_of_charon(lab: Lab) -> None:
    """As client, it narrows its policies to the networks to include, and has those to exclude bypass them."""
    a, b = lab.direct()
    split = 'split_include = ["10.10.2.0/24", "10.10.3.0/24"]\n'
    further = '[connection.peer.tunnel.further]\nlocal = "10.10.3.0/24"\nproposals = ["aes128-sha256"]\n'
    ours = lab.ours(b, replace(gateway(), others=f"{POOL}{EXCLUDED}{split}{further}"))
    charon = lab.charon(a, replace(client(), remote_ts="0.0.0.0/0", modules="attr unity", settings="cisco_unity = yes"))
    charon.control.initiate()
    assert set(charon.control.child()["remote-ts"]) == {"10.10.2.0/24", "10.10.3.0/24"}
    policies = charon.control.swanctl("--list-pols", directory=charon.directory).stdout
    assert re.search(r"10\.10\.9\.0/24\), PASS", policies)
    for end in (charon, ours):
        first = ours.control.child()["uniqueid"]
        end.control.rekey()
        ping(as_virtual(a, "10.99.0.10"))
        await_another_pair(ours, first)
        assert ours.control.child()["local-ts"] == ["10.10.2.0/24", "10.10.3.0/24"]


def test_two_vpncs_behind_one_nat(lab: Lab) -> None:
    """One group identity, two users."""
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, cisco(lab, gw))
    connect(lab, c1, ours)
    connect(lab, c2, ours, VpncOptions(user="dave", password="dave-password"))
    assert leases(ours) == {"10.99.0.10": "carol", "10.99.0.11": "dave"}
    one, other = as_virtual(c1, "10.99.0.10"), as_virtual(c2, "10.99.0.11")
    for node in (one, other, one):
        ping(node)
    tcp(one, gw, lab)
    tcp(other, gw, lab)


def test_the_address_of_a_user(lab: Lab) -> None:
    """The backend decides about the address and the name servers."""
    a, b = lab.direct()
    ours = lab.ours(b, cisco(lab, b))
    vpnc = connect(lab, a, ours, VpncOptions(user="erin"))
    assert vpnc.told("connect")["INTERNAL_IP4_DNS"] == "10.10.2.99"
    assert leases(ours) == {"10.99.0.15": "erin"}
    ping(as_virtual(a, "10.99.0.15"))


def test_the_second_client_of_a_user_takes_the_address_over(lab: Lab) -> None:
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, cisco(lab, gw))
    for node in (c1, c2):
        connect(lab, node, ours)
    ours.wait_for(lambda: len(ours.control.sas()) == 1, "the end of the first client's SA")
    assert leases(ours) == {"10.99.0.10": "carol"}
    ping(as_virtual(c2, "10.99.0.10"))


@pytest.mark.parametrize("nat", [True, False])
def test_the_first_client_of_a_user_learns_at_once_that_a_second_one_has_come(lab: Lab, nat: bool) -> None:
    """By Deletes for its pair and its ISAKMP SA; dead peer detection would take minutes. Without its pair, vpnc asks
    for another one for half a minute before it ends.
    """
    c1, c2, gw = lab.two_behind_nat() if nat else lab.two_routed()
    ours = lab.ours(gw, cisco(lab, gw))
    first = connect(lab, c1, ours, VpncOptions(dpd=600))
    pair = ours.control.child()["uniqueid"]
    connect(lab, c2, ours)
    first.wait_for_log("got delete for old connection")
    assert leases(ours) == {"10.99.0.10": "carol"}
    (sa,) = ours.control.sas()
    assert sa["remote-host"] == (gw.peer if nat else c2.address)
    assert ours.control.child()["uniqueid"] != pair
    ping(as_virtual(c2, "10.99.0.10"))


def test_a_client_that_crashed_gets_its_address_again(lab: Lab) -> None:
    """It reconnects from the same address: the same client of the user."""
    c1, _, gw = lab.two_routed()
    ours = lab.ours(gw, cisco(lab, gw))
    first = connect(lab, c1, ours)
    first.send_signal(signal.SIGKILL)
    first.wait()
    connect(lab, c1, ours)
    assert leases(ours) == {"10.99.0.10": "carol"}
    ping(as_virtual(c1, "10.99.0.10"))


def test_the_second_client_of_a_user_is_rejected(lab: Lab) -> None:
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, cisco(lab, gw, unique="keep"))
    connect(lab, c1, ours)
    with pytest.raises(LabError):
        lab.vpnc(c2, VpncOptions())
    assert "(no-address)" in ours.log()
    assert leases(ours) == {"10.99.0.10": "carol"}
    ping(as_virtual(c1, "10.99.0.10"))


def test_the_clients_of_a_user_by_command(lab: Lab) -> None:
    """``unique = "never"``: two clients, two addresses."""
    c1, c2, gw = lab.two_behind_nat()
    ours = lab.ours(gw, cisco(lab, gw, unique="never"))
    for node, address in ((c1, "10.99.0.10"), (c2, "10.99.0.11")):
        connect(lab, node, ours)
        ping(as_virtual(node, address))
    shown = json.loads(ours.command("show", "users", "--json"))
    assert [user["addresses"] for user in shown if user["user"] == "carol"] == [["10.99.0.10"], ["10.99.0.11"]]
    (pool,) = json.loads(ours.command("show", "pools", "--json"))
    assert (pool["pool"], pool["size"], pool["online"]) == ("office", 11, 2)
    assert {lease["owner"] for lease in json.loads(ours.command("show", "leases", "--json"))} == {"carol"}
    ours.command("down", "--user", "carol")
    assert not ours.control.sas()
    assert json.loads(ours.command("show", "users", "--json")) == []
