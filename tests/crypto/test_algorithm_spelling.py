"""What a proposal in the notation of another program means."""

from __future__ import annotations

import pytest

from ikev1.crypto.algorithm_spelling import meant
from ikev1.crypto.algorithms import ESP_CIPHERS, GROUPS, HASHES
from ikev1.crypto.suites import parse_esp_proposal, unused_integrity

KNOWN = (*ESP_CIPHERS, *HASHES, *GROUPS)


@pytest.mark.parametrize(
    ("written", "proposal"),
    [
        ("aes128-sha1;modp1024", "aes128-sha1-modp1024"),  # libreswan
        ("3des-md5-96", "3des-md5"),
        ("AES256-SHA2_256", "aes256-sha256"),
        ("aes256-hmac_sha1", "aes256-sha1"),
        ("aes256-sha265", "aes256-sha256"),
        ("idea-sha1", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_proposal_that_is_meant(written: str, proposal: str) -> None:
    found, _ = meant(written, KNOWN)
    assert found == proposal
    if proposal:
        parse_esp_proposal(proposal)


@pytest.mark.parametrize("written", ["aes128-sha1;modp1024", "3des-md5-96"])
def test_an_error_names_the_proposal_that_is_meant(written: str) -> None:
    with pytest.raises(ValueError, match=meant(written, KNOWN)[0]):
        parse_esp_proposal(written)


@pytest.mark.parametrize(
    ("written", "unused"), [("aes256gcm16-sha256", "sha256"), ("aes256gcm-sha", "sha1"), ("aes256-sha256", None)]
)
def test_a_hash_beside_a_cipher_that_needs_none_is_unused(written: str, unused: str | None) -> None:
    assert unused_integrity(written) == unused
