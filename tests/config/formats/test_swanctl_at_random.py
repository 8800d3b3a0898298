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
VALUES = [
    *(
        "",
        "1e999",
        "nan",
        "9" * 5000,
        "0x" + "f" * 5000,
        "0",
        "1",
        "2",
        "-1",
        "yes",
        "no",
        "4h",
        "99999999999",
        "1.5",
        "%any",
        "%unique",
        "%forever",
        "psk",
        "pubkey",
        "xauth",
    ),
    *(
        "rsa-2048-sha256",
        "ike:ecdsa-384",
        "xauth-pam",
        "eap-md5",
        "0.0.0.0",
        "::",
        "10.1.0.0/16",
        "10.1.0.1/16",
        "fec1::1",
    ),
    *(
        "10.0.0.9-10.0.0.1",
        "10.0.0.1-fec1::1",
        "a.example.org, 10.0.0.1",
        "dynamic[tcp/http]",
        "dynamic[tcp/1-2]",
        "[",
        "]",
    ),
    *(
        "dynamic[udp/opaque]",
        "keyid:#00",
        "ipv6:#00",
        "asn1dn:#30",
        "C=CH, O=lab",
        "CN=",
        "@@",
        "@#zz",
        "*",
        "*@x",
        "{3}:#00",
    ),
    *(
        "default",
        "aes128-sha256-modp2048",
        "aes",
        "-",
        ",",
        "aes128gcm16-esn-noesn",
        "x-y",
        "transport",
        "pass",
        "trap|start",
    ),
    *(
        "restart",
        "0x2a/0xff",
        "0x",
        "0sx",
        "strict",
        "ifuri",
        "/bin/true",
        "'",
        "a\tb",
        "\u00e4",
        "none.crt",
        "..",
        "/",
        "~",
    ),
]
KEYS = {
    "connection": "version local_addrs remote_addrs local_port remote_port proposals vips aggressive pull dscp encap "
    "mobike dpd_delay dpd_timeout fragmentation childless send_certreq send_cert ppk_id ppk_required keyingtries "
    "unique reauth_time rekey_time over_time rand_time pools if_id_in if_id_out mediation",
    "round": "round certs pubkeys auth id eap_id aaa_id xauth_id groups cert_policy cacerts ca_id revocation",
    "child": "ah_proposals esp_proposals sha256_96 local_ts remote_ts rekey_time life_time rand_time rekey_bytes "
    "life_bytes rand_bytes rekey_packets life_packets rand_packets updown hostaccess mode policies dpd_action ipcomp "
    "inactivity reqid priority interface mark_in mark_out set_mark_in if_id_in if_id_out tfc_padding replay_window "
    "hw_offload copy_df start_action close_action",
    "secret": "secret id id-1 id-2 file handle",
    "pool": "addrs dns nbns netmask subnet split_include split_exclude 28672 28674 28675 7 server",
    "authority": "cacert file handle crl_uris ocsp_uris",
    "charon": "retransmit_tries retransmit_timeout retransmit_base retransmit_jitter keep_alive fragment_size port "
    "port_nat_t retry_initiate_interval install_routes initiator_only dns1 nbns2",
}


def section(kind: str, **sections: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The content of a section: some of its keys with any values, and other sections."""
    keys = st.dictionaries(st.sampled_from(KEYS[kind].split()), st.sampled_from(VALUES), max_size=5)
    lines = keys.map(lambda found: "".join(f'{key} = "{value}"\n' for key, value in found.items()))
    inner = st.fixed_dictionaries({}, optional=sections)
    return st.builds(
        lambda line, found: line + "".join(f"{name} {{\n{content}\n}}\n" for name, content in found.items()),
        lines,
        inner,
    )


def named(name: str, content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return content.map(lambda text: f"{name} {{\n{text}\n}}\n")


WELL_FORMED = st.tuples(
    named(
        "connections",
        named(
            "a",
            section(
                "connection",
                local=section("round"),
                remote=section("round"),
                **{"remote-2": section("round"), "children": named("net", section("child"))},
            ),
        ),
    ),
    named(
        "secrets", st.one_of(*(named(kind, section("secret")) for kind in ("ike", "xauth", "private", "token", "x")))
    ),
    named("pools", named("p", section("pool"))) | st.just(""),
    named("authorities", named("x", section("authority"))) | st.just(""),
    named("charon", section("charon")) | st.just(""),
).map("".join)
FILES = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WELL_FORMED | FILES | FILES.map(CONNECTION.format) | st.text(max_size=200) | st.binary(max_size=200))
def test_any_file(content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "swanctl.conf"
        file.touch(mode=0o600)
        file.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
        try:
            load(file)
        except ConfigError as error:
            assert error.findings  # noqa: PT017  either is fine
