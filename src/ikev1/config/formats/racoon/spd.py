"""The security policies that setkey(8) adds: which traffic is protected, between which addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.statements import Reports
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place
from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex

# Where the policies of a racoon.conf are on Linux and the BSDs
NAMES = ("setkey.conf", "ipsec-tools.conf", "spd.conf", "ipsec.conf")
_COMMAND = re.compile(r"\b(?:spdadd|spdupdate)\b")
_END = re.compile(r"([0-9A-Fa-f:.]+(?:/[0-9]{1,3})?)(?:\[([0-9]{1,5}|any)\])?")
_RULE = re.compile(r"(esp|ah|ipcomp)/(tunnel|transport)/([^/\s]*)/(\w+(?::\w+)?)")
_PROTOCOLS = {"any": "", "ip4": "4", "icmp6": "58", "ipv6-icmp": "58"}
_LEVELS = ("default", "use", "require", "unique")
_SHUNTS = {"none": "pass", "bypass": "pass", "discard": "drop"}
_RANKS = {"pass": 0, "": 1, "drop": 2}  # which precedes
_HARMLESS = frozenset({"flush", "dump", "spddump"})


class End(NamedTuple):
    """An end of the traffic: an address or network, and a port, 0 for any."""

    network: str
    port: int


class Policy(NamedTuple):
    """The protection of the traffic from ``local`` to ``remote``: ``tunnel`` are the addresses of its ends, in this
    order, None in transport mode. ``required``: no traffic passes without protection. ``shunt`` is the action for
    traffic outside all tunnels, ``pass`` or ``drop``. ``priority`` is as it was written.
    """

    local: End
    remote: End
    protocol: str
    tunnel: tuple[str, str] | None
    protocols: tuple[str, ...]
    required: bool
    place: Place
    shunt: str = ""
    priority: str = ""

    @property
    def traffic(self) -> tuple[End, End, str]:
        """Of which traffic it is the policy."""
        return self.local, self.remote, self.protocol

    @property
    def mirrored(self) -> Policy:
        """This policy as seen from the other end."""
        tunnel = self.tunnel and (self.tunnel[1], self.tunnel[0])
        return self._replace(local=self.remote, remote=self.local, tunnel=tunnel)

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
            found = _Commands(file, text, Reports(findings)).policies()
        policies = _of_one_direction(found, Reports(findings))
        _check_order(policies, Reports(findings))
        return policies, files.read
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

    def policies(self) -> list[_Directed]:
        """The policies that are there after all commands."""
        found: list[_Directed] = []
        for at, words in self._commands():
            place = Place(self._file, *self._lexer.place(at), words[0])
            if words[0] in ("spdadd", "spdupdate"):
                found.append(self._added(at, words, place))
            elif words[0] == "spdflush":
                found.clear()
            elif words[0] == "add":
                self._reports.error(place, Rule.NOT_SUPPORTED, "is not supported: SAs with manual keys")
            elif words[0] not in _HARMLESS:
                self._reports.error(place, Rule.UNKNOWN_KEY, "is not a command of setkey that can be converted")
        return found

    def _commands(self) -> Iterator[tuple[int, list[str]]]:
        """The words of each command, which ends with a semicolon, and where it begins."""
        plain = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), self._text)
        at = 0
        for command in plain.split(";"):
            words = command.split()
            if words:
                yield at + len(command) - len(command.lstrip()), words
            at += len(command) + 1

    def _added(self, at: int, words: list[str], place: Place) -> _Directed:
        if "-P" not in words or len(words) < 7:
            raise SyntaxFault(at, "expected spdadd SOURCE DESTINATION PROTOCOL -P in|out ipsec|none|discard RULE ...")
        head, tail = words[1 : words.index("-P")], words[words.index("-P") + 1 :]
        head = [word for word in head if word not in ("-4", "-6", "-n")]
        if len(head) != 3 or len(tail) < 2:
            raise SyntaxFault(at, "expected spdadd SOURCE DESTINATION PROTOCOL -P in|out ipsec|none|discard RULE ...")
        direction, *rest = tail
        priority = rest[1] if rest[0] in ("prio", "priority") and len(rest) > 1 else ""
        rest = rest[2:] if priority else rest
        ends = self._end(at, head[0]), self._end(at, head[1])
        protocol = _PROTOCOLS.get(head[2], head[2])
        if len(rest) == 1 and rest[0] in _SHUNTS:
            return _Directed(Policy(*ends, protocol, None, (), False, place, _SHUNTS[rest[0]], priority), direction)
        if rest[:1] != ["ipsec"]:
            raise SyntaxFault(at, f"{' '.join(rest)!r} is no policy: expected ipsec and a rule, none, or discard")
        rules = [self._rule(at, each) for each in rest[1:]]
        if not rules:
            raise SyntaxFault(at, "a rule is missing behind ipsec, such as esp/tunnel/192.0.2.1-198.51.100.7/require")
        tunnels = [ends for _, mode, ends, _ in rules if mode == "tunnel"]
        levels = {protocol: level for protocol, _, _, level in rules}
        compression = levels.pop("ipcomp", "")
        policy = Policy(
            *ends,
            protocol,
            tunnels[0] if tunnels else None,
            tuple(protocol for protocol, *_ in rules),
            any(level != "use" for level in levels.values() or (compression,)),
            place,
            priority=priority,
        )
        if any(":" in level for *_, level in rules):
            text = "the number behind unique is ignored: the gateway assigns reqids"
            self._reports.warn(place, Rule.NO_COUNTERPART, text)
        return _Directed(policy, direction)

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


def _check_order(policies: Iterable[Policy], reports: Reports) -> None:
    """Report policies that the gateway applies in another order than the kernel: there, the first one that was added
    counts, unless they have priorities. Here, traffic that passes precedes tunnels, and what is dropped follows them.
    """
    earlier: SelectorIndex[Policy] = SelectorIndex()
    shunts: SelectorIndex[Policy] = SelectorIndex()
    for policy in policies:
        try:
            ends = Selector.parse(policy.selector(policy.local)), Selector.parse(policy.selector(policy.remote))
        except ValueError:
            continue  # reported where it is written
        rank = _RANKS[policy.shunt]
        for other in (earlier if policy.shunt else shunts).overlapping(*ends):
            if _RANKS[other.shunt] > rank or (_RANKS[other.shunt] < rank and other.priority != policy.priority):
                text = (
                    f"concerns traffic of the policy in line {other.place.line}, and the gateway cannot have this order"
                )
                reports.error(policy.place, Rule.NOT_SUPPORTED, text)
                break
        earlier.add(*ends, policy)
        if policy.shunt:
            shunts.add(*ends, policy)


def _of_one_direction(found: list[_Directed], reports: Reports) -> list[Policy]:
    """The policies as seen from this end: those for outbound traffic, and the mirror image of any for inbound traffic
    that has no counterpart.
    """
    outbound = {each.policy.traffic: each.policy for each in reversed(found) if each.direction == "out"}
    policies = [each.policy for each in found if each.direction == "out"]
    for policy in (each.policy.mirrored for each in found if each.direction in ("in", "fwd")):
        other = outbound.get(policy.traffic)
        if other is None:
            text = f"there is no policy of the other direction, {policy.local.network} to {policy.remote.network}"
            reports.warn(policy.place, Rule.NO_COUNTERPART, f"{text}: this one is for both")
            outbound[policy.traffic] = policy
            policies.append(policy)
        elif (policy.tunnel, policy.protocols, policy.shunt) != (other.tunnel, other.protocols, other.shunt):
            text = f"differs from the policy of the other direction, in line {other.place.line}"
            reports.error(policy.place, Rule.NOT_SUPPORTED, text)
        elif policy.required and not other.required:
            outbound[policy.traffic] = other._replace(required=True)
    return [outbound[traffic] for traffic in dict.fromkeys(policy.traffic for policy in policies)]
