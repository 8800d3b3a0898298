"""The vpncfg of a FRITZ!Box: a file that the box imports, or its part of an exported configuration."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from ikev1.config.findings import NO_PROOF, ConfigError, Finding, Findings, Rule
from ikev1.config.formats.fritzbox.connections import BoxConnection
from ikev1.config.formats.fritzbox.values import Block, text, yes
from ikev1.config.formats.statements import Parser, Reports, Statement
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Part, Places, Side, Written
from ikev1.config.secrets import exposure

BOX = "box"  # the name of the only device
MOST = 1000  # connections
# What findings about `ikev1.toml` mention, in the words of the file
_WORDS = {
    "remote_address": "remotehostname",
    "remote_id": "remoteid",
    "local_id": "localid",
    NO_PROOF: "a key",
    "secret or secret_file": "key",
    "'accept-psk'": "phase1_mode_aggressive",
}
_TOKEN = re.compile(
    r"[ \t\r\n=]+|//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|"  # blanks and comments
    r'"((?:[^"\\\n]|\\.)*)"|([{};,])|((?!/\*)[^ \t\r\n={};,"]+)'
)
_BEGIN = re.compile(r"^[ \t]*vpncfg\s*\{", re.MULTILINE)
# A configuration that was exported by the box has many other parts
_PART = re.compile(r"^\*{4} CFGFILE:vpn\.cfg[^\n]*$(.*?)^\*{4} END OF FILE", re.MULTILINE | re.DOTALL)
_FOREIGN = frozenset({"conntype_wg", "conntype_wireguard"})


def recognises(name: str, text: str) -> bool:
    """Whether a file with this content is a vpncfg."""
    return _BEGIN.search(text) is not None


def read_fritzbox(file: Path, side: Side) -> Written:
    """The configuration of the peer of the box, or of the box itself, whichever ``side`` means.

    Raises:
        ConfigError: the file cannot be read or parsed, or has no connection.
    """
    findings = Findings(file)
    files, reports = TextFiles(findings), Reports(findings)
    if side.name not in (None, BOX):
        problem = f"there is no device {side.name} in the file, which describes one: its name is {BOX}"
        raise ConfigError((Finding(file, "", Rule.INVALID_VALUE, problem),))
    with files.opened(file) as content:
        statements = tuple(Parser(file, _relevant(content), _TOKEN, repeats=True).statements("", 0))
    configured = [each for each in statements if each.keyword == "vpncfg" and each.block is not None]
    if side.name is None and configured:
        problem = f"the gateway takes the place of the peer of the box; --as {BOX} takes that of the box"
        reports.warn(configured[0].place, Rule.WHICH_END, problem)
    ours = Part(Places(_WORDS))
    for statement in configured:
        block = Block(statement.block or (), statement.place, reports)
        _write(block.all("connections"), ours, reports, is_peer=side.is_peer or side.name is None)
        for keyword in ("ike_forward_rules", "vpncfg_version", "global"):
            block.all(keyword)
        block.finish()
    if not ours.values.get("connection") and not findings.errors:
        nothing = Finding(file, "", Rule.NOT_IKEV1, "there is no connection in it that is enabled")
        raise ConfigError((nothing, *findings.warnings))
    exposed = exposure(files.read[file])
    return Written(
        ours.values, ours.places, exposed, tuple(files.read), tuple(findings.errors), tuple(findings.warnings)
    )


def _relevant(content: str) -> str:
    """The part about VPN connections of an exported configuration, at the same place; all of other files."""
    found = _PART.search(content)
    if found is None:
        return content
    before = re.sub(r"[^\n]", " ", content[: found.start(1)])
    return before + found[1]


def _write(statements: list[Statement], ours: Part, reports: Reports, *, is_peer: bool) -> None:
    names: set[str] = set()
    for statement in statements[:MOST]:
        block = Block(statement.block or (), statement.place, reports)
        written = block.take("name", text, "")
        foreign = block.take("conn_type", text, "") in _FOREIGN
        if foreign:
            reports.warn(statement.place, Rule.NOT_IKEV1, f"{written} is for WireGuard, and skipped")
        elif not block.take("enabled", yes, True):
            reports.warn(statement.place, Rule.UNUSED_KEY, f"{written} is not enabled, and skipped")
        else:
            BoxConnection(_without(statement, "name", "enabled"), reports, is_peer=is_peer).write(
                _name(written, names), ours
            )
    if len(statements) > MOST:
        problem = f"there are more than {MOST} connections"
        reports.error(statements[MOST].place, Rule.INVALID_VALUE, problem)


def _without(statement: Statement, *keywords: str) -> Statement:
    return statement._replace(block=tuple(each for each in statement.block or () if each.keyword not in keywords))


def _name(written: str, names: set[str]) -> str:
    """A name of ours for a connection, which no other has."""
    plain = unicodedata.normalize("NFKD", written).encode("ascii", "ignore").decode()  # without umlauts
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:50] or BOX
    name, number = base, 1
    while name in names:
        number += 1
        name = f"{base}-{number}"
    names.add(name)
    return name
