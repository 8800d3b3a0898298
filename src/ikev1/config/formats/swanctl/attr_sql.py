"""The SQLite database of the plugin attr-sql: pools, and the attributes that clients get with their addresses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.options import Options

KEY = "database"
_SCHEME = "sqlite://"
_MOST = 1000  # pools, and attributes
_LARGEST = 65_536  # octets of a value
_MOST_STEPS = 10_000_000  # of SQLite for a query: a table may be a view that never ends
_UNITY_RECORD = 14  # octets: a network, its mask, and unused fields

# Attributes by their numbers (draft-dukes-ike-mode-cfg-02 §3.4, RFC 7296 §3.15.1, Cisco Unity)
_ADDRESSES = {2: "netmask", 3: "dns", 4: "nbns", 10: "dns"}
_NETWORKS = {13: "subnets", 28676: "split_include", 28677: "split_exclude"}
_TEXTS = {28672: "banner", 28674: "default_domain", 28675: "split_dns"}

Values = dict[str, list[str]]


class SqlPools(NamedTuple):
    """The addresses of pools by their names, the attributes of each, and those of pools without any."""

    addresses: dict[str, str]
    attributes: dict[str, Values]
    common: Values
    section: Options

    def attributes_of(self, pool: str) -> Values:
        """The attributes that clients of ``pool`` get, by the names of `ikev1.toml`."""
        return self.attributes.get(pool, self.common)


def read_pools(section: Options) -> SqlPools | None:
    """The pools in the database that ``section`` of strongswan.conf names; what is wrong is reported."""
    findings, key = section.findings, section.key(KEY)
    url = section.take(KEY, str, "")
    if not url.startswith(_SCHEME):
        if url:
            findings.error(key, Rule.NOT_SUPPORTED, f"is not supported: expected a database of SQLite, {_SCHEME}FILE")
        return None
    file = Path(url.removeprefix(_SCHEME))
    if not file.is_file():  # opening a FIFO would wait
        findings.error(key, Rule.UNREADABLE_FILE, f"{file} is not a file")
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
            database.set_progress_handler(lambda: True, _MOST_STEPS)
            found = _read(database, section)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        findings.error(key, Rule.UNREADABLE_FILE, f"{file} cannot be read: {error}")
        return None
    text = "the pools are read when the configuration is; leases are neither read from the database nor written to it"
    findings.warn(key, Rule.NO_COUNTERPART, text)
    return found


def _read(database: sqlite3.Connection, section: Options) -> SqlPools:
    addresses = {}
    for name, start, end in _rows(database, "name, start, end FROM pools", section):
        try:
            addresses[str(name)] = f"{ip_address(start)}-{ip_address(end)}"
        except ValueError:
            _lose(section, f"the pool {name!r} has no range of addresses")
    names = dict(_rows(database, "id, name FROM attribute_pools", section))
    attributes: dict[str, Values] = {}
    common: Values = {}
    selected = _rows(database, "identity, pool, type, value FROM attributes ORDER BY id", section)
    for identity, pool, kind, value in selected:
        into = common if not pool else attributes.setdefault(str(names.get(pool)), {})
        if identity:
            _lose(section, f"clients do not get the attribute {kind} for a single identity")
        elif (read := _attribute(kind, value)) is None:
            _lose(section, f"clients do not get the attribute {kind}")
        else:
            name, values = read
            into.setdefault(name, []).extend(values)
    return SqlPools(addresses, attributes, common, section)


def _rows(database: sqlite3.Connection, query: str, section: Options) -> list[Any]:
    """The rows that are selected; too many are reported."""
    rows = database.execute(f"SELECT {query} LIMIT ?", (_MOST + 1,)).fetchall()
    if len(rows) > _MOST:
        text = f"more than {_MOST} rows in a table: pools or attributes would be missing"
        section.findings.error(section.key(KEY), Rule.INVALID_VALUE, text)
    return rows[:_MOST]


def _lose(section: Options, text: str) -> None:
    section.findings.warn(section.key(KEY), Rule.NO_COUNTERPART, text)


def _attribute(kind: object, value: object) -> tuple[str, list[str]] | None:
    """The name of an attribute in `ikev1.toml`, and its values; None if there is none, or if it is malformed."""
    if not isinstance(value, bytes) or not isinstance(kind, int):
        return None
    try:
        if kind in _ADDRESSES:
            return _ADDRESSES[kind], [str(ip_address(value))]
        if kind in _NETWORKS:
            return _NETWORKS[kind], _networks(value)
        if kind in _TEXTS:
            return _TEXTS[kind], [value.decode()]
    except ValueError:
        pass
    return None


def _networks(value: bytes) -> list[str]:
    step = 8 if len(value) == 8 else _UNITY_RECORD
    if not value or len(value) % step:
        raise ValueError("not a list of networks")
    records = (value[at : at + 8] for at in range(0, len(value), step))
    return [str(ip_network(f"{ip_address(each[:4])}/{ip_address(each[4:])}")) for each in records]
