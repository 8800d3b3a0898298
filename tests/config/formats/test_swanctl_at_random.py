"""Whatever a file contains, it is a configuration or has errors with places; nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikev1.config import ConfigError, load

PIECES = [
    *("connections", "secrets", "pools", "authorities", "charon", "base", "include *.conf", "include swanctl.conf"),
    *("local", "remote", "remote-2", "children", "net", "ike-1", "xauth-c", "eap", "private-k", "token", "office"),
    *("version", "auth", "id", "secret", "file", "local_ts", "remote_ts", "remote_addrs", "proposals", "esp_proposals"),
    *(
        "rekey_time",
        "life_time",
        "over_time",
        "rand_time",
        "rekey_bytes",
        "life_bytes",
        "start_action",
        "mode",
        "addrs",
    ),
    *("dns", "certs", "cacerts", "cacert1", "round", "xauth_id", "groups", "vips", "pools", "unique", "dpd_timeout"),
    *("= psk", "= pubkey", "= xauth", "= xauth-pam", "= eap", "= 1", "= 0", "= 2", "= -1", "= 99999999999", "= 4h"),
    *("= %any", "= 10.1.0.0/16", "= ::/0", "= 10.0.0.1-10.0.0.9", "= dynamic[tcp/http]", "= transport", "= keyid:#00"),
    *(
        '= "keyid:#0g"',
        '= "asn1dn:#3000"',
        "= C=CH, O=x",
        "= aes-sha1-modp1024",
        "= default",
        "= a-b",
        "= ''",
        "= [",
        "= yes",
    ),
    *(
        "{",
        "{",
        "{",
        "}",
        "}",
        "}",
        "\n",
        "\n",
        "\n",
        ": base",
        ": connections.a",
        ", base",
        "# x",
        '"',
        "=",
        "\\",
        "a",
        "\u00e4",
    ),
]
CONNECTION = "connections {{ a {{ version = 1\n {} }} }}\nsecrets {{ ike {{ secret = s }} }}"
FILES = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES | FILES.map(CONNECTION.format) | st.text(max_size=200) | st.binary(max_size=200))
def test_any_file(content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "swanctl.conf"
        file.touch(mode=0o600)
        file.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
        try:
            load(file)
        except ConfigError as error:
            assert error.findings  # noqa: PT017  either is fine
