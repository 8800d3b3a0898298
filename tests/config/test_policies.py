"""Phase 1 policies: by priority, in Cisco's words and in strongSwan's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1 import af_alg
from ikev1.config import ConfigError, Loaded, Rule
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.settings import DAY, Policy
from ikev1.crypto.algorithms import GROUPS, HASHES, IKE_CIPHERS

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

CONNECTION = '[connection.branch]\nsecret = "s"\n'
WORDS = {**IKE_CIPHERS, **HASHES, **GROUPS}
AES_128_SHA1_GROUP_2 = Phase1Suite(7, 128, 2, 2)
AES_256_SHA256_GROUP_14 = Phase1Suite(7, 256, 4, 14)
TRIPLE_DES_MD5_GROUP_5 = Phase1Suite(5, 0, 1, 5)


def policies(loaded: Loaded) -> tuple[Policy, ...]:
    return loaded.settings.connections[0].policies


def test_a_cipher_that_this_host_lacks_is_refused(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(af_alg, "_algorithm", lacking)
    af_alg.missing.cache_clear()
    assert refused(CONNECTION + 'proposals = ["serpent256-sha256-ecp256"]') == {
        "connection.branch.proposals": Rule.INVALID_VALUE
    }
    policy_of = '[policy.1]\nencryption = "twofish128"\nhash = "sha256"\ngroup = 19\n'
    assert refused(CONNECTION + policy_of)["policy.1.encryption"] is Rule.INVALID_VALUE
    af_alg.missing.cache_clear()


def lacking(name: str) -> None:
    raise FileNotFoundError(2, name)


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
    assert Rule.WEAK_ALGORITHM not in {finding.rule for finding in found.warnings}


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
    assert found == {
        "policy.1.encryption": Rule.INVALID_VALUE,
        "policy.1.hash": Rule.MISSING_KEY,
        "policy.1.group": Rule.INVALID_VALUE,
        "policy.1.authentication": Rule.INVALID_VALUE,
        "policy.first": Rule.INVALID_NAME,
        "policy.first.group": Rule.INVALID_VALUE,
    }


def test_a_proposal_names_the_word_it_does_not_know(loaded: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(CONNECTION + 'proposals = "aes257-sha1-modp1024"')
    (finding,) = caught.value.findings
    assert (finding.key, finding.rule) == ("connection.branch.proposals", Rule.INVALID_VALUE)
    assert "'aes257'" in finding.text


def test_weak_algorithms_warn_and_work(loaded: Load) -> None:
    found = loaded(
        '[policy.1]\nencryption = "3des"\nhash = "md5"\ngroup = 2\n'
        + CONNECTION
        + "[connection.other]\nsecret = 's'\nremote_id = 'x'\nproposals = 'aes128-sha1-modp1024'"
    )
    weak = [finding for finding in found.warnings if finding.rule is Rule.WEAK_ALGORITHM]
    assert {
        (finding.key, word) for finding in weak for word in finding.text.split(":")[0].split() if word in WORDS
    } == {
        ("policy.1", "3des"),
        ("policy.1", "md5"),
        ("policy.1", "modp1024"),
        ("connection.other.proposals", "modp1024"),
    }


@pytest.mark.parametrize(("mode", "groups"), [("main", {14, 19, 20, 31}), ("aggressive", {14})])
def test_the_default_policies_have_one_group_in_aggressive_mode(loaded: Load, mode: str, groups: set[int]) -> None:
    text = (
        f'[connection.c]\nremote_address = "192.0.2.1"\nsecret = "a secret of more than twenty octets"\nmode = "{mode}"'
    )
    found = loaded(text)
    assert {policy.suite.group for policy in found.settings.connections[0].policies} == groups
    assert Rule.AGGRESSIVE_ONE_GROUP not in [finding.rule for finding in found.warnings]
