"""The folders beside swanctl.conf: which certificate, key and CA a connection uses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)

from authority import NOW, PrivateKey, der, ec_key, pkcs8, root, rsa_key
from ikev1.config import ConfigError, Loaded, Rule, load
from ikev1.core.records.settings import Authority, Connection, Revocation, XauthRole

Write = Callable[..., Path]
CA, OTHER = root("C=CH, O=lab, CN=root", 1), root("C=CH, O=lab, CN=other", 2)
GW, BRANCH = rsa_key(1), rsa_key(2)
GW_CERTIFICATE = der(CA.issue("C=CH, O=lab, CN=gw", GW, ["gw.example.org"]))
BRANCH_CERTIFICATE = der(CA.issue("C=CH, O=lab, CN=branch", BRANCH, ["branch.example.org"]))


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def loaded(write: Write) -> Callable[..., Loaded]:
    """Loads a connection with these keys in its rounds, beside folders with the files of the lab."""

    def load_rounds(local: str = "", remote: str = "", others: str = "", connection: str = "") -> Loaded:
        write(GW_CERTIFICATE, "x509/gw.crt")
        write(CA.der, "x509ca/ca.crt")
        rounds = f"local {{ {local} }}\n remote {{ {remote} }}\n {connection}\n children {{ net {{ }} }}"
        text = f"connections {{ c {{ version = 1\n remote_addrs = 198.51.100.7\n {rounds} }} }}\n{others}"
        return load(write(text), lambda: NOW)

    return load_rounds


@pytest.fixture
def connection(loaded: Callable[..., Loaded], write: Write) -> Callable[..., Connection]:
    """The connection of `loaded`, with the private key of the gateway."""

    def one_connection(*arguments: str) -> Connection:
        write(pkcs8(GW), "private/gw.key")
        (found,) = loaded(*arguments).settings.connections
        return found

    return one_connection


Connect = Callable[..., Connection]


def test_the_key_is_that_of_the_certificate(connection: Connect, write: Write) -> None:
    write(pkcs8(BRANCH), "private/another.key")
    found = connection("certs = gw.crt")
    assert found.credential is not None
    assert (found.credential.private_key, found.credential.certificates) == (pkcs8(GW), (GW_CERTIFICATE,))
    assert found.local_id == "C=CH, O=lab, CN=gw"
    assert found.remote_id == "%any"
    assert found.trust.authorities == (CA.der,)


def test_files_are_found_from_any_folder(connection: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absolute = connection("certs = gw.crt")
    monkeypatch.chdir(tmp_path.parent)
    (relative,) = load(Path(tmp_path.name) / "swanctl.conf", lambda: NOW).settings.connections
    assert relative == absolute


def test_an_identity_of_the_certificate(connection: Connect) -> None:
    assert connection("certs = gw.crt\n id = gw.example.org").local_id == "gw.example.org"


def test_without_certs_the_identity_selects_the_certificate(connection: Connect, write: Write) -> None:
    write(BRANCH_CERTIFICATE, "x509/branch.crt")
    found = connection("id = gw.example.org")
    assert found.credential is not None
    assert found.credential.certificates == (GW_CERTIFICATE,)


def test_intermediate_certificates_go_along(connection: Connect, write: Write) -> None:
    below = CA.subordinate("C=CH, O=lab, CN=below", 3)
    certificate = der(below.issue("C=CH, O=lab, CN=gw", GW))
    write(certificate, "x509/own.crt")
    write(below.der, "x509ca/below.crt")
    found = connection("certs = own.crt")
    assert found.credential is not None
    assert found.credential.certificates == (certificate, below.der)


@pytest.mark.parametrize("folder", ["private", "rsa", "pkcs8", "ecdsa"])
def test_keys_are_found_in_all_folders(loaded: Callable[..., Loaded], write: Write, folder: str) -> None:
    write(pkcs8(GW), f"{folder}/gw.key")
    assert loaded("certs = gw.crt").settings.connections[0].credential is not None


def test_an_encrypted_key(loaded: Callable[..., Loaded], write: Write) -> None:
    encrypted = GW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open"))
    write(encrypted, "private/gw.key")
    others = "secrets { private-gw { file = gw.key\n secret = open } }"
    assert loaded("certs = gw.crt", "", others).settings.connections[0].credential is not None


def test_a_passphrase_of_a_key_that_is_not_encrypted(loaded: Callable[..., Loaded], write: Write) -> None:
    write(pkcs8(GW), "private/gw.key")
    found = loaded("certs = gw.crt", "", "secrets { private-gw { file = gw.key\n secret = open } }")
    assert found.settings.connections[0].credential is not None
    assert ("secrets.private-gw.secret", Rule.UNUSED_KEY) in {(each.key, each.rule) for each in found.warnings}


def test_pkcs12(loaded: Callable[..., Loaded], write: Write) -> None:
    certificate = CA.issue("C=CH, O=lab, CN=box", BRANCH, ["box.example.org"])
    bundle = pkcs12.serialize_key_and_certificates(None, BRANCH, certificate, None, BestAvailableEncryption(b"open"))
    write(bundle, "pkcs12/box.p12")
    others = "secrets { pkcs12-box { file = box.p12\n secret = open } }"
    (found,) = loaded("id = box.example.org", "", others).settings.connections
    assert found.credential is not None
    assert found.credential.certificates == (der(certificate),)


def test_raw_public_keys(connection: Connect, write: Write) -> None:
    write(spki(GW), "pubkey/gw.pub")
    write(spki(BRANCH), "pubkey/branch.pub")
    found = connection("pubkeys = gw.pub\n id = gw", "pubkeys = branch.pub\n id = branch")
    assert found.credential is not None
    assert found.credential.certificates == ()
    assert [key.spki for key in found.trust.public_keys] == [spki(BRANCH)]


@pytest.mark.parametrize(("local", "key"), [("certs = gw.crt", "certs"), ("pubkeys = gw.pub\n id = gw", "pubkeys")])
def test_a_certificate_without_its_key(loaded: Callable[..., Loaded], write: Write, local: str, key: str) -> None:
    write(spki(GW), "pubkey/gw.pub")
    write(pkcs8(BRANCH), "private/branch.key")
    write(b"no key", "private/broken.key")
    with pytest.raises(ConfigError) as caught:
        loaded(local)
    (finding,) = caught.value.findings
    assert (finding.key, finding.rule) == (f"connections.c.local.{key}", Rule.NO_CREDENTIAL)
    assert "broken.key" in finding.text


def test_an_empty_passphrase_is_none(connection: Connect) -> None:
    assert connection("certs = gw.crt", "", "secrets { rsa { file = gw.key\n secret = } }").credential is not None


@pytest.mark.parametrize(
    ("local", "remote", "key"),
    [
        ("certs = none.crt", "", "local.certs"),
        ("certs = gw.crt", "cacerts = none.crt", "remote.cacerts"),
        ("certs = gw.crt", "certs = none.crt", "remote.certs"),
        ("certs = gw.crt", "pubkeys = none.pub", "remote.pubkeys"),
    ],
)
def test_missing_files(loaded: Callable[..., Loaded], write: Write, local: str, remote: str, key: str) -> None:
    write(pkcs8(GW), "private/gw.key")
    with pytest.raises(ConfigError) as caught:
        loaded(local, remote)
    assert (f"connections.c.{key}", Rule.UNREADABLE_FILE) in [(each.key, each.rule) for each in caught.value.findings]


def test_a_key_that_others_can_read(loaded: Callable[..., Loaded], write: Write) -> None:
    write(pkcs8(GW), "private/gw.key", 0o644)
    with pytest.raises(ConfigError) as caught:
        loaded("certs = gw.crt")
    assert Rule.READABLE_BY_OTHERS in {each.rule for each in caught.value.findings}


class TestTrust:
    def test_all_authorities_of_the_folder_without_others(self, connection: Connect, write: Write) -> None:
        write(OTHER.der, "x509ca/other.crt")
        assert set(connection("certs = gw.crt").trust.authorities) == {CA.der, OTHER.der}

    def test_only_the_named_ones(self, connection: Connect, write: Write) -> None:
        write(OTHER.der, "x509ca/other.crt")
        assert connection("certs = gw.crt", "cacerts = other.crt").trust.authorities == (OTHER.der,)

    def test_sections_name_files_as_well(self, connection: Connect, write: Write) -> None:
        file = write(OTHER.der, "elsewhere/other.crt")
        found = connection("cert1 { file = %s }" % (file.parents[1] / "x509/gw.crt"), f"cacert1 {{ file = {file} }}")
        assert found.credential is not None
        assert found.trust.authorities == (OTHER.der,)

    def test_authorities_add_to_the_folder(self, connection: Connect, write: Write) -> None:
        file = write(OTHER.der, "elsewhere/other.crt")
        found = connection("certs = gw.crt", "", f"authorities {{ other {{ file = {file} }} }}")
        assert set(found.trust.authorities) == {CA.der, OTHER.der}

    def test_a_certificate_of_the_peer_in_the_folder(self, connection: Connect, write: Write) -> None:
        write(BRANCH_CERTIFICATE, "x509/branch.crt")
        assert connection("certs = gw.crt", "id = branch.example.org").trust.peers == (BRANCH_CERTIFICATE,)
        assert connection("certs = gw.crt", "id = another.example.org").trust.peers == ()
        named = connection("certs = gw.crt", "certs = branch.crt").trust
        assert (named.authorities, named.peers) == ((), (BRANCH_CERTIFICATE,))

    def test_revocation(self, connection: Connect, write: Write) -> None:
        revoked = CA.revocation_list()
        write(revoked, "x509crl/ca.crl")
        found = connection("certs = gw.crt", "revocation = strict").trust
        assert (found.revocation, found.revocation_lists) == (Revocation.STRICT, (revoked,))

    def test_the_status_of_a_certificate_in_certs_is_that_of_its_authority(
        self, connection: Connect, write: Write
    ) -> None:
        write(BRANCH_CERTIFICATE, "x509/branch.crt")
        listed = CA.revocation_list()
        write(listed, "x509crl/ca.crl")
        found = connection("certs = gw.crt", "certs = branch.crt\n revocation = strict").trust
        assert (found.authorities, found.peers) == ((), (BRANCH_CERTIFICATE,))
        assert (found.intermediates, found.revocation_lists) == ((CA.der,), (listed,))

    def test_a_strict_check_needs_the_authority(self, connection: Connect, write: Write) -> None:
        write(der(OTHER.issue("CN=branch", BRANCH, ["branch.example.org"])), "x509/branch.crt")
        with pytest.raises(ConfigError) as caught:
            connection("certs = gw.crt", "certs = branch.crt\n revocation = strict")
        assert [(each.key, each.rule) for each in caught.value.findings] == [
            ("connections.c.remote.revocation", Rule.NOT_SUPPORTED)
        ]

    def test_where_the_status_of_certificates_is(self, loaded: Callable[..., Loaded], write: Write) -> None:
        write(pkcs8(GW), "private/gw.key")
        others = """authorities {
            a { cacert = ca.crt
                crl_uris = http://a.example/1, https://a.example/2
                ocsp_uris = http://b.example }
            silent { cacert = ca.crt } }"""
        settings = loaded("certs = gw.crt", "revocation = ifuri", others).settings
        expected = Authority("a", CA.der, ("http://a.example/1", "https://a.example/2"), ("http://b.example",))
        assert settings.authorities == (expected,)
        assert settings.connections[0].trust.revocation is Revocation.IF_URI

    def test_the_size_of_keys(self, connection: Connect) -> None:
        assert connection("certs = gw.crt", "auth = rsa-3072-ecdsa-256-sha256").trust.smallest_rsa_bits == 3072

    @pytest.mark.parametrize(
        ("remote", "others", "key"),
        [
            ("auth = pubkey-sha384", "", "connections.c.remote.auth"),
            ("auth = ecdsa-384", "", "connections.c.remote.auth"),
            ("auth = ecdsa-256", "", "connections.c.remote.auth"),  # our key is RSA, and so is that of the peer
            ("auth = rsa-2048", "", "connections.c.remote.auth"),  # the CA's key is ECDSA
            ("certs = gw.crt\n cacerts = ca.crt", "", "connections.c.remote.certs"),
            ("pubkeys = gw.pub\n cacerts = ca.crt", "", "connections.c.remote.pubkeys"),
            ("cert_policy = 1.2.3", "", "connections.c.remote.cert_policy"),
            ("ca_id = ca.example.org", "", "connections.c.remote.ca_id"),
            ("", "authorities { a { cacert = ca.crt\n crl_uris = ldap://a.example/ } }", "authorities.a.crl_uris"),
            ("", "authorities { a { cacert = ca.crt\n ocsp_uris = file:///a } }", "authorities.a.ocsp_uris"),
            ("", "authorities { a { handle = 00\n module = m } }", "authorities.a.handle"),
            ("", "secrets { token { handle = 00 } }", "secrets.token"),
            ("cacert { handle = 00 }", "", "connections.c.remote.cacert.handle"),
        ],
    )
    def test_what_is_less_strict_here_is_refused(
        self, connection: Connect, write: Write, remote: str, others: str, key: str
    ) -> None:
        write(spki(GW), "pubkey/gw.pub")
        with pytest.raises(ConfigError) as caught:
            connection("certs = gw.crt", remote, others)
        assert (key, Rule.NOT_SUPPORTED) in [(each.key, each.rule) for each in caught.value.findings]

    def test_a_malformed_uri_of_an_authority(self, connection: Connect) -> None:
        with pytest.raises(ConfigError) as caught:
            connection("certs = gw.crt", "", "authorities { a { cacert = ca.crt\n crl_uris = http://[::1 } }")
        assert ("authorities.a.crl_uris", Rule.INVALID_VALUE) in [
            (each.key, each.rule) for each in caught.value.findings
        ]


def test_hybrid_authentication_of_a_gateway(connection: Connect) -> None:
    others = "secrets { xauth { id = carol\n secret = of carol } }"
    found = connection("certs = gw.crt", "auth = xauth", others)
    assert (found.xauth, found.xauth_backend) == (XauthRole.SERVER, ("users",))
    assert found.credential is not None


def test_hybrid_authentication_of_a_client(connection: Connect) -> None:
    others = "secrets { xauth { id = carol\n secret = of carol } }"
    found = connection("auth = xauth\n xauth_id = carol", "id = gw.example.org", others)
    assert (found.xauth, found.xauth_secret, found.credential) == (XauthRole.CLIENT, b"of carol", None)
    assert found.trust.authorities == (CA.der,)


def test_elliptic_keys(loaded: Callable[..., Loaded], write: Write) -> None:
    key = ec_key(9)
    write(der(CA.issue("CN=ec", key)), "x509/ec.crt")
    sec1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    write(sec1, "ecdsa/ec.key")
    for remote in ("ecdsa", "ecdsa-256", "rsa-3072-ecdsa-256"):
        found = loaded("auth = ecdsa\n certs = ec.crt", f"auth = {remote}")
        assert found.settings.connections[0].credential is not None
    for remote in ("rsa-2048", "ecdsa-384"):
        with pytest.raises(ConfigError) as caught:
            loaded("auth = ecdsa\n certs = ec.crt", f"auth = {remote}")
        assert [(each.key, each.rule) for each in caught.value.findings] == [
            ("connections.c.remote.auth", Rule.NOT_SUPPORTED)
        ]
