"""Whatever a client loads is read or refused, and nothing else happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ikev1.config import ConfigError, GatewayOptions, Loaded, load_beside
from ikev1.config.findings import Invalid
from ikev1.config.formats.swanctl.loaded import (
    Items,
    SharedSecret,
    authority,
    connection,
    place,
    pool,
    read_items,
)
from ikev1.core.records.settings import Settings

KEYS = (
    *("local_addrs", "remote_addrs", "proposals", "vips", "pools", "version", "aggressive", "dpd_delay", "rekey_time"),
    *("local", "remote", "local-2", "remote-xauth", "auth", "id", "certs", "cacerts", "pubkeys", "groups", "round"),
    *(
        "children",
        "net",
        "local_ts",
        "remote_ts",
        "esp_proposals",
        "ah_proposals",
        "mode",
        "start_action",
        "cert",
        "file",
    ),
)
WORDS = st.sampled_from(
    [
        *(b"", b"1", b"0", b"yes", b"psk", b"pubkey", b"xauth", b"%any", b"10.0.0.1", b"10.0.0.0/8", b"pass", b"start"),
        *(b"dynamic[tcp/http]", b"aes128-sha256-modp2048", b"1h", b"\xff", b"a, b", b"vici:/x509/00", b"/etc/passwd"),
    ]
) | st.binary(max_size=8)
VALUES = WORDS | st.lists(WORDS, max_size=3)
MESSAGES = st.recursive(
    st.dictionaries(st.sampled_from(KEYS) | st.text("ab.-/ ", max_size=4), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), VALUES | inner, max_size=6),
    max_leaves=12,
)


def loaded(items: Items) -> Loaded | None:
    with suppress(ConfigError):
        return load_beside(read_items(items), Loaded(Settings(), GatewayOptions()), lambda: 0.0)
    return None


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(MESSAGES, MESSAGES, MESSAGES, st.text(min_size=1, max_size=6), WORDS)
@example({"children": {"net": {"mode": [b"pass"]}}}, {}, {}, "a", b"")
@example({"children": b"net"}, {"addrs": b"10.0.0.0/33"}, {"cacert": b""}, ".", b"")
def test_any_message_is_read_or_refused(
    one: dict[str, Any], other: dict[str, Any], third: dict[str, Any], name: str, secret: bytes
) -> None:
    items = Items(secrets={"x": SharedSecret("ike", secret or b"x", (secret.decode("latin-1"),))})
    with suppress(Invalid):
        items = Items(connections={name: connection(one)}, secrets=items.secrets)
    with suppress(Invalid):
        items = Items(items.connections, {name: pool(other)}, secrets=items.secrets)
    with suppress(Invalid):
        items = Items(items.connections, items.pools, {name: authority(third)}, items.secrets)
    loaded(items)


def test_contents_are_found_by_their_names() -> None:
    items = Items().with_file("x509", b"content")
    assert items.files["x509"] == {place("x509", b"content"): b"content"}
    assert b"content".hex() not in repr(items)
    assert "hush" not in repr(SharedSecret("ike", b"hush", ()))
