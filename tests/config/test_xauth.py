"""The keys about XAUTH: which methods of phase 1 they lead to, and what contradicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authority import NOW, der, pkcs8, root, rsa_key
from ikev1.config import Loaded, Rule
from ikev1.core.records.settings import Connection, XauthRenewal, XauthRole
from ikev1.wire.registry import AuthenticationMethod

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]

TUNNEL = "\n[connection.rw.tunnel.net]\nlocal = '10.1.0.0/16'\n"
SECRET = "[connection.rw]\nsecret = 'the secret of the group'\nproposals = 'aes256-sha256-modp2048'\n"
SERVER = "xauth = 'server'\nxauth_backend = 'command'\n"
CLIENT = "xauth = 'client'\nremote_address = '192.0.2.1'\n"


@pytest.fixture
def clock() -> Callable[[], float]:
    return lambda: NOW


@pytest.fixture
def command(tmp_path: Path) -> str:
    """The table of a backend that needs no package."""
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    return "\n[command]\nrun = 'check'\n"


@pytest.fixture
def keys(tmp_path: Path) -> str:
    """Our key and certificate, and the CA of the peer."""
    key, authority = rsa_key(1), root("C=CH, O=lab, CN=root", 1)
    contents = {"own.key": pkcs8(key), "own.pem": der(authority.issue("C=CH, O=lab, CN=gw", key=key))}
    for name, octets in (contents | {"ca.pem": authority.der}).items():
        file = tmp_path / name
        file.touch(mode=0o600)
        file.write_bytes(octets)
    return "private_key = 'own.key'\ncertificate = 'own.pem'\n"


def only(loaded: Loaded) -> Connection:
    (connection,) = loaded.settings.connections
    return connection


def methods(loaded: Loaded) -> list[int]:
    return [policy.suite.authentication for policy in only(loaded).policies]


def test_a_server_with_a_group_secret(loaded: Load, command: str) -> None:
    found = loaded(SECRET + SERVER + TUNNEL + command)
    connection = only(found)
    assert connection.xauth is XauthRole.SERVER
    assert connection.xauth_backend == ("command",)
    assert (connection.xauth_timeout, connection.xauth_attempts) == (60.0, 1)
    assert connection.xauth_renewal is XauthRenewal.ASK
    assert methods(found) == [
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
    ]


def test_a_client_with_certificates(loaded: Load, keys: str) -> None:
    text = "[connection.rw]\nproposals = 'aes256-sha256-modp2048'\nca = 'ca.pem'\n" + keys + CLIENT
    found = loaded(text + "xauth_user = 'carol'\nxauth_secret = 'her password'\n" + TUNNEL)
    assert methods(found) == [AuthenticationMethod.XAUTH_INIT_RSA, AuthenticationMethod.XAUTH_RESP_RSA]
    connection = only(found)
    assert (connection.xauth_user, connection.xauth_secret) == ("carol", b"her password")
    assert "her password" not in repr(connection)


def test_a_hybrid_client_has_neither_secret_nor_key(loaded: Load, keys: str) -> None:
    text = "[connection.rw]\nproposals = 'aes256-sha256-modp2048'\nca = 'ca.pem'\nhybrid = true\n" + CLIENT
    found = loaded(text + TUNNEL)
    assert methods(found) == [AuthenticationMethod.HYBRID_INIT_RSA, AuthenticationMethod.HYBRID_RESP_RSA]
    assert only(found).credential is None


def test_a_hybrid_server_trusts_nobody_before_xauth(loaded: Load, keys: str, command: str) -> None:
    text = "[connection.rw]\nproposals = 'aes256-sha256-modp2048'\nhybrid = true\n" + keys + SERVER
    found = loaded(text + TUNNEL + command)
    assert methods(found) == [AuthenticationMethod.HYBRID_INIT_RSA, AuthenticationMethod.HYBRID_RESP_RSA]


def test_the_usual_method_where_xauth_is_not_announced(loaded: Load, command: str) -> None:
    found = loaded(SECRET + SERVER + "xauth_method = false\n" + TUNNEL + command)
    assert methods(found) == [AuthenticationMethod.PRE_SHARED_KEY]
    assert not only(found).xauth_method


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        ("xauth_user = 'carol'", {"connection.rw.xauth_user": Rule.UNUSED_KEY}),
        ("hybrid = true", {"connection.rw.hybrid": Rule.UNUSED_KEY}),
        (CLIENT + "xauth_attempts = 2", {"connection.rw.xauth_attempts": Rule.UNUSED_KEY}),
        ("xauth = 'server'", {"connection.rw": Rule.XAUTH_WITHOUT_BACKEND}),
        ("xauth = 'both'", {"connection.rw.xauth": Rule.INVALID_VALUE}),
        (CLIENT + "xauth_timeout = 'soon'", {"connection.rw.xauth_timeout": Rule.INVALID_VALUE}),
        (CLIENT + "xauth_secret = ''", {"connection.rw.xauth_secret": Rule.INVALID_SECRET}),
    ],
)
def test_what_is_refused(refused: Refused, lines: str, broken: dict[str, Rule]) -> None:
    assert refused(SECRET + lines + TUNNEL) == broken


def test_what_a_server_has_no_use_for(refused: Refused, command: str) -> None:
    found = refused(SECRET + SERVER + "xauth_secret = 'x'\n" + TUNNEL + command)
    assert found == {"connection.rw.xauth_secret": Rule.UNUSED_KEY}
    found = refused(SECRET + SERVER + "hybrid = true\nxauth_method = false\n" + TUNNEL + command)
    assert found["connection.rw.xauth_method"] is Rule.XAUTH_METHOD


def test_a_method_that_xauth_does_not_have(refused: Refused, command: str) -> None:
    """Hybrid authentication is by signatures."""
    found = refused(SECRET + SERVER + "hybrid = true\n" + TUNNEL + command)
    assert found["connection.rw"] is Rule.XAUTH_METHOD


@pytest.mark.parametrize(
    ("identity", "broken"),
    [
        ("remote_id = 'keyid:staff'", {}),
        ("remote_id = '*@example.org'", {"connection.rw.xauth_renewal": Rule.XAUTH_INHERITED}),
        ("", {"connection.rw.xauth_renewal": Rule.XAUTH_INHERITED}),
    ],
)
def test_whose_user_a_renewal_may_inherit(
    loaded: Load, refused: Refused, command: str, identity: str, broken: dict[str, Rule]
) -> None:
    text = SECRET + SERVER + f"xauth_renewal = 'inherit'\n{identity}\n" + TUNNEL + command
    if broken:
        assert refused(text) == broken
    else:
        assert only(loaded(text)).xauth_renewal is XauthRenewal.INHERIT


def test_a_hybrid_client_proves_nothing_that_could_be_inherited(refused: Refused, keys: str, command: str) -> None:
    text = "[connection.rw]\nproposals = 'aes256-sha256-modp2048'\nhybrid = true\nxauth_renewal = 'inherit'\n"
    found = refused(text + keys + SERVER + TUNNEL + command)
    assert found == {"connection.rw.xauth_renewal": Rule.XAUTH_INHERITED}
