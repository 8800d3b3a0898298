"""racoon.conf of ipsec-tools, with psk.txt, and the policies that setkey(8) loads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ikev1.config.findings import NO_PROOF, ConfigError, Finding, Findings, Rule
from ikev1.config.formats.racoon import words
from ikev1.config.formats.racoon.keys import SharedKeys
from ikev1.config.formats.racoon.mode_cfg import write_mode_cfg
from ikev1.config.formats.racoon.options import Block
from ikev1.config.formats.racoon.remotes import read_remotes
from ikev1.config.formats.racoon.sainfos import read_sainfos
from ikev1.config.formats.racoon.spd import read_policies
from ikev1.config.formats.racoon.statements import RacoonFiles
from ikev1.config.formats.racoon.tunnels import Tunnels
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part, Places, Written

# What findings about `ikev1.toml` mention, in the words of racoon.conf
_WORDS = {
    "remote_address": "remote",
    "remote_id": "peers_identifier",
    "local_id": "my_identifier",
    "secret or secret_file": "a key in psk.txt",
    "private_key": "certificate_type",
    "peer_certificate": "peers_certfile",
    "xauth_backend": "auth_source",
    "a [policy]": "a proposal",
    "set ca to": "set ca_type to",
    "'accept-psk'": "exchange_mode aggressive",
    'nat_traversal = "force"': "nat_traversal force",
}
_SECTIONS = frozenset({"remote", "sainfo", "mode_cfg"})
_MARK = re.compile(  # blanks are possessive, so that the time is proportional to the length
    r"^[ \t]*+(?:path[ \t]++(?:pre_shared_key|certificate|include)[ \t]++\"|"
    r"sainfo\s++\(?\s*+(?:anonymous|address|subnet)\b|"
    r"remote[ \t]++(?:anonymous|[0-9A-Fa-f:.]++|\"[^\"\n]*+\")\s*+(?:\[\d++\]\s*+)?(?:inherit\b[^{\n]*+\s*+)?\{)",
    re.MULTILINE,
)
_LOST = (
    Lost("log", "log_level decides what is logged"),
    Lost("padding", "padding cannot be set"),
    Lost("privsep", "the option user of [gateway] does the same"),
    Lost("complex_bundle", "there are no bundles", ("off",)),
    Lost("pfkey_buffer", "buffers cannot be set"),
    Lost("gss_id_enc", "GSSAPI is not supported"),
    Lost("ldapcfg", "LDAP is not supported", matters=True),
    Lost("radiuscfg", "write the servers in [radius] of ikev1.toml", matters=True),
)
_INTERVAL, _COUNTER = 10, 5


def read_racoon(file: Path) -> Written:
    """The configuration in ``file``, with psk.txt and the policies for setkey beside it.

    Raises:
        ConfigError: a file cannot be read or parsed, or there is no ``remote``.
    """
    findings = Findings(file)
    reports = Reports(findings)
    files = RacoonFiles(file, findings)
    statements = files.statements()
    folder = file.parent.absolute()
    paths = {each.values[0]: each.values[1] for each in statements if each.keyword == "path" and len(each.words) == 3}
    keys = SharedKeys(folder / paths.get("pre_shared_key", "psk.txt"), findings)
    certificates = folder / paths.get("certificate", "certs")
    ours = Part(
        Places(_WORDS | {NO_PROOF: f"a key of this peer in {keys.file}{_absent(keys.file)}, or a certificate_type"})
    )
    _write_gateway([each for each in statements if each.keyword not in _SECTIONS], ours, reports)
    connections = ours.part("connection")
    remotes = list(read_remotes(statements, keys, certificates, connections, reports))
    servers = [part for remote in remotes for part in remote.parts if part.values.get("xauth") == "server"]
    write_mode_cfg(statements, servers, ours, reports)
    policies, of_policies = read_policies(folder, findings)
    sainfos = read_sainfos(statements, certificates, reports)
    Tunnels(remotes, sainfos, ours, reports).write(policies)
    if not remotes and not findings.errors:
        raise ConfigError((Finding(file, "", Rule.MISSING_KEY, "there is no remote"),))
    read = (*files.read, *keys.read, *of_policies)
    return Written(ours.values, ours.places, None, read, tuple(findings.errors), tuple(findings.warnings))


def _absent(file: Path) -> str:
    return "" if file.exists() else " (which does not exist)"


def _write_gateway(statements: Sequence[Statement], into: Part, reports: Reports) -> None:
    if not statements:
        return
    block = Block(statements, statements[0].place, reports)
    block.all("path")
    gateway = into.part("gateway")
    timer = block.one("timer")
    inner = Block(() if timer is None else timer.block or (), (timer or statements[0]).place, reports)
    inner.copy("counter", gateway, "retransmit_tries", words.number, _COUNTER)
    inner.copy(
        "interval", gateway, "retransmit_timeout", lambda values: float(words.duration(values)), float(_INTERVAL)
    )
    gateway.put("retransmit_base", 1.0, None)
    inner.copy("natt_keepalive", gateway, "nat_keepalive", words.duration)
    inner.lose(
        Lost("persend", "each message is sent once", ("1",)),
        Lost("phase1", "the retransmissions decide when an attempt fails"),
        Lost("phase2", "the retransmissions decide when an attempt fails"),
    )
    inner.finish()
    listen = block.one("listen")
    if listen is not None:
        _write_listen(Block(listen.block or (), listen.place, reports), gateway)
    block.lose(*_LOST)
    block.finish()


def _write_listen(block: Block, gateway: Part) -> None:
    for keyword, key, usual in (("isakmp", "port", 500), ("isakmp_natt", "encapsulation_port", 4500)):
        found = [(each, block.converted(each, words.address, ("", 0))) for each in block.all(keyword)]
        ports = {port or usual for _, (_, port) in found} - {usual}
        for statement, _ in found[:1]:
            addresses = gateway.values.get("listen", [])
            gateway.put("listen", list(dict.fromkeys([*addresses, *(each for _, (each, _) in found)])), statement.place)
            if ports:
                gateway.put(key, min(ports), statement.place)
    block.lose(
        Lost("adminsock", "the control socket is that of ikev1"),
        Lost("strict_address", "all addresses must be there"),
    )
    block.finish()


def recognises(name: str, text: str) -> bool:
    """Whether a file of this name with this content is racoon.conf."""
    return name == "racoon.conf" or _MARK.search(text) is not None
