"""Signatures: keys and certificates out of files, whom to believe, and what cannot work together."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

import authority
from ikev1.config import ConfigError, Loaded, Rule, load
from ikev1.core.records.settings import Connection, Credential, Revocation, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.wire.registry import AuthenticationMethod

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

KEY = authority.ec_key(1)
RSA_KEY = authority.rsa_key(1)
ROOT = authority.root("C=XX, O=lab, CN=root")
SUB = ROOT.subordinate("C=XX, O=lab, CN=sub", 5)
LEAF = SUB.issue("C=XX, O=lab, CN=alice", KEY, ["alice.example", "alice@lab.example", "192.0.2.1"])
BOB_KEY = authority.rsa_key(2)
BOB_LEAF = SUB.issue("C=XX, O=lab, CN=bob", BOB_KEY, ["bob.example"])
RSA_LEAF = SUB.issue("C=XX, O=lab, CN=alice", RSA_KEY, ["alice.example"])
CRL = ROOT.revocation_list()

BRANCH = '[connection.branch]\nremote_address = "198.51.100.2"\n'
SIGNED = BRANCH + 'private_key = "alice.key"\n'
CERTIFIED = SIGNED + 'certificate = "alice.pem"\nca = "root.pem"\n'
ALICE = CERTIFIED + 'local_id = "alice.example"\n'


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def encoded(key: authority.PrivateKey, passphrase: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def closed(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@pytest.fixture
def clock() -> Callable[[], float]:
    return lambda: authority.NOW


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    closed(tmp_path / "alice.key", encoded(KEY))
    closed(tmp_path / "alice-rsa.key", encoded(RSA_KEY))
    closed(tmp_path / "alice-locked.key", encoded(KEY, b"open sesame"))
    (tmp_path / "alice.pem").write_bytes(pem(LEAF, SUB.certificate))
    (tmp_path / "alice-rsa.pem").write_bytes(pem(RSA_LEAF))
    (tmp_path / "bob-rsa.pem").write_bytes(pem(BOB_LEAF))
    (tmp_path / "root.pem").write_bytes(pem(ROOT.certificate))
    (tmp_path / "root.crl").write_bytes(CRL)


def connection(loaded: Loaded) -> Connection:
    (only,) = loaded.settings.connections
    return only


def warnings(loaded: Loaded) -> dict[str, Rule]:
    return {finding.key: finding.rule for finding in loaded.warnings if finding.rule is not Rule.NO_TUNNEL}


# --- our own key and certificate


def test_a_certificate_with_its_chain(loaded: Load) -> None:
    found = loaded(ALICE)
    assert connection(found).credential == Credential(authority.pkcs8(KEY), (authority.der(LEAF), SUB.der))
    assert warnings(found) == {}


def test_a_raw_key_needs_no_certificate(loaded: Load, tmp_path: Path) -> None:
    spki = BOB_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "bob.pub").write_bytes(spki)
    found = connection(loaded(BRANCH + 'private_key = "alice-rsa.key"\npeer_public_key = "bob.pub"'))
    assert found.credential == Credential(authority.pkcs8(RSA_KEY))
    assert found.trust.public_keys == (TrustedKey(public_keys.parse(spki)),)


@pytest.mark.parametrize("how", ['private_key_passphrase = "open sesame"', 'private_key_passphrase_file = "phrase"'])
def test_an_encrypted_key(loaded: Load, tmp_path: Path, how: str) -> None:
    closed(tmp_path / "phrase", b"open sesame\n")
    found = connection(loaded(ALICE.replace("alice.key", "alice-locked.key") + how))
    assert found.credential is not None
    assert found.credential.private_key == authority.pkcs8(KEY)


def test_a_pkcs12_file_holds_key_and_certificates(loaded: Load, tmp_path: Path) -> None:
    bundle = pkcs12.serialize_key_and_certificates(
        b"alice", KEY, LEAF, [SUB.certificate], BestAvailableEncryption(b"open sesame")
    )
    closed(tmp_path / "alice.p12", bundle)
    text = 'private_key = "alice.p12"\nprivate_key_passphrase = "open sesame"\nca = "root.pem"\nlocal_id = "dn"'
    found = connection(loaded(BRANCH + text))
    assert found.credential == Credential(authority.pkcs8(KEY), (authority.der(LEAF), SUB.der))


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        (SIGNED.replace("alice.key", "nobody.key"), "private_key", Rule.UNREADABLE_FILE),
        (SIGNED.replace("alice.key", "alice.pem"), "private_key", Rule.READABLE_BY_OTHERS),
        (SIGNED.replace("alice.key", "alice-locked.key"), "private_key", Rule.INVALID_FILE),
        (SIGNED + 'private_key_passphrase = "wrong"', "private_key", Rule.INVALID_FILE),
        (
            SIGNED.replace("alice.key", "alice-locked.key") + 'private_key_passphrase = "wrong"',
            "private_key",
            Rule.INVALID_FILE,
        ),
        (SIGNED.replace("alice.key", "k1.key"), "private_key", Rule.INVALID_FILE),
        (SIGNED + 'certificate = "alice.key"', "certificate", Rule.INVALID_FILE),
        (SIGNED + 'certificate = "alice-rsa.pem"', "certificate", Rule.CERTIFICATE_OF_OTHER_KEY),
        (BRANCH + 'secret = "s"\ncertificate = "alice.pem"', "certificate", Rule.UNUSED_KEY),
        (BRANCH + 'secret = "s"\nprivate_key_passphrase = "x"', "private_key_passphrase", Rule.UNUSED_KEY),
    ],
)
def test_what_cannot_sign(loaded: Load, tmp_path: Path, text: str, key: str, rule: Rule) -> None:
    closed(tmp_path / "k1.key", encoded(authority.ec_key(8, ec.SECP256K1)))
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    assert (f"connection.branch.{key}", rule) in {(finding.key, finding.rule) for finding in caught.value.findings}
    assert "sesame" not in str(caught.value)


def test_one_wrong_key_is_one_error(refused: Refused) -> None:
    found = refused(ALICE.replace("alice.key", "nobody.key") + 'authentication = "ecdsa-sig"')
    assert found.keys() == {"connection.branch.private_key"}


# --- methods


@pytest.mark.parametrize(
    ("key", "method"),
    [
        (RSA_KEY, AuthenticationMethod.RSA_SIGNATURES),
        (KEY, AuthenticationMethod.ECDSA_SHA256_P256),
        (authority.ec_key(2, ec.SECP384R1), AuthenticationMethod.ECDSA_SHA384_P384),
        (authority.ec_key(2, ec.SECP521R1), AuthenticationMethod.ECDSA_SHA512_P521),
    ],
)
@pytest.mark.parametrize("proposals", ["", 'proposals = "aes256-sha256-modp2048"'])
def test_the_method_follows_from_the_key(
    loaded: Load, tmp_path: Path, key: authority.PrivateKey, method: int, proposals: str
) -> None:
    closed(tmp_path / "alice.key", encoded(key))
    found = connection(loaded(SIGNED + 'ca = "root.pem"\n' + proposals))
    assert {policy.suite.authentication for policy in found.policies} == {method}


def test_a_connection_with_both_uses_the_secret_unless_told_otherwise(loaded: Load) -> None:
    both = ALICE + 'secret = "s"\n'
    for more, method in ("", 1), ('authentication = "ecdsa-sig"', 9):
        assert {policy.suite.authentication for policy in connection(loaded(both + more)).policies} == {method}


POLICIES = """
[policy.10]
encryption = "aes256"
hash = "sha256"
group = 14
authentication = "ecdsa-sig"
[policy.20]
encryption = "aes128"
hash = "sha256"
group = 19
"""


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (ALICE, [(10, 9)]),
        (BRANCH + 'secret = "s"\n', [(20, 1)]),
        (ALICE + 'secret = "s"\n', [(10, 9), (20, 1)]),
        (ALICE + 'secret = "s"\nauthentication = "pre-share"\n', [(20, 1)]),
    ],
)
def test_of_the_policies_a_connection_has_those_that_it_can_use(
    loaded: Load, keys: str, found: list[tuple[int, int]]
) -> None:
    policies = connection(loaded(keys + POLICIES)).policies
    assert [(policy.priority, policy.suite.authentication) for policy in policies] == found


def test_a_connection_that_can_use_no_policy(refused: Refused) -> None:
    found = refused(ALICE.replace("alice.key", "alice-rsa.key").replace("alice.pem", "alice-rsa.pem") + POLICIES)
    assert found["connection.branch"] is Rule.NO_USABLE_POLICY


@pytest.mark.parametrize(
    "keys",
    [
        ALICE + 'authentication = "rsa-sig"',
        ALICE + 'authentication = "pre-share"',
        BRANCH + 'secret = "s"\nauthentication = "ecdsa-sig"',
    ],
)
def test_a_method_needs_its_key(refused: Refused, keys: str) -> None:
    assert refused(keys)["connection.branch.authentication"] is Rule.METHOD_NEEDS_KEY


RSA_KEYS = BRANCH + 'private_key = "alice-rsa.key"\n'
KNOWN = RSA_KEYS + 'peer_public_key = "bob-rsa.pem"\n'
ENCRYPTION = [
    ("rsa-encr", AuthenticationMethod.RSA_ENCRYPTION),
    ("rsa-encr-revised", AuthenticationMethod.REVISED_RSA_ENCRYPTION),
]


@pytest.mark.parametrize(("word", "method"), ENCRYPTION)
@pytest.mark.parametrize("key", ["peer_public_key", "peer_certificate"])
def test_encryption_needs_the_key_of_the_peer(loaded: Load, refused: Refused, word: str, method: int, key: str) -> None:
    asked = f'authentication = "{word}"\n'
    found = connection(loaded(RSA_KEYS + f'{key} = "bob-rsa.pem"\n' + asked))
    assert {policy.suite.authentication for policy in found.policies} == {method}
    without = refused(RSA_KEYS + 'ca = "root.pem"\n' + asked)
    assert without["connection.branch.authentication"] is Rule.METHOD_NEEDS_KEY
    elliptic = refused(RSA_KEYS + f'{key} = "alice.pem"\n' + asked)
    assert elliptic["connection.branch.authentication"] is Rule.METHOD_NEEDS_KEY


@pytest.mark.parametrize(("word", "methods"), [("rsa-encr", {65007, 65008}), ("rsa-encr-revised", {65009, 65010})])
def test_encryption_announces_xauth(loaded: Load, word: str, methods: set[int]) -> None:
    xauth = "xauth = 'client'\nxauth_user = 'carol'\n"
    found = connection(loaded(KNOWN + xauth + f"authentication = '{word}'\n"))
    assert {policy.suite.authentication for policy in found.policies} == methods


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("key", ["peer_public_key", "peer_certificate"])
def test_an_identity_that_the_key_of_the_peer_cannot_encrypt_is_refused(
    loaded: Load, refused: Refused, mode: str, key: str
) -> None:
    """RFC 2409 §5.2: one RSA operation, which is 245 octets with 2048 bits; 4 octets stand before the name."""
    text = RSA_KEYS + f'{key} = "bob-rsa.pem"\nmode = "{mode}"\nauthentication = "rsa-encr"\n'
    fits, too_long = (f'local_id = "{"a" * size}.example.org"\n' for size in (229, 230))
    loaded(text + fits)
    assert list(refused(text + too_long)) == ["connection.branch.local_id"]
    loaded(text.replace("rsa-encr", "rsa-encr-revised") + too_long)


@pytest.mark.parametrize(("word", "method"), ENCRYPTION)
def test_policies_ask_for_encryption(loaded: Load, word: str, method: int) -> None:
    text = POLICIES.replace("ecdsa-sig", word)
    assert [policy.suite.authentication for policy in connection(loaded(KNOWN + text)).policies] == [method]


def test_a_key_is_for_signatures_unless_told_otherwise(loaded: Load) -> None:
    found = connection(loaded(KNOWN)).policies
    assert {policy.suite.authentication for policy in found} == {AuthenticationMethod.RSA_SIGNATURES}


def test_of_several_keys_only_the_first_encrypts(loaded: Load) -> None:
    keys = KNOWN.replace('"bob-rsa.pem"', '["bob-rsa.pem", "bob-rsa.pem"]') + 'authentication = "rsa-encr"'
    assert warnings(loaded(keys))["connection.branch.peer_public_key"] is Rule.SEVERAL_ENCRYPTION_KEYS


# --- whom to believe


def test_everything_that_says_whom_to_believe(loaded: Load, tmp_path: Path) -> None:
    folder = tmp_path / "cas"
    folder.mkdir()
    other = authority.root("C=XX, O=elsewhere, CN=root", 7)
    (folder / "a.pem").write_bytes(pem(ROOT.certificate))
    (folder / "b.DER").write_bytes(other.der)
    (folder / "README").write_text("no certificate")
    (tmp_path / "sub.pem").write_bytes(pem(SUB.certificate))
    keys = """
    ca = ["cas", "root.pem"]
    intermediates = "sub.pem"
    peer_certificate = "bob-rsa.pem"
    crl = "root.crl"
    revocation = "strict"
    smallest_rsa = 3072
    allow_sha1 = true
    """
    assert connection(loaded(SIGNED + keys)).trust == Trust(
        authorities=(ROOT.der, other.der),
        intermediates=(SUB.der,),
        peers=(authority.der(BOB_LEAF),),
        revocation_lists=(CRL,),
        revocation=Revocation.STRICT,
        smallest_rsa_bits=3072,
        allow_sha1=True,
    )


def test_a_peers_key_as_libreswan_writes_it(loaded: Load) -> None:
    numbers = BOB_KEY.public_key().public_numbers()
    octets = b"\x03" + numbers.e.to_bytes(3) + numbers.n.to_bytes(256)
    keys = f'private_key = "alice-rsa.key"\npeer_public_key = "0s{base64.b64encode(octets).decode()}"'
    assert connection(loaded(BRANCH + keys)).trust.public_keys == (
        TrustedKey(public_keys.encode(BOB_KEY.public_key())),
    )


@pytest.mark.parametrize(
    ("keys", "key", "rule"),
    [
        ("", "", Rule.NO_TRUST),
        ('ca = "nothing.pem"', ".ca", Rule.UNREADABLE_FILE),
        ('ca = "root.crl"', ".ca", Rule.INVALID_FILE),
        ('ca = "empty"', ".ca", Rule.INVALID_FILE),
        ('crl = "root.pem"', ".crl", Rule.INVALID_FILE),
        ('peer_public_key = "0sZZZ"', ".peer_public_key", Rule.INVALID_VALUE),
        ('peer_public_key = "root.crl"', ".peer_public_key", Rule.INVALID_FILE),
        ('peer_public_key = "bob-rsa.pem"', ".peer_public_key", Rule.PEER_KEY_WITHOUT_POLICY),
        ('revocation = "perhaps"', ".revocation", Rule.INVALID_VALUE),
        ("smallest_rsa = 512", ".smallest_rsa", Rule.INVALID_VALUE),
    ],
)
def test_what_cannot_be_believed(refused: Refused, tmp_path: Path, keys: str, key: str, rule: Rule) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(SIGNED + keys)[f"connection.branch{key}"] is rule


def test_keys_may_be_on_different_curves(loaded: Load, tmp_path: Path) -> None:
    other = authority.ec_key(2, ec.SECP384R1).public_key()
    (tmp_path / "p384.pub").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (connection,) = loaded(SIGNED + 'peer_public_key = "p384.pub"').settings.connections
    assert len(connection.trust.public_keys) == 1


def test_a_peers_key_that_is_too_small(refused: Refused) -> None:
    keys = 'private_key = "alice-rsa.key"\npeer_public_key = "bob-rsa.pem"\nsmallest_rsa = 4096'
    assert refused(BRANCH + keys)["connection.branch.peer_public_key"] is Rule.UNSUITABLE_PEER_KEY


# --- who we are


@pytest.mark.parametrize(
    "who",
    ["alice.example", "ALICE.example", "alice@lab.example", "192.0.2.1", "dn", "address", "C=XX, O=lab, CN=alice"],
)
def test_identities_that_our_certificate_is_for(loaded: Load, who: str) -> None:
    assert warnings(loaded(CERTIFIED + f'local_id = "{who}"')) == {}


def test_words_for_our_identity(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "alice.example")
    ids = {who: connection(loaded(CERTIFIED + f'local_id = "{who}"')).local_id for who in ("dn", "address", "hostname")}
    assert ids == {"dn": "C=XX, O=lab, CN=alice", "address": None, "hostname": "alice.example"}


@pytest.mark.parametrize(
    "keys", ['local_id = "bob.example"', 'local_id = "C=XX, O=lab, CN=bob"', 'local_address = "192.0.2.9"']
)
def test_an_identity_that_our_certificate_is_not_for_is_doubtful(loaded: Load, keys: str) -> None:
    assert warnings(loaded(CERTIFIED + keys))["connection.branch.local_id"] is Rule.LOCAL_ID_NOT_IN_CERTIFICATE


def test_a_certificate_without_addresses_wants_an_identity(loaded: Load) -> None:
    text = CERTIFIED.replace("alice.key", "alice-rsa.key").replace("alice.pem", "alice-rsa.pem")
    assert warnings(loaded(text))["connection.branch.local_id"] is Rule.LOCAL_ID_NOT_IN_CERTIFICATE


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (SIGNED + 'ca = "root.pem"\nlocal_id = "dn"', "local_id"),
        (CERTIFIED + 'local_id = "CN=alice, QQ=1"', "local_id"),
        (CERTIFIED + 'remote_id = "CN=*, QQ=1"', "remote_id"),
    ],
)
def test_what_is_no_identity(refused: Refused, text: str, key: str) -> None:
    assert refused(text)[f"connection.branch.{key}"] is Rule.INVALID_IDENTITY


def test_a_peer_may_be_named_by_a_pattern_of_its_distinguished_name(loaded: Load) -> None:
    for pattern in "C=XX, O=lab, CN=*", "O=lab, *":
        assert connection(loaded(ALICE + f'remote_id = "{pattern}"')).remote_id == pattern


# --- what works but should not surprise


@pytest.mark.parametrize(("days", "doubtful"), [(364, False), (366, True), (-2, True)])
def test_a_certificate_out_of_its_time_is_doubtful(tmp_path: Path, days: int, doubtful: bool) -> None:
    closed(tmp_path / "ikev1.toml", ALICE.encode())
    found = warnings(load(tmp_path / "ikev1.toml", lambda: authority.NOW + days * authority.DAY))
    assert (found.get("connection.branch.certificate") is Rule.CERTIFICATE_NOT_VALID_NOW) is doubtful


def test_a_small_key_of_our_own_is_doubtful(loaded: Load, tmp_path: Path) -> None:
    closed(tmp_path / "alice.key", encoded(authority.rsa_key(9, 1024)))
    assert warnings(loaded(SIGNED + 'ca = "root.pem"'))["connection.branch.private_key"] is Rule.SMALL_KEY


def test_to_believe_signatures_without_signing_is_doubtful(loaded: Load) -> None:
    shared = BRANCH + 'secret = "s"\nca = "root.pem"'
    assert warnings(loaded(shared))["connection.branch"] is Rule.TRUST_WITHOUT_KEY


def test_aggressive_mode_offers_one_group_and_one_method(loaded: Load) -> None:
    proposals = 'mode = "aggressive"\nproposals = ["aes256-sha256-modp2048", "aes128-sha256-ecp256"]'
    assert warnings(loaded(ALICE + proposals)) == {"connection.branch.mode": Rule.AGGRESSIVE_ONE_GROUP}
    assert not warnings(loaded(ALICE + proposals.replace("ecp256", "modp2048")))


def test_answering_aggressive_mode_with_a_pre_shared_key_is_doubtful(loaded: Load) -> None:
    accepting = 'aggressive = "accept-psk"\n'
    assert warnings(loaded(BRANCH + 'secret = "s"\n' + accepting)) == {
        "connection.branch.aggressive": Rule.AGGRESSIVE_PSK
    }
    assert not warnings(loaded(ALICE + accepting))


def test_connections_at_the_same_addresses_that_believe_others_are_doubtful(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(pem(authority.root("C=XX, CN=other", 7).certificate))
    one = ALICE + 'remote_id = "x"\n'
    two = one.replace("branch", "other").replace('"x"', '"y"')
    assert not warnings(loaded(one + two))
    assert not warnings(loaded(one + two.replace("root.pem", "other.pem")))  # the CA tells them apart
    public = authority.ec_key(8).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(public)
    of_key = two.replace('ca = "root.pem"', 'peer_public_key = "key.pem"')
    assert warnings(loaded(one + of_key))["connection.other"] is Rule.SAME_ADDRESSES_OTHER_TRUST
    shared = '[connection.shared]\nsecret = "s"\n'
    assert not warnings(loaded(one + shared))


# --- who may be taken for the peer


ANYWHERE = ALICE.replace('remote_address = "198.51.100.2"\n', "")
KEYS = 'private_key = "alice-rsa.key"\nlocal_id = "alice.example"\n'
TWO = KEYS + 'peer_public_key = ["bob-rsa.pem", "carol-rsa.pem"]\n'


@pytest.fixture(autouse=True)
def _keys_of_others(tmp_path: Path) -> None:
    carol = SUB.issue("C=XX, O=lab, CN=carol", authority.rsa_key(3), ["carol.example"])
    (tmp_path / "carol-rsa.pem").write_bytes(pem(carol))


def spki(number: int) -> bytes:
    return public_keys.encode(authority.rsa_key(number).public_key())


def test_a_ca_alone_names_nobody_where_no_address_does(loaded: Load, refused: Refused) -> None:
    def found(remote_id: str) -> Rule:
        return warnings(loaded(ANYWHERE + f'remote_id = "{remote_id}"\n'))["connection.branch.remote_id"]

    assert refused(ANYWHERE)["connection.branch.remote_id"] is Rule.NO_REMOTE_ID
    assert warnings(loaded(ANYWHERE + 'remote_id = "*.example"\n')) == {}
    assert found("%any") is Rule.ANY_CERTIFIED_PEER
    assert found("*") is Rule.SINGLE_LABEL


def test_to_call_anybody_is_doubtful(loaded: Load) -> None:
    for text in (ALICE, BRANCH + 'secret = "s"\n'):
        assert warnings(loaded(text)) == {}
        assert warnings(loaded(text + 'remote_id = "%any"'))["connection.branch.remote_id"] is Rule.ANY_RESPONDER


def test_several_keys_of_one_peer(loaded: Load) -> None:
    found = connection(loaded(BRANCH + TWO)).trust
    assert found.public_keys == (TrustedKey(spki(2)), TrustedKey(spki(3)))


def test_a_key_that_cannot_be_used_is_told_once(refused: Refused) -> None:
    assert list(refused(BRANCH + KEYS + "peer_public_key = {}")) == ["connection.branch.peer_public_key"]


@pytest.mark.parametrize("remote_id", ["%any", "*.example", "O=lab, *", "198.51.100.0/24"])
def test_several_keys_for_whoever_it_is(refused: Refused, remote_id: str) -> None:
    found = refused(BRANCH + TWO + f'remote_id = "{remote_id}"')
    assert found["connection.branch.peer_public_key"] is Rule.PEER_KEY_WITHOUT_IDENTITY


def test_several_keys_of_several_peers(loaded: Load) -> None:
    table = '{ "bob.example" = "bob-rsa.pem", "carol.example" = ["carol-rsa.pem"] }'
    text = BRANCH + KEYS + f'remote_id = "*.example"\npeer_public_key = {table}\n'
    found = connection(loaded(text)).trust
    assert found.public_keys == (TrustedKey(spki(2), "bob.example"), TrustedKey(spki(3), "carol.example"))


def test_a_key_names_the_peer(loaded: Load) -> None:
    found = connection(loaded(BRANCH + KEYS + 'peer_public_key = { "bob.example" = "bob-rsa.pem" }'))
    assert found.remote_id == "bob.example"


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("peer_public_key = {}", Rule.INVALID_VALUE),
        ('peer_public_key = { "*.example" = "bob-rsa.pem" }', Rule.INVALID_IDENTITY),
        ('peer_public_key = { "%any" = "bob-rsa.pem" }', Rule.INVALID_IDENTITY),
        ('remote_id = "x"\npeer_public_key = { "bob.example" = "bob-rsa.pem" }', Rule.UNEXPECTED_PEER_KEY),
        ('peer_public_key = { "b" = "bob-rsa.pem", "c" = "carol-rsa.pem" }', Rule.SEVERAL_PEERS),
        ('peer_public_key = "alice-rsa.pem"', Rule.OWN_KEY_AS_PEER_KEY),
    ],
)
def test_keys_that_do_not_go_with_the_peer(refused: Refused, more: str, rule: Rule) -> None:
    assert refused(BRANCH + KEYS + more)["connection.branch.peer_public_key"] is rule


def test_our_own_certificate_as_the_peers(refused: Refused) -> None:
    found = refused(BRANCH + KEYS + 'peer_certificate = "alice-rsa.pem"')
    assert found["connection.branch.peer_certificate"] is Rule.OWN_KEY_AS_PEER_KEY


def test_both_ends_may_be_one(loaded: Load) -> None:
    assert not connection(loaded(ALICE)).same_identity
    assert connection(loaded(ALICE + "same_identity = true")).same_identity


def test_one_key_for_signatures_and_encryption_is_doubtful(loaded: Load) -> None:
    first = BRANCH + KEYS + 'peer_public_key = "bob-rsa.pem"\nauthentication = "rsa-encr"\n'
    second = first.replace("branch", "other").replace("100.2", "100.3").replace("rsa-encr", "rsa-sig")
    assert warnings(loaded(first + second))["connection.branch.private_key"] is Rule.KEY_SIGNS_AND_DECRYPTS
    assert not warnings(loaded(first))
    assert not warnings(loaded(second))


def test_a_key_for_encryption_that_a_web_server_has_too_is_doubtful(loaded: Load, tmp_path: Path) -> None:
    web = SUB.issue("CN=alice", RSA_KEY, ["alice.example"], extended=[ExtendedKeyUsageOID.SERVER_AUTH])
    (tmp_path / "web.pem").write_bytes(pem(web))
    keys = KEYS + 'certificate = "web.pem"\npeer_public_key = "bob-rsa.pem"\n'
    found = warnings(loaded(BRANCH + keys + 'authentication = "rsa-encr"\n'))
    assert found["connection.branch.private_key"] is Rule.KEY_SHARED_WITH_TLS
    assert not warnings(loaded(BRANCH + keys))


def test_aggressive_mode_leaves_out_what_is_weak(loaded: Load) -> None:
    proposals = 'mode = "aggressive"\nproposals = ["aes256-sha256-modp2048", "3des-sha256-modp2048"]'
    found = loaded(ALICE + proposals)
    assert Rule.AGGRESSIVE_LEAVES_OUT_WEAK in warnings(found).values()
