"""Configurations of vpnc and profiles of the Cisco VPN Client: their keys, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikev1.config import ConfigError, Finding, Loaded, Rule, load
from ikev1.config.formats import read, recognised
from ikev1.core.records.settings import Connection, Mode, NatTraversal, Start, XauthRole

Write = Callable[..., Path]
VPNC = """
# the head office
IPSec gateway vpn.example.org
IPSec ID "the staff"
IPSec secret what all  know
Xauth username alice
Xauth password of alice
"""
PCF = """[main]\r
Description=Head office\r
!Host=192.0.2.1\r
AuthType=1\r
GroupName=staff\r
GroupPwd=what all know\r
enc_GroupPwd=\r
Username=alice\r
UserPassword=of alice\r
"""


@pytest.fixture
def vpnc(write: Write) -> Callable[..., Loaded]:
    """Loads a configuration of vpnc with these lines more."""
    return lambda more="", base=VPNC, ignored=(): load(write(more + "\n" + base, "office.conf"), ignored=ignored)


@pytest.fixture
def pcf(write: Write) -> Callable[..., Loaded]:
    """Loads a profile with these lines more."""
    return lambda more="", base=PCF, ignored=(): load(write(f"{base}{more}\n", "office.pcf"), ignored=ignored)


def only(loaded: Loaded) -> Connection:
    (connection,) = loaded.settings.connections
    return connection


def faults(loading: Callable[..., Loaded], *arguments: Any, **named: Any) -> tuple[Finding, ...]:
    with pytest.raises(ConfigError) as caught:
        loading(*arguments, **named)
    return caught.value.findings


def test_a_connection_of_vpnc(vpnc: Callable[..., Loaded]) -> None:
    connection = only(vpnc())
    assert connection.name == "office"
    assert connection.remote_address == "vpn.example.org"
    assert (connection.local_id, connection.remote_id) == ("keyid:the staff", "%any")
    assert connection.secret == b"what all  know"
    assert connection.mode is Mode.AGGRESSIVE
    assert (connection.xauth, connection.xauth_user) == (XauthRole.CLIENT, "alice")
    assert connection.xauth_secret == b"of alice"
    assert connection.vips == ("0.0.0.0",)
    (tunnel,) = connection.tunnels
    assert str(tunnel.remote) == "0.0.0.0/0"
    assert tunnel.start is Start.START
    assert connection.dpd_delay == 300
    assert {policy.suite.group for policy in connection.policies} == {2}
    assert {(policy.suite.encryption, policy.suite.key_length) for policy in connection.policies} == {
        (7, 256),
        (7, 192),
        (7, 128),
    }


def test_a_connection_of_ciscos_client(pcf: Callable[..., Loaded]) -> None:
    connection = only(pcf("PeerTimeout=120\nEnableLocalLAN=1\nDHGroup=5\nNTDomain=CORP"))
    assert (connection.remote_address, connection.local_id) == ("192.0.2.1", "keyid:staff")
    assert (connection.secret, connection.xauth_secret) == (b"what all know", b"of alice")
    assert connection.xauth_domain == "CORP"
    assert (connection.dpd_delay, connection.dpd_timeout) == (20, 120)
    assert connection.local_lan
    assert {policy.suite.group for policy in connection.policies} == {5}
    assert {5, 7} == {policy.suite.encryption for policy in connection.policies}


def test_the_first_value_of_a_key_counts(vpnc: Callable[..., Loaded]) -> None:
    assert only(vpnc("ipsec GATEWAY 192.0.2.7")).remote_address == "192.0.2.7"


def test_backup_servers(pcf: Callable[..., Loaded]) -> None:
    connection = only(pcf("EnableBackup=1\nBackupServer=192.0.2.2, gw.example.org"))
    assert connection.further_remote_addresses == ("192.0.2.2", "gw.example.org")
    assert only(pcf("EnableBackup=0\nBackupServer=192.0.2.2")).further_remote_addresses == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NAT Traversal Mode natt", NatTraversal.AUTO),
        ("NAT Traversal Mode none", NatTraversal.OFF),
        ("NAT Traversal Mode force-natt", NatTraversal.FORCE),
        ("Disable NAT Traversal", NatTraversal.OFF),
    ],
)
def test_nat_traversal_of_vpnc(vpnc: Callable[..., Loaded], line: str, expected: NatTraversal) -> None:
    assert only(vpnc(line)).nat_traversal is expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("EnableNat=1", NatTraversal.AUTO),
        ("EnableNat=0", NatTraversal.OFF),
        ("EnableNat=1\nX-NM-Use-NAT-T=0\nX-NM-Force-NAT-T=1", NatTraversal.FORCE),
    ],
)
def test_nat_traversal_of_ciscos_client(pcf: Callable[..., Loaded], lines: str, expected: NatTraversal) -> None:
    assert only(pcf(lines)).nat_traversal is expected


def test_more_keys_of_vpnc(vpnc: Callable[..., Loaded]) -> None:
    loaded = vpnc(
        "IPSEC target network 10.1.0.0/255.255.0.0\nPerfect Forward Secrecy dh14\nIKE DH Group dh16\nLocal Port 10500\n"
        "Interface name vpn7\nDPD idle timeout (our side) 0\nEnable weak encryption\nEnable weak authentication\n"
        "Local Addr 192.0.2.9\nDomain CORP"
    )
    connection = only(loaded)
    (tunnel,) = connection.tunnels
    assert str(tunnel.remote) == "10.1.0.0/16"
    assert {proposal.group for proposal in tunnel.proposals} == {14}
    assert {policy.suite.group for policy in connection.policies} == {16}
    assert {policy.suite.encryption for policy in connection.policies} == {5, 7}
    assert {policy.suite.hash for policy in connection.policies} == {1, 2}
    assert (loaded.gateway.port, loaded.gateway.tun) == (10_500, "vpn7")
    assert (connection.dpd_delay, connection.local_address, connection.xauth_domain) == (0, "192.0.2.9", "CORP")


def test_a_script_of_vpnc_replaces_our_routes(vpnc: Callable[..., Loaded]) -> None:
    loaded = vpnc("Script /etc/vpnc/script --x")
    connection = only(loaded)
    assert not connection.install_routes
    assert not connection.install_dns
    assert connection.tunnels[0].updown[-1] == "/etc/vpnc/script --x"
    assert loaded.gateway.data_plane == "userspace"


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ("IPSec secrett hidden", "line 1", Rule.UNKNOWN_KEY),
        ("hidden", "line 1", Rule.UNKNOWN_KEY),
        ("IPSec gateway", "IPSec gateway", Rule.INVALID_VALUE),
        ("Enable no encryption", "Enable no encryption", Rule.INVALID_VALUE),
        ("IKE DH Group dh99", "IKE DH Group", Rule.INVALID_VALUE),
        ("IKE DH Group 2", "IKE DH Group", Rule.INVALID_VALUE),
        ("Perfect Forward Secrecy bogus", "Perfect Forward Secrecy", Rule.INVALID_VALUE),
        ("IKE Authmode trust-me", "IKE Authmode", Rule.INVALID_VALUE),
        ("IKE Authmode cert", "IKE Authmode", Rule.NOT_SUPPORTED),
        ("NAT Traversal Mode cisco-udp", "NAT Traversal Mode", Rule.NOT_SUPPORTED),
        ("IPSec obfuscated secret 00", "IPSec obfuscated secret", Rule.INVALID_SECRET),
        ("DPD idle timeout (our side) soon", "DPD idle timeout (our side)", Rule.INVALID_VALUE),
        ("IPSEC target network everything", "IPSEC target network", Rule.INVALID_VALUE),
    ],
)
def test_errors_of_vpnc_name_the_line(vpnc: Callable[..., Loaded], line: str, key: str, rule: Rule) -> None:
    found = faults(vpnc, line)
    assert (key, rule, 1) in [(error.key, error.rule, error.line) for error in found]
    assert "hidden" not in "\n".join(map(str, found))


@pytest.mark.parametrize("line", ["Vendor netscreen", "Debug 2", "Password helper /bin/x", "No Detach"])
def test_what_does_no_harm_is_a_warning(vpnc: Callable[..., Loaded], line: str) -> None:
    assert (Rule.NO_COUNTERPART, 1) in [(warning.rule, warning.line) for warning in vpnc(line).warnings]


@pytest.mark.parametrize("line", ["Vendor cisco", "Interface mode tun"])
def test_what_is_usual_is_none(vpnc: Callable[..., Loaded], line: str) -> None:
    assert not any(warning.rule is Rule.NO_COUNTERPART for warning in vpnc(line).warnings)


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ("TunnelingMode=1", "TunnelingMode", Rule.NOT_SUPPORTED),
        ("!VerifyCertDN=CN=gw", "VerifyCertDN", Rule.NOT_SUPPORTED),
        ("DHGrop=2", "line 10", Rule.UNKNOWN_KEY),
        ("GroupPwdhidden=", "line 10", Rule.UNKNOWN_KEY),
        ("DHGroup=7", "DHGroup", Rule.INVALID_VALUE),
        ("EnableNat=maybe", "EnableNat", Rule.INVALID_VALUE),
        ("PeerTimeout=-1", "PeerTimeout", Rule.INVALID_VALUE),
        ("enc_UserPassword=zz", "enc_UserPassword", Rule.INVALID_SECRET),
        ("hidden", "line 10", Rule.SYNTAX),
        ("[Other]", "[Other]", Rule.UNKNOWN_KEY),
    ],
)
def test_errors_of_ciscos_client_name_the_line(pcf: Callable[..., Loaded], line: str, key: str, rule: Rule) -> None:
    found = faults(pcf, line)
    assert (key, rule, 10) in [(error.key, error.rule, error.line) for error in found]
    assert "hidden" not in "\n".join(map(str, found))


def test_what_is_not_supported_can_be_ignored(vpnc: Callable[..., Loaded], pcf: Callable[..., Loaded]) -> None:
    assert only(vpnc("NAT Traversal Mode cisco-udp", ignored=["NAT Traversal Mode"]))
    assert only(vpnc("IPSec hash sha1", ignored=["line 1"]))
    assert only(pcf("TunnelingMode=1", ignored=["TunnelingMode"]))


def test_certificates_are_elsewhere(pcf: Callable[..., Loaded]) -> None:
    found = faults(pcf, base=PCF.replace("AuthType=1", "AuthType=3"), more="CertName=alice")
    assert ("CertName", Rule.NOT_SUPPORTED) in [(error.key, error.rule) for error in found]


@pytest.mark.parametrize("left_out", ["IPSec gateway", "IPSec secret", "Xauth username"])
def test_what_vpnc_asks_for_is_missing(vpnc: Callable[..., Loaded], left_out: str) -> None:
    base = "\n".join(line for line in VPNC.splitlines() if not line.startswith(left_out))
    (error,) = faults(vpnc, base=base)
    assert error.rule in {Rule.MISSING_KEY, Rule.NO_CREDENTIAL}


def test_a_missing_password_is_a_warning(vpnc: Callable[..., Loaded]) -> None:
    loaded = vpnc(base=VPNC.replace("Xauth password of alice", ""))
    assert Rule.MISSING_KEY in {warning.rule for warning in loaded.warnings}


def test_hybrid_authentication_needs_the_authority(vpnc: Callable[..., Loaded]) -> None:
    assert Rule.MISSING_KEY in {error.rule for error in faults(vpnc, "IKE Authmode hybrid")}


def test_secrets_in_a_file_that_others_can_read(write: Write) -> None:
    for name, text in (("office.conf", VPNC), ("office.pcf", PCF)):
        with pytest.raises(ConfigError) as caught:
            load(write(text, name, 0o644))
        assert {error.rule for error in caught.value.findings} == {Rule.READABLE_BY_OTHERS}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("office.conf", VPNC, "vpnc"),
        ("default.conf", "Xauth username x\nDebug 1\n", "vpnc"),
        ("office", PCF, "pcf"),
        ("OFFICE.PCF", "[MAIN]\nhost = x\n", "pcf"),
        ("other", "[main]\nkey=value\n", "toml"),
    ],
)
def test_files_are_recognised(write: Write, name: str, text: str, expected: str) -> None:
    assert recognised(write(text, name)) == expected


def test_comments_are_kept(write: Write) -> None:
    imported = read(write(VPNC, "office.conf"))
    place = imported.places.exactly("connection.office.remote_address")
    assert place is not None
    assert place.comments == ("the head office",)
