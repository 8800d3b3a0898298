"""The security policies that setkey(8) adds: which traffic is protected, between which addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.racoon.statements import Reports
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place

# Where the policies of a racoon.conf are on Linux and the BSDs
NAMES = ("setkey.conf", "ipsec-tools.conf", "spd.conf", "ipsec.conf")
_COMMAND = re.compile(r"\b(?:spdadd|spdupdate)\b")
_END = re.compile(r"([0-9A-Fa-f:.]+(?:/[0-9]{1,3})?)(?:\[([0-9]{1,5}|any)\])?")
_RULE = re.compile(r"(esp|ah|ipcomp)/(tunnel|transport)/([^/\s]*)/(\w+(?::\w+)?)")
_PROTOCOLS = {"any": "", "ip4": "4", "icmp6": "58", "ipv6-icmp": "58"}
_LEVELS = ("default", "use", "require", "unique")
_SHUNTS = {"none": "pass", "bypass": "pass", "discard": "drop"}
_HARMLESS = frozenset({"flush", "spdflush", "dump", "spddump"})


class End(NamedTuple):
    """An end of the traffic: an address or network, and a port, 0 for any."""

    network: str
    port: int


class Policy(NamedTuple):
    """The protection of the traffic from ``local`` to ``remote``: ``tunnel`` are the addresses of its ends, in this
    order, None in transport mode. ``required``: no traffic passes without protection. ``shunt`` is the action for
    traffic outside all tunnels, ``pass`` or ``drop``.
    """

    local: End
    remote: End
    protocol: str
    tunnel: tuple[str, str] | None
    protocols: tuple[str, ...]
    required: bool
    place: Place
    shunt: str = ""

    def selector(self, end: End) -> str:
        """``local`` or ``remote`` in the notation of `ikev1.toml`."""
        port = f"/{end.port}" if end.port else ""
        return f"{end.network}[{self.protocol}{port}]" if self.protocol else end.network


def read_policies(folder: Path, findings: Findings) -> tuple[list[Policy], dict[Path, os.stat_result]]:
    """The policies for outbound traffic in the file beside racoon.conf, or in the folder above, and the files that were
    read.

    Raises:
        ConfigError: the file cannot be read, or does not have the syntax.
    """
    for file in (each / name for each in (folder, folder.parent) for name in NAMES):
        if not file.is_file():
            continue
        files = TextFiles(findings)
        with files.opened(file) as text:
            if not _COMMAND.search(text):
                continue
            found = list(_Commands(file, text, Reports(findings)).policies())
        return _of_one_direction(found, Reports(findings)), files.read
    return [], {}


class _Directed(NamedTuple):
    policy: Policy
    direction: str


class _Commands:
    def __init__(self, file: Path, text: str, reports: Reports) -> None:
        self._file = file
        self._text = text
        self._lexer = Lexer(text)  # its limits hold
        self._reports = reports

    def policies(self) -> Iterator[_Directed]:
        """The policy of each command that has one."""
        for at, words in self._commands():
            place = Place(self._file, *self._lexer.place(at), words[0])
            if words[0] in ("spdadd", "spdupdate"):
                yield from self._added(at, words, place)
            elif words[0] == "add":
                self._reports.error(place, Rule.NOT_SUPPORTED, "is not supported: SAs with manual keys")
            elif words[0] not in _HARMLESS:
                self._reports.error(place, Rule.UNKNOWN_KEY, "is not a command of setkey that can be converted")

    def _commands(self) -> Iterator[tuple[int, list[str]]]:
        """The words of each command, which ends with a semicolon, and where it begins."""
        plain = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), self._text)
        at = 0
        for command in plain.split(";"):
            words = command.split()
            if words:
                yield at + len(command) - len(command.lstrip()), words
            at += len(command) + 1

    def _added(self, at: int, words: list[str], place: Place) -> Iterator[_Directed]:
        if "-P" not in words or len(words) < 7:
            raise SyntaxFault(at, "expected spdadd SOURCE DESTINATION PROTOCOL -P in|out ipsec|none|discard RULE ...")
        head, tail = words[1 : words.index("-P")], words[words.index("-P") + 1 :]
        head = [word for word in head if word not in ("-4", "-6", "-n")]
        if len(head) != 3 or len(tail) < 2:
            raise SyntaxFault(at, "expected spdadd SOURCE DESTINATION PROTOCOL -P in|out ipsec|none|discard RULE ...")
        direction, *rest = tail
        rest = rest[2:] if rest[0] in ("prio", "priority") else rest
        ends = self._end(at, head[0]), self._end(at, head[1])
        protocol = _PROTOCOLS.get(head[2], head[2])
        if len(rest) == 1 and rest[0] in _SHUNTS:
            yield _Directed(Policy(*ends, protocol, None, (), False, place, _SHUNTS[rest[0]]), direction)
            return
        if rest[:1] != ["ipsec"]:
            raise SyntaxFault(at, f"{' '.join(rest)!r} is no policy: expected ipsec and a rule, none, or discard")
        rules = [self._rule(at, each) for each in rest[1:]]
        if not rules:
            raise SyntaxFault(at, "a rule is missing behind ipsec, such as esp/tunnel/192.0.2.1-198.51.100.7/require")
        tunnels = [ends for _, mode, ends, _ in rules if mode == "tunnel"]
        level = rules[-1][3]
        policy = Policy(
            *ends,
            protocol,
            tunnels[0] if tunnels else None,
            tuple(protocol for protocol, *_ in rules),
            level.partition(":")[0] != "use",
            place,
        )
        if ":" in level:
            text = "the number behind unique is ignored: the gateway assigns reqids"
            self._reports.warn(place, Rule.NO_COUNTERPART, text)
        yield _Directed(policy, direction)

    def _rule(self, at: int, written: str) -> tuple[str, str, tuple[str, str], str]:
        found = _RULE.fullmatch(written)
        if found is None or found[4].partition(":")[0] not in _LEVELS:
            raise SyntaxFault(at, f"{written!r} is no rule: expected PROTOCOL/MODE/SOURCE-DESTINATION/LEVEL")
        protocol, mode, ends, level = found.groups()
        if mode == "transport":
            return protocol, mode, ("", ""), level
        source, _, destination = ends.partition("-")
        return protocol, mode, (self._address(at, source), self._address(at, destination)), level

    def _address(self, at: int, written: str) -> str:
        try:
            return str(ip_address(re.sub(r"\[[0-9]+\]$", "", written)))
        except ValueError:
            raise SyntaxFault(at, f"{written!r} is not an address: expected the addresses of both gateways") from None

    def _end(self, at: int, written: str) -> End:
        found = _END.fullmatch(written)
        try:
            if found is None:
                raise ValueError
            port = 0 if found[2] in (None, "any") else int(found[2])
            return End(str(ip_network(found[1], strict=False)), port)
        except ValueError:
            raise SyntaxFault(at, f"{written!r} is not a network: expected such as 10.1.0.0/16[any]") from None


def _of_one_direction(found: list[_Directed], reports: Reports) -> list[Policy]:
    """The policies as seen from this end: those for outbound traffic, and the mirror image of any for inbound traffic
    that has no counterpart.
    """
    outbound = [each.policy for each in found if each.direction == "out"]
    traffic = {(policy.local, policy.remote, policy.protocol) for policy in outbound}
    for policy, direction in found:
        if direction in ("in", "fwd") and (policy.remote, policy.local, policy.protocol) not in traffic:
            mirrored = policy._replace(
                local=policy.remote, remote=policy.local, tunnel=policy.tunnel and (policy.tunnel[1], policy.tunnel[0])
            )
            text = f"there is no policy of the other direction, {policy.remote.network} to {policy.local.network}"
            reports.warn(policy.place, Rule.NO_COUNTERPART, f"{text}: this one is for both")
            traffic.add((mirrored.local, mirrored.remote, mirrored.protocol))
            outbound.append(mirrored)
    return [next(same) for _, same in groupby(outbound)]
