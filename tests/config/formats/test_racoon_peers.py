"""Who is accepted by what racoon.conf and psk.txt become: nobody whom racoon refuses."""

from __future__ import annotations

import pytest

from ikev1.config import Rule
from racoon_conf import PROPOSAL, SAINFO, Racoon, remote

from .conftest import Write


@pytest.fixture
def racoon(write: Write) -> Racoon:
    return Racoon(write)


def test_the_key_of_one_peer_is_not_that_of_another(racoon: Racoon) -> None:
    racoon.keys = "192.0.2.66 the key of another peer\n"
    found = racoon.faults(remote(who="anonymous"), SAINFO)
    assert ("spdadd", Rule.NO_CREDENTIAL) in found


def test_a_peer_has_the_key_of_everybody_only_without_its_own(racoon: Racoon) -> None:
    racoon.keys = "* everybody's\n198.51.100.9 of another peer\n"
    loaded = racoon.load(remote(who="anonymous"), SAINFO)
    found = {each.remotes: each.secret for each in loaded.settings.connections}
    assert found[("198.51.100.7",)] == b"everybody's"


def test_names_that_are_alike(racoon: Racoon) -> None:
    sections = (
        remote("exchange_mode main;", f"remote_address {address};", who=f'"{name}"')
        for name, address in (("a.b", "198.51.100.7"), ("a-b", "198.51.100.8"))
    )
    assert Rule.NO_CREDENTIAL in {rule for _, rule in racoon.faults(*sections, SAINFO)}


def test_the_key_of_an_identity_precedes_that_of_everybody(racoon: Racoon) -> None:
    racoon.keys, racoon.policies = "* everybody's\nfoo.example.org of foo\n192.0.2.66 of an address\n", ""
    lines = ("exchange_mode aggressive;", "generate_policy on;")
    loaded = racoon.load(remote(*lines, who="anonymous"), SAINFO)
    assert [(each.remotes, each.remote_id, each.secret) for each in loaded.settings.connections] == [
        (("%any",), "@foo.example.org", b"of foo"),
        (("192.0.2.66",), "%any", b"of an address"),
        (("%any",), "%any", b"everybody's"),
    ]


def test_an_owner_is_no_pattern(racoon: Racoon) -> None:
    racoon.keys, racoon.policies = "*.example.org secret\n", ""
    lines = ("exchange_mode aggressive;", "generate_policy on;")
    assert ("psk.txt", Rule.NOT_SUPPORTED) in racoon.faults(remote(*lines, who="anonymous"), SAINFO)


@pytest.mark.parametrize(
    "written",
    [
        'fqdn "*.example.org"',
        'user_fqdn "*@example.org"',
        'asn1dn "%any"',
        'asn1dn "C=CH, CN=*.example.org"',
        'asn1dn "C=CH, CN=a*"',
    ],
)
def test_an_identity_is_no_wider_pattern_than_that_of_racoon(racoon: Racoon, written: str) -> None:
    section = remote("exchange_mode main;", f"peers_identifier {written};", "verify_identifier on;")
    assert ("remote 198.51.100.7.peers_identifier", Rule.INVALID_IDENTITY) in racoon.faults(section, SAINFO)


def test_a_whole_value_of_a_name_may_be_any(racoon: Racoon) -> None:
    section = remote("exchange_mode main;", 'peers_identifier asn1dn "C=CH, CN=*";', "verify_identifier on;")
    assert racoon.connection(section, SAINFO).remote_id == "C=CH, CN=*"


@pytest.mark.parametrize("kind", ["asn1dn", "address"])
def test_a_kind_of_identity_is_not_checked_in_silence(racoon: Racoon, kind: str) -> None:
    section = remote("exchange_mode main;", f"peers_identifier {kind};", "verify_identifier on;")
    loaded = racoon.load(section, SAINFO)
    assert ("remote 198.51.100.7.peers_identifier", Rule.NO_COUNTERPART) in {
        (each.key, each.rule) for each in loaded.warnings
    }


def test_all_traffic_that_peers_may_propose(racoon: Racoon) -> None:
    racoon.policies = ""
    sainfos = (
        SAINFO.replace("anonymous", f"address 10.{number}.0.0/16 any address 10.9.0.0/16 any") for number in (1, 2)
    )
    connection = racoon.connection(remote("exchange_mode main;", "generate_policy on;", proposal=PROPOSAL), *sainfos)
    assert {str(tunnel.local) for tunnel in connection.tunnels} == {"10.1.0.0/16", "10.2.0.0/16"}
