"""``mode_cfg``: virtual addresses for clients, what they are told, and what checks their users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, ip_address

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.racoon import words
from ikev1.config.formats.racoon.options import Block
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part

NAME = "mode_cfg"  # of the pool
_POOL_SIZE = 255
_LOST = (
    Lost("auth_throttle", "failed logins are slowed down in another way"),
    Lost("accounting", "sessions are not accounted for", ("none",)),
    Lost("conf_source", "addresses are those of the pool", ("local",), matters=True),
    Lost("group_source", "groups are those that the backend names"),
    Lost("default_domain", "more than one is not used"),
)
_BACKENDS = {"system": "pam", "pam": "pam", "radius": "radius"}


def write_mode_cfg(statements: Iterable[Statement], servers: Sequence[Part], into: Part, reports: Reports) -> None:
    """Write the pool and the backend for the connections ``servers``, which serve clients with XAUTH."""
    section = next((each for each in reversed(list(statements)) if each.keyword == "mode_cfg"), None)
    place = None if section is None else section.place
    block = None if section is None else Block(section.block or (), section.place, reports)
    source = None if block is None else block.one("auth_source")
    written = "system" if source is None else " ".join(source.values)
    groups = None if block is None else block.one("auth_groups")
    if source is not None and written not in _BACKENDS:
        text = f"{written!r} is not supported: expected one of {', '.join(_BACKENDS)}"
        reports.error(source.place, Rule.NOT_SUPPORTED, text)
    for server in servers:
        server.put("xauth_backend", [_BACKENDS.get(written, "pam")], place if source is None else source.place)
        if groups is not None:
            server.put("groups", list(groups.values), groups.place)
    if servers and _BACKENDS.get(written) == "pam":
        into.part("pam").put("service", "racoon", place if source is None else source.place)
        if written == "system" and source is not None:
            reports.warn(source.place, Rule.NO_COUNTERPART, "users are checked by PAM, with the service racoon")
    if block is None or section is None:
        return
    network = block.take("network4", lambda values: words.address(values)[0], "")
    size = block.take("pool_size", words.number, _POOL_SIZE)
    if network:
        pool = into.part("pools").part(NAME, section.place)
        pool.put("addresses", _range(network, size), section.place)
        block.copy("netmask4", pool, "netmask", " ".join)
        block.copy("dns4", pool, "dns", list)
        block.copy("wins4", pool, "nbns", list)
        block.copy("nbns4", pool, "nbns", list)
        block.copy("default_domain", pool, "default_domain", " ".join)
        block.copy("split_dns", pool, "split_dns", list)
        block.copy("save_passwd", pool, "save_password", words.switch)
        _write_split(block, pool)
        _write_banner(block, pool)
        if block.take("pfs_group", words.number, 0):
            pool.put("pfs", True, section.place)
        for server in servers:
            server.put("pools", [NAME], section.place)
    block.lose(*_LOST)
    if network:
        block.finish()


def _range(network: str, size: int) -> list[str]:
    first = ip_address(network)
    if not isinstance(first, IPv4Address) or int(first) + size > 1 << 32:
        return [network]
    return [f"{first}-{first + max(size - 1, 0)}"]


def _write_split(block: Block, pool: Part) -> None:
    statement = block.one("split_network")
    if statement is None:
        return
    kind, *networks = statement.values or ("",)
    if kind == "include":
        pool.put("split_include", networks, statement.place)
    elif kind == "local_lan":
        pool.put("split_exclude", networks, statement.place)
    else:
        block.reports.error(statement.place, Rule.INVALID_VALUE, "expected include or local_lan, and networks")


def _write_banner(block: Block, pool: Part) -> None:
    def content(values: Sequence[str]) -> str:
        try:
            with open(" ".join(values), encoding="utf-8") as opened:
                return opened.read(1000)
        except (OSError, UnicodeDecodeError):
            raise Invalid(Rule.UNREADABLE_FILE, f"{' '.join(values)!r} cannot be read") from None

    statement = block.one("banner")
    if statement is not None and statement.values:
        text = block.converted(statement, content, "")
        if text:
            pool.put("banner", text, statement.place)
