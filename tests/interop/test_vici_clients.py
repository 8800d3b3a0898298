"""Programs that control and watch charon over VICI, on our gateway: swanctl with a whole folder, and an exporter for
Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509

from lab import pki
from lab.charon import CharonOptions, swanctl_folder
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.socks import web_server

# The fields that ipsec-prometheus-exporter (torilabs) reads as numbers
OF_IKE = ("version", "local-port", "remote-port", "encr-keysize", "established", "rekey-time", "reauth-time")
OF_CHILD = (
    *("encr-keysize", "bytes-in", "packets-in", "use-in", "bytes-out", "packets-out", "use-out"),
    *("rekey-time", "life-time", "install-time"),
)
SHOWN = ("state", "local-ts", "remote-ts")
OF_CONNECTION = ("local_port", "remote_port", "reauth_time", "rekey_time")
OF_CONFIGURED_CHILD = ("rekey_time", "rekey_bytes", "rekey_packets")


def numbers(section: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, int]:
    """Those of ``section``; what is no number, the exporter cannot read."""
    return {name: int(section[name]) for name in names if name in section}


def scraped(control: Control) -> dict[str, Any]:
    """What the exporter asks, each list in a session of its own: SAs, connections and certificates."""
    found: dict[str, Any] = {"sas": {}, "connections": {}}
    with control.session() as session:
        for event in session.list_sas():
            for name, sa in event.items():
                children = {
                    child["name"].decode(): (
                        numbers(child, OF_CHILD),
                        *map(child.get, ("state", "local-ts", "remote-ts")),
                    )
                    for child in sa["child-sas"].values()
                }
                found["sas"][name] = numbers(sa, OF_IKE), sa["state"], children
    with control.session() as session:
        for event in session.list_conns():
            for name, connection in event.items():
                configured = {
                    child: (numbers(section, OF_CONFIGURED_CHILD), section["local-ts"], section["remote-ts"])
                    for child, section in connection["children"].items()
                }
                found["connections"][name] = numbers(connection, OF_CONNECTION), configured
    with control.session() as session:
        certificates = [event for event in session.list_certs({"type": "X509"}) if event["type"] == b"X509"]
    parsed = [x509.load_der_x509_certificate(each["data"]) for each in certificates]
    found["certificates"] = {each.subject.rfc4514_string() for each in parsed}
    return found


def scraped_at_once(control: Control) -> tuple[Any, ...]:
    """What ipsec_exporter (sergeymakinen) asks, in one session."""
    with control.session() as session:
        stats, pools, sas = session.stats(), session.get_pools(), list(session.list_sas())
    workers = stats["workers"]
    found = [stats["ikesas"]["total"], stats["ikesas"]["half-open"], workers["total"], workers["active"]["critical"]]
    return [int(each) for each in found], set(stats["uptime"]), pools, [list(event) for event in sas]


def test_an_exporter_reads_us_as_it_reads_charon(lab: Lab) -> None:
    a, b = lab.direct()
    certified = CharonOptions(certificate="gw-rsa", plane="noesp", rekey_time="50m")
    charon = lab.charon(b, certified)
    ours = lab.ours(a, OurOptions(calls=True, certificate="alice-rsa", data_plane="nobody"))
    ours.control.initiate()
    theirs, our = scraped(charon.control), scraped(ours.control)
    assert our["certificates"] == {"CN=alice@lab,O=lab,C=XX", "CN=lab CA,O=lab,C=XX"} <= theirs["certificates"]
    for found in (theirs, our):
        ike, _, children = found["sas"]["peer"]
        child, *_ = children["net"]
        assert set(OF_IKE) - ike.keys() <= {"reauth-time", "rekey-time"}
        assert set(OF_CHILD) - child.keys() <= {"use-in", "use-out"}  # there was no packet
        assert found["connections"]["peer"][0].keys() == set(OF_CONNECTION) - missing(found, theirs)
    # the ends have each other's networks
    ((_, state, local, remote),) = our["sas"]["peer"][2].values()
    ((_, their_state, their_local, their_remote),) = theirs["sas"]["peer"][2].values()
    assert (state, local, remote) == (their_state, their_remote, their_local)
    assert theirs["sas"]["peer"][0].keys() - our["sas"]["peer"][0].keys() <= {"reauth-time"}

    counts, uptime, pools, sas = scraped_at_once(ours.control)
    their_counts, their_uptime, *_ = scraped_at_once(charon.control)
    assert counts[:2] == their_counts[:2] == [1, 0]
    assert uptime == their_uptime
    assert (dict(pools), sas) == ({}, [["peer"]])


def missing(found: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    """charon leaves out the ports if they are the usual ones."""
    return {"local_port", "remote_port"} - theirs["connections"]["peer"][0].keys() if found is theirs else set()


FILE = """
connections {{ site {{
    version = 1
    local_addrs = {here}
    remote_addrs = {there}
    proposals = aes128-sha256-modp2048
    {more}
    local {{ auth = pubkey
             certs = alice-rsa.crt
             id = alice@lab }}
    remote {{ auth = pubkey
              cacerts = ca.crt
              revocation = strict
              id = gw.lab }}
    children {{ net {{ local_ts = {local}
                       remote_ts = {remote}
                       esp_proposals = aes128-sha256 }} }}
}} }}
pools {{ office {{ addrs = 10.99.0.0/28
                   dns = 10.1.0.53 }} }}
authorities {{ lab {{ cacert = ca.crt
                     crl_uris = http://127.0.0.1/page }} }}
"""


def written(node: Node, more: str = "") -> str:
    return FILE.format(here=node.address, there=node.peer, local=node.network, remote=node.remote, more=more)


@pytest.fixture
def ours(lab: Lab) -> OurGateway:
    """A gateway without a connection, beside a charon that waits for one."""
    a, b = lab.direct()
    lab.charon(b, CharonOptions(certificate="gw-rsa", plane="noesp"))
    return lab.ours(a, OurOptions(configuration="[gateway]\n", data_plane="nobody"))


def test_swanctl_loads_a_folder_changes_it_and_takes_it_away(lab: Lab, ours: OurGateway) -> None:
    folder = lab.folder("swanctl")
    web = web_server(lab, ours.node, "127.0.0.1", pki.REVOCATION_LIST)

    def swanctl(*arguments: str, status: int = 0) -> str:
        done = ours.control.swanctl(*arguments, directory=folder)
        assert done.returncode == status, done.stdout + done.stderr
        assert "(null)" not in done.stdout
        return done.stdout + done.stderr

    swanctl_folder(folder, written(ours.node), "alice-rsa")
    said = swanctl("--load-all", "--noprompt")
    for line in (
        "loaded certificate from",
        " key from",
        "loaded authority 'lab'",
        "loaded pool 'office'",
        "loaded connection 'site'",
        "successfully loaded 1 connections, 0 unloaded",
    ):
        assert line in said
    ours.control.initiate()
    (pair,) = ours.control.children()

    said = swanctl("--list-certs")
    assert "has private key" in said
    assert "List of X.509 End Entity Certificates" in said
    assert "List of X.509 CA Certificates" in said
    assert "http://127.0.0.1/page" in swanctl("--list-authorities")
    assert "GET /page" in web.log()  # the status of charon's certificate must be known
    assert "List of X.509 CRLs" in said
    assert "office" in swanctl("--list-pools", "--leases")
    said = swanctl("--counters", "--all")
    assert "site:" in said
    assert " ike-init-out-req" in said
    swanctl("--counters", "--reset", "--name", "site")
    swanctl("--flush-certs")
    swanctl("--reload-settings")
    assert "site: IKEv1" in swanctl("--list-conns")  # what was loaded stays when the file is read again

    # once more: nothing changes; changed: the SAs stay
    assert "successfully loaded 1 connections, 0 unloaded" in swanctl("--load-all", "--noprompt")
    (folder / "swanctl.conf").write_text(written(ours.node, "dpd_delay = 30s"))
    swanctl("--load-all", "--noprompt")
    assert "dpd delay 30s" in swanctl("--list-conns")
    (folder / "swanctl.conf").write_text(written(ours.node, "dpd_delay = soon"))
    assert "connections.site.dpd_delay" in swanctl("--load-all", "--noprompt", status=22)
    assert "dpd delay 30s" in swanctl("--list-conns")
    assert ours.control.child()["spi-in"] == pair["spi-in"]

    (folder / "swanctl.conf").write_text("")
    said = swanctl("--load-all", "--noprompt")
    assert "no connections found, 1 unloaded" in said
    assert swanctl("--list-conns") == swanctl("--list-pools") == swanctl("--list-authorities") == ""
    assert ours.control.child()["spi-in"] == pair["spi-in"]
    swanctl("--terminate", "--ike", "site")
