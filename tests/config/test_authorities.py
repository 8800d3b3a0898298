"""``[authority.NAME]``: where the status of certificates is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from authority import root
from ikev1.config import Loaded, Rule
from ikev1.core.records.settings import RevocationUrls

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]

CA = root("C=XX, O=lab, CN=root", 1)
CONNECTIONS = """
[connection.a]
secret = "a secret of more than twenty octets"
[connection.a.tunnel.net]
[connection.b]
remote_address = "198.51.100.7"
secret = "a secret of more than twenty octets"
[connection.b.tunnel.net]
"""


def authority(file: Path, *lines: str) -> str:
    return "\n".join([CONNECTIONS, "[authority.lab]", f'certificate = "{file}"', *lines])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The CA's."""
    file = tmp_path / "ca.crt"
    file.write_bytes(CA.der)
    return file


def test_an_authority_is_that_of_all_connections(loaded: Load, certificate: Path) -> None:
    text = authority(certificate, 'crl_urls = "http://a.example/ca.crl"', 'ocsp_urls = ["https://a.example:8880"]')
    expected = (RevocationUrls(CA.der, ("http://a.example/ca.crl",), ("https://a.example:8880",)),)
    assert [each.trust.revocation_urls for each in loaded(text).settings.connections] == [expected, expected]


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ("", "authority.lab", Rule.MISSING_KEY),
        ('crl_urls = "ldap://a.example/"', "authority.lab.crl_urls", Rule.INVALID_VALUE),
        ('ocsp_urls = "http:///ca.crl"', "authority.lab.ocsp_urls", Rule.INVALID_VALUE),
        ('ocsp_urls = "http://a.example:x/"', "authority.lab.ocsp_urls", Rule.INVALID_VALUE),
        ('crl_urls = "http://a.example/a b"', "authority.lab.crl_urls", Rule.INVALID_VALUE),
        (f"crl_urls = {['http://a.example/'] * 9}", "authority.lab.crl_urls", Rule.INVALID_VALUE),
        ('crl_urls = "http://a.example/"\ncrl_url = "http://a.example/"', "authority.lab.crl_url", Rule.UNKNOWN_KEY),
    ],
)
def test_what_cannot_be_used(refused: Refused, certificate: Path, line: str, key: str, rule: Rule) -> None:
    assert refused(authority(certificate, line)) == {key: rule}


def test_an_authority_has_a_certificate(refused: Refused) -> None:
    text = CONNECTIONS + '[authority.lab]\ncrl_urls = "http://a.example/ca.crl"'
    assert refused(text) == {"authority.lab.certificate": Rule.MISSING_KEY}
