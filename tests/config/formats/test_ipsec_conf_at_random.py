"""Whatever ipsec.conf and ipsec.secrets contain, they are a configuration or have errors; nothing else happens."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikev1.config import ConfigError, load

LINES = [
    *("conn a", "conn b", "conn %default", "config setup", "ca c", "version 2.0", "include *.conf", "# x", "", "what"),
    *("    also=a", "    also=b", "    alsoflip=a", "    auto=add", "    auto=start", "    auto=route", "    auto="),
    *("    keyexchange=ikev1", "    keyexchange=ike", "    ikev2=no", "    authby=secret", "    authby=xauthpsk"),
    *("    left=192.0.2.1", "    left=%any", "    right=127.0.0.1", "    right=gw.example.org", "    right=10.0.0.0/8"),
    *("    leftid=@[group]", "    leftid=@#00", "    rightid=C=x, CN=y", "    rightid=%any", "    leftid=ipv4:#0a"),
    *(
        "    leftsubnet=10.1.0.0/16,::/0",
        "    leftsubnet=[",
        "    leftsubnets={10.1.0.0/16",
        "    rightsubnet=vhost:%priv",
    ),
    *(
        "    leftprotoport=17/1701",
        "    leftprotoport=///",
        "    rightprotoport=%any/99999999999",
        "    type=transport",
    ),
    *(
        "    ike=aes256-sha1-modp1024!",
        "    ike=aes;modp1024",
        "    ike=,;,",
        "    esp=aes_gcm-null",
        "    esp=!",
        "    ah=sha1",
    ),
    *("    keylife=1.5h", "    keylife=9999999999", "    lifetime=5m", "    margintime=1d", "    rekeyfuzz=99999%"),
    *("    dpdaction=hold", "    dpddelay=0", "    dpdtimeout=1", "    rekey=no", "    pfs=no", "    phase2=ah"),
    *("    rightsourceip=10.0.0.0/24", "    rightsourceip=%x", "    leftsourceip=%config", "    rightauth2=xauth"),
    *(
        "    leftcert=a.pem",
        "    rightca=%same",
        "    rightca=C=x",
        "    leftxauthclient=yes",
        "    rightaddresspool=10.0.0.1-",
    ),
    *(
        '    leftupdown="/bin/x \\',
        '    rightid="',
        "    = x",
        "    left",
        "    \u00e4=\u00e4",
        "    mark=7/",
        "    reqid=x",
    ),
]
ENTRIES = [
    *(': PSK "x"', "@a @b : PSK 0x00", "10.0.0.1: PSK x", ": RSA key.pem %prompt", "c : XAUTH y", ": P12 x y", "a :"),
    *(
        ": PIN %smartcard 1",
        ":",
        '"',
        "include *.secrets",
        "    z : EAP 0sAA==",
        "# x",
        ": RSA {",
        "@[g] %any : PSK 'q'",
    ),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["stroke", "libreswan"]),
    st.lists(st.sampled_from(LINES), max_size=40),
    st.lists(st.sampled_from(ENTRIES), max_size=8),
)
def test_lines(dialect: str, lines: list[str], entries: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ipsec.conf"
        secrets = file.with_name("ipsec.secrets")
        for path, text in ((file, lines), (secrets, entries)):
            path.touch(mode=0o600)
            path.write_text("\n".join(text))
        with suppress(ConfigError):
            load(file, format=dialect)
