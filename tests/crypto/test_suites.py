from __future__ import annotations

import pytest

from ikev1.crypto import cipher, groups, hashes, suites
from ikev1.crypto.algorithms import ESP_CIPHERS, GROUPS, HASHES, IKE_CIPHERS
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.suites import (
    EspProposalNumbers,
    IkeProposal,
    parse_ah_proposal,
    parse_esp_proposal,
    parse_ike_proposal,
)
from ikev1.wire.registry import Group


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("aes256-sha1-modp1024", (7, 256, 2, 2)),
        ("aes128-sha256-modp2048", (7, 128, 4, 14)),
        ("aes192-sha384-ecp384", (7, 192, 5, 20)),
        ("3des-md5-modp768", (5, 0, 1, 1)),
        ("des-sha1-modp1536", (1, 0, 2, 5)),
        ("camellia256-sha512-curve25519", (8, 256, 6, 31)),
        ("blowfish256-sha512-modp4096", (3, 256, 6, 16)),
        ("cast128-sha1-modp2048", (6, 128, 2, 14)),
        ("aes256-sha256-modp2048s256", (7, 256, 4, 24)),
    ],
)
def test_ike_proposals_there_and_back(text: str, numbers: tuple[int, int, int, int]) -> None:
    assert parse_ike_proposal(text) == numbers
    assert suites.ike_name(*numbers) == text


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("aes128-sha256-modp2048", (12, 128, 5, 14, False)),
        ("aes256gcm16", (20, 256, 0, 0, False)),
        ("aes128gcm8-ecp256", (18, 128, 0, 19, False)),
        ("aes192ctr-sha384", (13, 192, 6, 0, False)),
        ("null-sha1", (11, 0, 2, 0, False)),
        ("3des-md5-modp1024", (3, 0, 1, 2, False)),
        ("des-sha512", (2, 0, 7, 0, False)),
        ("camellia128-sha1", (22, 128, 2, 0, False)),
        ("aes128-sha256-modp2048-esn", (12, 128, 5, 14, True)),
        ("aes256gcm16-esn", (20, 256, 0, 0, True)),
        ("aes128ccm8", (14, 128, 0, 0, False)),
        ("aes192ccm12-modp2048", (15, 192, 0, 14, False)),
        ("aes256gmac", (23, 256, 0, 0, False)),
        ("aes128-aesxcbc", (12, 128, 9, 0, False)),
        ("blowfish256-sha512", (7, 256, 7, 0, False)),
        ("cast128-sha1", (6, 128, 2, 0, False)),
        ("serpent256-sha256", (252, 256, 5, 0, False)),
        ("twofish192-sha256", (253, 192, 5, 0, False)),
    ],
)
def test_esp_proposals_there_and_back(text: str, numbers: tuple[int, int, int, int, bool]) -> None:
    assert parse_esp_proposal(text) == numbers
    assert suites.esp_name(*numbers) == text


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("sha256", (5, 0, False)),
        ("sha1-modp2048", (2, 14, False)),
        ("md5-ecp256-esn", (1, 19, True)),
        ("sha512-esn", (7, 0, True)),
        ("aesxcbc", (9, 0, False)),
    ],
)
def test_ah_proposals_there_and_back(text: str, numbers: tuple[int, int, bool]) -> None:
    assert parse_ah_proposal(text) == numbers
    assert suites.ah_name(*numbers) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("aes-sha-modp2048", "aes128-sha1-modp2048"),
        ("modp2048-sha2_256-aes256", "aes256-sha256-modp2048"),
        ("aes128-sha256-prfsha256-x25519", "aes128-sha256-curve25519"),
        (" aes128-sha1-modp1024 ", "aes128-sha1-modp1024"),
    ],
)
def test_other_ways_to_write_an_ike_proposal(text: str, same: str) -> None:
    assert parse_ike_proposal(text) == parse_ike_proposal(same)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("aes256gcm", "aes256gcm16"),
        ("aes192ccm", "aes192ccm16"),
        ("aes256ccm96", "aes256ccm12"),
        ("blowfish-sha1", "blowfish128-sha1"),
        ("twofish-sha1", "twofish128-sha1"),
        ("aes128gcm64", "aes128gcm8"),
        ("aes128gcm128-sha256", "aes128gcm16"),  # the cipher protects integrity itself
        ("aes128-sha1-noesn", "aes128-sha1"),
    ],
)
def test_other_ways_to_write_an_esp_proposal(text: str, same: str) -> None:
    assert parse_esp_proposal(text) == parse_esp_proposal(same)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("-", "''"),
        ("aes256", "IKE"),
        ("aes256-sha256", "IKE"),
        ("sha256-modp2048", "IKE"),
        ("aes257-sha256-modp2048", "'aes257'"),
        ("aes256-sha256-modp2047", "'modp2047'"),
        ("AES256-sha256-modp2048", "'AES256'"),
        ("aes256gcm16-sha256-modp2048", "'aes256gcm16'"),
        ("aes256-sha256-modp2048!", "'modp2048!'"),
        ("aes256-sha256-prfsha1-modp2048", "'prfsha1'"),
        ("aes256-aesxcbc-modp2048", "'aesxcbc'"),
        ("aes256ccm16-sha256-modp2048", "'aes256ccm16'"),
        ("aes256-aes128-sha256-modp2048", "aes256, aes128"),
        ("aes256-sha256-sha1-modp2048", "sha256, sha1"),
        ("aes256-sha256-modp2048-modp1024", "modp2048, modp1024"),
    ],
)
def test_a_wrong_ike_proposal_is_refused_with_the_words_that_are_wrong(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_ike_proposal(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("sha256", "ESP"),
        ("aes256", "ESP"),
        ("null", "ESP"),
        ("aes256-sha256-esn-noesn", "esn, noesn"),
        ("aes256-sha256-noesn-noesn", "noesn, noesn"),
        ("aes256-prfsha256", "'prfsha256'"),
        ("aes128-aes256-sha256", "aes128, aes256"),
    ],
)
def test_a_wrong_esp_proposal_is_refused_with_the_words_that_are_wrong(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_esp_proposal(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("modp2048", "AH"),
        ("aes128-sha256", "'aes128'"),
        ("sha1-sha256", "sha1, sha256"),
    ],
)
def test_a_wrong_ah_proposal_is_refused_with_the_words_that_are_wrong(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_ah_proposal(text)


def test_numbers_without_a_word_are_shown_all_the_same() -> None:
    assert suites.ike_name(2, 128, 3, 3) == "IDEA_CBC_128-TIGER-EC2N_155"
    assert suites.ike_name(99, 0, 98, 97) == "ENCRYPTION_99-HASH_98-GROUP_97"
    assert suites.ike_name(1 << 40, 0, 2, 2) == f"{1 << 40}-sha1-modp1024"
    assert suites.esp_name(99, 0, 98, 97) == "ESP_99-INTEGRITY_98-GROUP_97"
    assert suites.ike_display(99, 0, 98, 97) == ("ENCRYPTION_99", "", "HASH_98", "HASH_98", "GROUP_97")
    assert suites.esp_display(99, 0, 98, 97) == ("ESP_99", "", "INTEGRITY_98", "", "GROUP_97")


def test_a_key_length_left_out_means_128_bits() -> None:
    assert suites.ike_name(7, 0, 2, 2) == "aes128-sha1-modp1024"
    assert suites.esp_name(12, 0, 2) == "aes128-sha1"
    assert suites.esp_key_sizes(12, 0, 2) == (16, 20)


def test_swanctl_words() -> None:
    assert suites.ike_display(*parse_ike_proposal("aes256-sha256-modp2048")) == (
        "AES_CBC",
        "256",
        "HMAC_SHA2_256_128",
        "PRF_HMAC_SHA2_256",
        "MODP_2048",
    )
    assert suites.ike_display(*parse_ike_proposal("3des-md5-modp1024s160")) == (
        "3DES_CBC",
        "",
        "HMAC_MD5_96",
        "PRF_HMAC_MD5",
        "MODP_1024_160",
    )
    assert suites.esp_display(20, 128, 0, 19) == ("AES_GCM_16", "128", "", "", "ECP_256")
    assert suites.esp_display(*parse_esp_proposal("null-sha512")[:4]) == ("NULL", "", "HMAC_SHA2_512_256", "", "")
    assert suites.ah_display(5, 14) == ("", "", "HMAC_SHA2_256_128", "", "MODP_2048")

    assert [hash.display for hash in HASHES.values()] == [
        "HMAC_MD5_96",
        "HMAC_SHA1_96",
        "HMAC_SHA2_256_128",
        "HMAC_SHA2_384_192",
        "HMAC_SHA2_512_256",
    ]
    for hash in HASHES.values():
        assert hash.prf_display == f"PRF_{hash.display.rpartition('_')[0]}"
    for group in GROUPS.values():
        assert group.display == Group(group.number).name.replace("BRAINPOOL_", "ECP_") + "_BP" * ("bp" in group.word)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("des-md5", (8, 16)),
        ("3des-sha1", (24, 20)),
        ("null-sha256", (0, 32)),
        ("aes128-sha1", (16, 20)),
        ("aes256-sha512", (32, 64)),
        ("camellia192-sha384", (24, 48)),
        ("aes128ctr-sha1", (20, 20)),
        ("aes128gcm16", (20, 0)),
        ("aes256gcm8", (36, 0)),
        ("aes128ccm8", (19, 0)),
        ("aes256gmac", (36, 0)),
        ("aes128-aesxcbc", (16, 16)),
        ("blowfish192-sha1", (24, 20)),
    ],
)
def test_key_sizes(text: str, sizes: tuple[int, int]) -> None:
    numbers = parse_esp_proposal(text)
    assert suites.esp_key_sizes(*numbers[:3]) == sizes


@pytest.mark.parametrize("numbers", [(99, 0, 2), (12, 129, 2), (3, 192, 2), (12, 128, 99), (12, 128, 3), (-1, 0, 0)])
def test_key_sizes_of_the_unknown_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        suites.esp_key_sizes(*numbers)


def test_every_word_has_an_algorithm_behind_it() -> None:
    for entry in IKE_CIPHERS.values():
        assert cipher.key_size(entry.number, entry.key_length) == entry.octets
    for hash in HASHES.values():
        assert hashes.digest_size(hash.number) == hash.octets
    assert {entry.number for entry in GROUPS.values()} == groups.NUMBERS
    assert {groups.group(entry.number).name for entry in GROUPS.values()} == set(GROUPS)
    assert all(entry.octets is not None for entry in ESP_CIPHERS.values())


WEAK = [
    *("blowfish256-sha256-modp2048", "cast128-sha256-modp2048"),
    *("des-sha256-modp2048", "3des-sha256-modp2048", "aes128-md5-modp2048", "aes128-sha256-modp768"),
    *("aes128-sha256-modp1024", "aes128-sha256-modp1536", "aes128-sha256-modp1024s160", "aes128-sha256-modp2048s224"),
    *("aes128-sha256-modp2048s256", "aes128-sha256-ecp192"),
]


@pytest.mark.parametrize("text", WEAK)
def test_a_weak_algorithm_makes_a_suite_weak(text: str) -> None:
    assert suites.is_weak(parse_ike_proposal(text))
    assert len(suites.weaknesses(parse_ike_proposal(text))) == 1


def test_low_severity_warns_and_info_does_not() -> None:
    ecp224, sha1 = parse_ike_proposal("aes128-sha256-ecp224"), parse_ike_proposal("aes128-sha1-modp2048")
    assert (len(suites.weaknesses(ecp224)), suites.is_weak(ecp224)) == (1, False)
    assert (suites.weaknesses(sha1), suites.is_weak(sha1)) == ((), False)


def test_weak_algorithms_are_named_with_a_reason() -> None:
    reasons = suites.weaknesses(parse_ike_proposal("3des-md5-modp1024"))
    assert [reason.partition(": ")[0] for reason in reasons] == ["3des", "md5", "modp1024"]
    assert all(reason.partition(": ")[2] for reason in reasons)
    assert suites.weaknesses(parse_esp_proposal("null-sha1-modp768")) == (
        suites.weaknesses(EspProposalNumbers(11, 0, 2, 0)) + suites.weaknesses(EspProposalNumbers(12, 128, 2, 1))
    )
    assert suites.weaknesses(parse_ah_proposal("md5-modp768")) == suites.weaknesses(
        parse_esp_proposal("aes128-md5-modp768")
    )
    assert suites.is_weak(parse_ike_proposal("aes256-sha256-modp1024"))
    assert not suites.is_weak(IkeProposal(99, 0, 98, 97))


def test_the_defaults_are_sound() -> None:
    ike = [parse_ike_proposal(text) for text in suites.DEFAULT_IKE]
    esp = [parse_esp_proposal(text) for text in suites.DEFAULT_ESP]
    assert not any(suites.is_weak(proposal) for proposal in ike)
    assert not any(suites.is_weak(proposal) for proposal in esp)
    assert len(set(ike)) == len(ike)
    assert len(set(esp)) == len(esp)
