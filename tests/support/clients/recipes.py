"""The pages of ``docs/recipes``: the configuration of each, loaded as the gateway loads it, and its tables."""

from __future__ import annotations

import re
import tomllib
from enum import Enum
from itertools import groupby
from pathlib import Path

from authority import NOW
from clients.facts import Known, Peer
from configuration_files import provide_files
from documents import ROOT, blocks
from ikev1.config import Loaded, load

FOLDER = ROOT / "docs" / "recipes"
PAGES = sorted(FOLDER.glob("*.md"))
_MARKER = re.compile(r"<!-- offer: (?P<name>[a-z0-9-]+) -->\n(?P<table>(?:\|.*\n)*)")


def configuration(page: str, number: int = 0) -> str:
    """The TOML of a page, by its name; a page may show several."""
    return [block.text for block in blocks(FOLDER / f"{page}.md") if block.language == "toml"][number]


class Proof(Enum):
    """What takes the place of `secret_file` in a configuration, as the pages say."""

    SECRET = ""
    CERTIFICATES = (
        'local_id = "dn"\ncertificate = "gw.pem"\nprivate_key = "gw.key"\nca = "ca.pem"\nremote_id = "C=CH, O=lab, *"'
    )
    HYBRID = 'local_id = "dn"\ncertificate = "gw.pem"\nprivate_key = "gw.key"\nhybrid = true'


def loaded(page: str, folder: Path, number: int = 0, proof: Proof = Proof.SECRET) -> Loaded:
    """The configuration of a page, read from a file in ``folder``, with another ``proof`` in place of the secret."""
    text = configuration(page, number)
    if proof is not Proof.SECRET:
        text = re.sub(r"^secret_file = .*$", proof.value, text, flags=re.MULTILINE)
    provide_files(folder, tomllib.loads(text))
    file = folder / "ikev1.toml"
    file.touch(mode=0o600)
    file.write_text(text)
    return load(file, lambda: NOW)


def offers(page: Path) -> dict[str, str]:
    """The tables of offers in a page, by the name of the peer."""
    return {found["name"]: found["table"] for found in _MARKER.finditer(page.read_text())}


def with_offers(text: str, tables: dict[str, str]) -> str:
    """``text`` with these tables in place of those that it has."""
    return _MARKER.sub(lambda found: f"<!-- offer: {found['name']} -->\n{tables[found['name']]}", text)


def table(peer: Peer, chosen: tuple[str, str]) -> str:
    """What ``peer`` sends, and how surely that is known; ``chosen`` is what the gateway selects in phase 1 and 2."""
    rows = [
        *_suites("phase 1, in this order", peer.ike),
        ("lifetime of phase 1", _life(peer.ike_life.seconds), peer.ike_life.sure.value),
        *_suites("phase 2, in this order", peer.esp),
        (
            "lifetime of phase 2",
            _life(peer.esp_life.seconds, peer.esp_life.kilobytes),
            peer.esp_life.sure.value,
        ),
        *(
            ("vendor IDs", ", ".join(each.name for each in found), sure.value)
            for sure, found in groupby(peer.vendor_ids, key=lambda each: each.sure)
        ),
        ("mode", "Aggressive Mode" if peer.aggressive else "Main Mode", ""),
        ("identity", _identity(peer), peer.identity_sure.value),
        ("selected by the gateway", f"`{chosen[0]}`, `{chosen[1]}`", "a test that plays this offer"),
    ]
    lines = [("the peer sends", "", "known from"), ("---", "---", "---"), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def _suites(title: str, suites: tuple[Known, ...]) -> list[tuple[str, str, str]]:
    return [
        (title, ", ".join(f"`{each.words}`" for each in found), sure.value)
        for sure, found in groupby(suites, key=lambda each: each.sure)
    ]


def _life(seconds: int, kilobytes: int = 0) -> str:
    return f"{seconds} s, {kilobytes} KB" if kilobytes else f"{seconds} s"


def _identity(peer: Peer) -> str:
    kind, data = peer.identity
    return f"{kind.name}, its own address" if data is None else f"{kind.name}, for example `{data.decode()}`"
