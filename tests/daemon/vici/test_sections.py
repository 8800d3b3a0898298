"""What a connection says of how both ends prove who they are."""

from __future__ import annotations

from tests.daemon.conftest import AES128_SHA256_ECP256

import authority
from ikev1.core.record import replace
from ikev1.core.settings import Connection, Credential, Policy, Trust
from ikev1.daemon.vici.sections import connection_section
from ikev1.wire.registry import AuthenticationMethod

CA = authority.root("C=XX, CN=root")
KEY = authority.ec_key(1)
SHARED = Connection("branch", (Policy(1, AES128_SHA256_ECP256),), (), secret=b"hush", remote_id="bob.example")


def signing(certificates: tuple[bytes, ...], trust: Trust) -> Connection:
    suite = replace(AES128_SHA256_ECP256, authentication=AuthenticationMethod.ECDSA_SHA256_P256)
    credential = Credential(authority.pkcs8(KEY), certificates)
    return replace(SHARED, policies=(Policy(1, suite),), secret=b"", credential=credential, trust=trust)


def test_a_pre_shared_key() -> None:
    section = connection_section(SHARED)
    assert section["local-1"] == {"class": "pre-shared key"}
    assert section["remote-1"] == {"class": "pre-shared key", "id": "bob.example"}


def test_certificates() -> None:
    ours = authority.der(CA.issue("C=XX, CN=alice", KEY))
    section = connection_section(signing((ours, CA.der), Trust(authorities=(CA.der,))))
    assert section["local-1"] == {"class": "public key", "certs": ["C=XX, CN=alice"]}
    assert section["remote-1"] == {"class": "public key", "id": "bob.example", "cacerts": ["C=XX, CN=root"]}


def test_raw_keys() -> None:
    section = connection_section(signing((), Trust(public_keys=(b"a key",))))
    assert section["local-1"] == {"class": "public key"}
