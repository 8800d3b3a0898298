"""The algorithm names in the logs of charon and pluto, which are those of swanctl."""

from __future__ import annotations

from ikev1.crypto.algorithms import ESP_CIPHERS, HASHES

CIPHERS: dict[str, int] = {cipher.display: cipher.number for cipher in ESP_CIPHERS.values()}
INTEGRITY: dict[str, int] = {hash.display: hash.integrity for hash in HASHES.values()}
