"""Whatever racoon.conf, psk.txt and setkey.conf contain: a configuration or errors, nothing else happens."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikev1.config import ConfigError, load

PIECES = [
    *("remote", "anonymous", "198.51.100.7", "[500]", "inherit", '"base"', "{", "}", ";", ",", "(", ")", "[", "]", "#"),
    *(
        "exchange_mode main;",
        "exchange_mode aggressive, main;",
        "my_identifier",
        "peers_identifier",
        "fqdn",
        "keyid file",
    ),
    *(
        'user_fqdn "a@b"',
        "asn1dn;",
        "address;",
        "verify_identifier on;",
        "generate_policy on;",
        "mode_cfg on;",
        "passive",
    ),
    *("proposal {", "encryption_algorithm aes 256;", "encryption_algorithm aes,3des , 9;", "hash_algorithm sha1;"),
    *("dh_group 2;", "dh_group modp2048;", "authentication_method pre_shared_key;", "authentication_method rsasig;"),
    *("lifetime time 1 hour;", "lifetime byte 3 MB;", "lifetime time 99999999999 sec;", "pfs_group 14;"),
    *("sainfo", "from fqdn", "address 10.1.0.0/16 any", "address 10.2.0.0/16 [80] tcp", "subnet ::/0", "clientaddr"),
    *(
        "authentication_algorithm hmac_sha1, non_auth;",
        "compression_algorithm deflate;",
        "mode_cfg { network4 10.9.0.1;",
    ),
    *("pool_size 4294967296;", "split_network include 10.0.0.0/8;", "auth_source system;", 'banner "/dev/null";'),
    *('path certificate "/";', 'path pre_shared_key "psk.txt";', 'include "racoon.conf";', "listen { isakmp ::1;"),
    *(
        "timer { counter 3;",
        "interval 1 sec;",
        "xauth_login",
        "certificate_type x509",
        '"a"',
        "ph1id 1;",
        "remoteid 1;",
    ),
]
COMMANDS = [
    *("spdadd", "add", "flush;", "10.1.0.0/16", "10.2.0.0/16[any]", "::/0", "any", "udp", "-P", "in", "out", "fwd"),
    *(
        "ipsec",
        "none",
        "discard",
        "esp/tunnel/192.0.2.1-198.51.100.7/require",
        "esp/transport//use",
        "ipcomp/tunnel/-/x",
    ),
    *("ah/transport//unique:5", ";", "#", "\n", "prio", "def"),
]


def words(of: list[str], most: int) -> st.SearchStrategy[str]:
    """Words and other text in any order."""
    return st.lists(st.sampled_from(of) | st.text(max_size=4), max_size=most).map(" ".join)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words(PIECES, 60), words(COMMANDS, 20), st.text(max_size=40))
def test_any_text(text: str, policies: str, keys: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("racoon.conf", text), ("setkey.conf", policies), ("psk.txt", keys)):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(content, errors="replace")
        with suppress(ConfigError):
            load(folder / "racoon.conf", format="racoon")
