"""Phase 1 policies: by priority, in Cisco's words and in strongSwan's."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.config import Loaded
from ikev1.core.records.model import Phase1Suite
from ikev1.core.records.settings import DAY, Policy

Refused = Callable[..., dict[str, str]]
Load = Callable[..., Loaded]

CONNECTION = '[connection.branch]\nsecret = "s"\n'
AES_128_SHA1_GROUP_2 = Phase1Suite(7, 128, 2, 2)
AES_256_SHA256_GROUP_14 = Phase1Suite(7, 256, 4, 14)
TRIPLE_DES_MD5_GROUP_5 = Phase1Suite(5, 0, 1, 5)


def policies(loaded: Loaded) -> tuple[Policy, ...]:
    return loaded.settings.connections[0].policies


def test_policies_are_sorted_by_priority(loaded: Load) -> None:
    found = loaded(
        """
        [policy.20]
        encryption = "aes"
        hash = "sha"
        group = 2
        authentication = "pre-share"
        lifetime = "8h"
        lifetime_kilobytes = "4500M"
        [policy.3]
        encryption = "aes 256"
        hash = "sha256"
        group = "modp2048"
        """
        + CONNECTION
    )
    assert policies(found) == (
        Policy(3, AES_256_SHA256_GROUP_14, DAY),
        Policy(20, AES_128_SHA1_GROUP_2, 28_800, 4_608_000, lifetime_set=True),
    )


def test_without_policies_there_are_sound_defaults(loaded: Load) -> None:
    found = loaded(CONNECTION)
    assert policies(found)[0].suite == AES_256_SHA256_GROUP_14
    assert "weak" not in str(found.warnings)


def test_proposals_of_a_connection_replace_the_policies(loaded: Load) -> None:
    found = loaded(
        '[policy.1]\nencryption = "des"\nhash = "md5"\ngroup = 1\n'
        + CONNECTION
        + 'proposals = ["aes256-sha256-modp2048", "3des-md5-modp1536"]\nlifetime = "1h"'
    )
    assert policies(found) == (
        Policy(1, AES_256_SHA256_GROUP_14, 3600, lifetime_set=True),
        Policy(2, TRIPLE_DES_MD5_GROUP_5, 3600, lifetime_set=True),
    )


def test_a_lifetime_of_a_connection_holds_for_global_policies_too(loaded: Load) -> None:
    found = loaded('[policy.7]\nencryption = "aes"\nhash = "sha"\ngroup = 2\n' + CONNECTION + "lifetime = 600")
    assert policies(found) == (Policy(7, AES_128_SHA1_GROUP_2, 600, lifetime_set=True),)


def test_what_a_policy_lacks_or_has_wrong(refused: Refused) -> None:
    found = refused(
        """
        [policy.1]
        encryption = "aes257"
        group = 99
        authentication = "dsa-sig"
        [policy.first]
        encryption = "aes"
        hash = "sha"
        group = true
        """
    )
    assert "is no cipher: one of des, 3des" in found["policy.1.encryption"]
    assert found["policy.1.hash"].startswith("is missing")
    assert "one of 1, 2, 5, 14" in found["policy.1.group"]
    assert found["policy.1.authentication"].endswith(
        "is not allowed: one of pre-share, rsa-sig, ecdsa-sig, rsa-encr, rsa-encr-revised"
    )
    assert "from 1 to 10000" in found["policy.first"]


def test_a_proposal_names_the_word_it_does_not_know(refused: Refused) -> None:
    assert "'aes257'" in refused(CONNECTION + 'proposals = "aes257-sha1-modp1024"')["connection.branch.proposals"]


def test_weak_algorithms_warn_and_work(loaded: Load) -> None:
    found = loaded(
        '[policy.1]\nencryption = "3des"\nhash = "md5"\ngroup = 2\n'
        + CONNECTION
        + "[connection.other]\nsecret = 's'\nremote_id = 'x'\nproposals = 'aes128-sha1-modp1024'"
    )
    assert {(finding.key, finding.text.split(":")[0]) for finding in found.warnings if "weak" in finding.text} == {
        ("policy.1", "weak algorithm 3des"),
        ("policy.1", "weak algorithm md5"),
        ("policy.1", "weak algorithm modp1024"),
        ("connection.other.proposals", "weak algorithm modp1024"),
    }
