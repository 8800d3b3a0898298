"""What all tests of certificates share, made once."""

from __future__ import annotations

import pytest
from cryptography import x509

import small_pki
from authority import ec_key
from small_pki import Pki


@pytest.fixture(scope="session")
def pki() -> Pki:
    return small_pki.make()


@pytest.fixture(scope="session")
def alice(pki: Pki) -> x509.Certificate:
    """A peer directly below the root."""
    return pki.root.issue("C=XX, O=lab, CN=alice", ec_key(10), ["alice@lab.example", "alice.lab.example", "192.0.2.1"])
