"""What `ikev1 connect` says of its configuration: options, and no key of `ikev1.toml`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from documents import ROOT
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.cli.connect.wording import places_of
from ikev1.config import ConfigError, load_values

_EXPRESSION = re.compile(r"\{[^{}]*\}")
KEYS = re.compile(
    r"\b(?:remote_id|local_id|remote_address|mode_config|xauth_\w+|nat_traversal|data_plane|private_key|vips|connection\.)\b"
)


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"ike": ("bogus",)}, "--ike"),
        ({"dh_group": "modp99"}, "--dh-group"),
        ({"esp": ("bogus",)}, "--esp"),
        ({"pfs": "bogus"}, "--pfs"),
        ({"networks": ("10.1.0.0/16", "10.0.0.0/33")}, "--network"),
        ({"device": 40 * "x"}, "--device"),
        ({"local_id": "dn"}, "--local-id"),
        ({"certificate": "/nonexistent", "private_key": "/nonexistent"}, "--cert"),
        ({"hybrid": True, "user": "carol", "ca": "/nonexistent"}, "--ca"),
        ({"gateway": "no such name"}, "GATEWAY"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], option: str) -> None:
    options = ConnectOptions(**{"gateway": "192.0.2.1", **given})
    with pytest.raises(ConfigError) as caught:
        load_values(configuration(options, b"secret", b""), "connect", places=places_of(options))
    assert option in {finding.key for finding in caught.value.findings}
    assert not [finding for finding in caught.value.findings if KEYS.search(str(finding))]


@pytest.mark.parametrize("folder", ["core", "daemon", "esp"])
def test_what_a_client_may_hear_names_no_key(folder: str) -> None:
    """Of the texts in the list for reviewers."""
    said = places_of(ConnectOptions("192.0.2.1")).said
    sections = (ROOT / "tests" / "sentences.txt").read_text().split("\n\n")
    texts = [
        _EXPRESSION.sub("", text) for each in sections if each.startswith(folder) for text in each.splitlines()[1:]
    ]
    assert texts
    named = {found for text in texts if KEYS.search(found := said(text).strip())}
    assert not named
