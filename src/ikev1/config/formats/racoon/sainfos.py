"""``sainfo``: the algorithms of phase 2, by the traffic that they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.racoon import words
from ikev1.config.formats.racoon.options import Block
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part, Place

ANYBODY = ""  # the traffic that `anonymous` and `clientaddr` stand for
_LIFETIME = 28800  # seconds that racoon uses where none is written
_LOST = (Lost("compression_algorithm", "IPComp is used if a policy has it", ("deflate",)),)


class Sainfo(NamedTuple):
    """Algorithms for the traffic from ``local`` to ``remote``, in the notation of `ikev1.toml` or `ANYBODY`, with peers
    that have the identity ``peer`` (empty: any) or whose remote has the number ``remote_id`` as its ``ph1id``.
    """

    local: str
    remote: str
    peer: str
    remote_id: int
    ciphers: tuple[str, ...]
    hashes: tuple[str, ...]
    group: str
    lifetime: int
    place: Place

    def write(self, tunnel: Part, *, with_ah: bool = False) -> None:
        """Write what is negotiated in phase 2."""
        if with_ah:
            tunnel.put("ah_proposals", list(self.hashes), self.place)
        else:
            tunnel.put("proposals", [f"{cipher}-{each}" for cipher in self.ciphers for each in self.hashes], self.place)
        if self.group:
            tunnel.put("pfs", self.group, self.place)
        tunnel.put("lifetime", self.lifetime, self.place)


def read_sainfos(statements: Iterable[Statement], folder: Path, reports: Reports) -> list[Sainfo]:
    """All sections ``sainfo`` among the statements."""
    return [
        found
        for statement in statements
        if statement.keyword == "sainfo" and (found := _read(statement, folder, reports)) is not None
    ]


def best(sainfos: Iterable[Sainfo], local: str, remote: str, peer: str | None, number: int) -> Sainfo | None:
    """The section for this traffic with this peer: the one that names most of it, the first of several."""

    def fit(each: Sainfo) -> tuple[int, ...]:
        return tuple(map(bool, (each.remote_id, each.peer, each.local and each.remote, each.local or each.remote)))

    fitting = [
        each
        for each in sainfos
        if each.local in (ANYBODY, local)
        and each.remote in (ANYBODY, remote)
        and each.peer in ("", peer)
        and each.remote_id in (0, number)
    ]
    return max(fitting, key=fit, default=None)


def _read(statement: Statement, folder: Path, reports: Reports) -> Sainfo | None:
    block = Block(statement.block or (), statement.place, reports)
    try:
        local, remote, peer = _traffic(statement, folder)
    except Invalid as error:
        reports.error(statement.place, error.rule, str(error))
        return None
    group = block.take("pfs_group", words.group, "")
    lifetime = block.lifetime(_LIFETIME)
    number = block.take("remoteid", words.number, 0)
    ciphers = _algorithms(block, "encryption_algorithm", words.cipher)
    hashes = _algorithms(block, "authentication_algorithm", lambda one: words.integrity("".join(one)))
    block.lose(*_LOST)
    block.finish()
    return Sainfo(local, remote, peer, number, ciphers, hashes, group, lifetime, statement.place)


def _algorithms(block: Block, keyword: str, convert: Callable[[Sequence[str]], str]) -> tuple[str, ...]:
    statement = block.one(keyword)
    if statement is None:
        block.reports.error(block.place, Rule.MISSING_KEY, f"requires {keyword}")
        return ()
    found: list[list[str]] = []
    for word in statement.values:
        if word.isdigit() and found:
            found[-1].append(word)  # a key length
        else:
            found.append([word])
    names: list[str] = []
    for each in found:
        try:
            names.append(convert(each))
        except Invalid as error:
            block.reports.error(statement.place, error.rule, str(error))
    return tuple(dict.fromkeys(names))


def _traffic(statement: Statement, folder: Path) -> tuple[str, str, str]:
    """Local and remote traffic, and the identity of peers."""
    left = [word for word in statement.values if word not in ("(", ")")]
    local = _end(left)
    remote = _end(left) if left and left[0] not in ("from", "group") else ANYBODY
    if left[:1] == ["from"]:
        return local, remote, words.identifier(statement._replace(words=statement.words[-len(left) :]), folder) or ""
    if left:
        raise Invalid(Rule.NOT_SUPPORTED, f"is not supported: {' '.join(left)!r} behind the traffic")
    return local, remote, ""


def _end(left: list[str]) -> str:
    """The next end of the traffic in ``left``, from which it is removed."""
    kind = left.pop(0) if left else ""
    if kind in ("anonymous", "clientaddr"):
        return ANYBODY
    if kind not in ("address", "subnet") or not left:
        raise Invalid(Rule.NOT_SUPPORTED, f"is not supported: traffic named by {kind!r}; expected address or anonymous")
    written = left.pop(0)
    try:
        found = str(ip_network(written, strict=False))
    except ValueError:
        raise Invalid(Rule.INVALID_VALUE, f"{written!r} is not a network") from None
    port, protocol = "", ""
    if left[:1] == ["["] and left[2:3] == ["]"]:
        port = "" if left[1] == "any" else left[1]
        del left[:3]
    if left and left[0] not in ("address", "subnet", "anonymous", "clientaddr", "from", "group"):
        protocol = left.pop(0)
    protocol = "" if protocol == "any" else protocol
    return f"{found}[{protocol or 'any'}/{port}]" if port else f"{found}[{protocol}]" if protocol else found
