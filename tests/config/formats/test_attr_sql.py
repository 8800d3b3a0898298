"""Pools in the database of strongSwan's plugin attr-sql."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Finding, Loaded, Rule, load

Write = Callable[..., Path]
LoadText = Callable[..., Loaded]
Faults = Callable[..., tuple[Finding, ...]]

SWANCTL = """
connections { rw {
    version = 1
    pools = big, small
    local { auth = psk }
    remote { auth = psk }
    children { net { local_ts = 0.0.0.0/0 } }
} }
secrets { ike { secret = what both know } }
"""
DNS, NBNS, SUBNET, BANNER, SPLIT, OTHER = 3, 4, 13, 28672, 28676, 99


@pytest.fixture
def database(tmp_path: Path, write: Write) -> Path:
    """A database with two pools, one of which has attributes of its own, and strongswan.conf that names it."""
    file = tmp_path / "ipsec.db"
    with closing(sqlite3.connect(file)) as made:
        made.executescript(
            """
            CREATE TABLE pools (id INTEGER PRIMARY KEY, name TEXT, start BLOB, end BLOB, timeout INTEGER);
            CREATE TABLE attribute_pools (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE attributes (id INTEGER PRIMARY KEY, identity INTEGER, pool INTEGER, type INTEGER, value BLOB);
            INSERT INTO attribute_pools VALUES (5, 'small');
            """
        )
        for name, start, end in (("big", "10.3.0.1", "10.3.3.232"), ("small", "fd00:3::1", "fd00:3::9")):
            addresses = ip_address(start).packed, ip_address(end).packed
            made.execute("INSERT INTO pools (name, start, end, timeout) VALUES (?, ?, ?, 0)", (name, *addresses))
        for pool, kind, value in (
            (0, DNS, bytes((10, 1, 0, 20))),
            (0, DNS, bytes((10, 1, 0, 21))),
            (0, NBNS, bytes((10, 1, 0, 22))),
            (0, SUBNET, bytes((10, 1, 0, 0, 255, 255, 0, 0))),
            (0, SPLIT, bytes((10, 2, 0, 0, 255, 255, 0, 0)) + bytes(6)),
            (5, BANNER, b"welcome"),
        ):
            made.execute(
                "INSERT INTO attributes (identity, pool, type, value) VALUES (0, ?, ?, ?)", (pool, kind, value)
            )
        made.commit()
    write(f"charon {{ plugins {{ attr-sql {{ database = sqlite://{file} }} }} }}", "strongswan.conf")
    return file


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(";".join(statements))


def attr_sql(findings: tuple[Finding, ...]) -> list[Rule]:
    """What was said about the database."""
    return [each.rule for each in findings if each.key == "charon.plugins.attr-sql.database"]


@pytest.mark.usefixtures("database")
def test_pools_and_their_attributes(load_text: LoadText) -> None:
    loaded = load_text(SWANCTL)
    big, small = loaded.settings.pools
    assert big.ranges == ((ip_address("10.3.0.1").packed, ip_address("10.3.3.232").packed),)
    assert small.ranges == ((ip_address("fd00:3::1").packed, ip_address("fd00:3::9").packed),)
    assert (big.config.dns, big.config.nbns) == (("10.1.0.20", "10.1.0.21"), ("10.1.0.22",))
    assert (big.config.subnets, big.config.split_include) == (("10.1.0.0/16",), ("10.2.0.0/16",))
    assert (small.config.banner, small.config.dns) == ("welcome", ())
    assert attr_sql(loaded.warnings) == [Rule.NO_COUNTERPART]


@pytest.mark.usefixtures("database")
def test_a_section_precedes_the_database(load_text: LoadText) -> None:
    big, _ = load_text(f"{SWANCTL}pools {{ big {{ addrs = 10.4.0.0/24\n dns = 10.1.0.9 }} }}").settings.pools
    assert big.ranges[0][0] == ip_address("10.4.0.1").packed
    assert (big.config.dns, big.config.nbns) == (("10.1.0.9",), ("10.1.0.22",))


@pytest.mark.usefixtures("database")
def test_ipsec_conf_names_pools_of_the_database(write: Write) -> None:
    write(": PSK what\n", "ipsec.secrets")
    lines = ("keyexchange=ikev1", "left=192.0.2.1", "right=%any", "authby=secret", "auto=add")
    text = "conn rw\n" + "".join(f"    {line}\n" for line in (*lines, "rightsourceip=%big"))
    loaded = load(write(text, "ipsec.conf"))
    (connection,) = loaded.settings.connections
    assert connection.pools == ("big",)
    with pytest.raises(ConfigError) as caught:
        load(write(text.replace("%big", "%none"), "ipsec.conf"))
    assert [(each.key, each.rule) for each in caught.value.findings if each.rule is not Rule.NO_COUNTERPART] == [
        ("conn.rw.rightsourceip", Rule.UNKNOWN_POOL)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (0, 0, {OTHER}, x'00')",
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (7, 0, {DNS}, x'0a010001')",
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (0, 0, {DNS}, x'0a01')",
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (0, 0, {SPLIT}, x'0a01')",
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (0, 0, {BANNER}, x'ff')",
        f"INSERT INTO attributes (identity, pool, type, value) VALUES (0, 0, {DNS}, 'text')",
        "INSERT INTO pools (name, start, end, timeout) VALUES ('bad', x'0a01', x'0a02', 0)",
    ],
)
def test_what_clients_do_not_get_is_a_warning(load_text: LoadText, database: Path, statement: str) -> None:
    change(database, statement)
    loaded = load_text(SWANCTL)
    assert attr_sql(loaded.warnings) == [Rule.NO_COUNTERPART] * 2
    assert [pool.name for pool in loaded.settings.pools] == ["big", "small"]


def test_what_cannot_be_read(database: Path, write: Write, faults: Faults) -> None:
    change(database, "DROP TABLE pools")
    assert Rule.UNREADABLE_FILE in attr_sql(faults(SWANCTL))
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
    for rows in (
        "x AS name, x AS start, x AS end FROM c WHERE x < 0",
        "zeroblob(65537) AS name, x AS start, x AS end FROM c",
    ):
        change(database, f"CREATE VIEW pools AS {endless} SELECT {rows}")
        assert Rule.UNREADABLE_FILE in attr_sql(faults(SWANCTL))
        change(database, "DROP VIEW pools")
    database.write_bytes(b"SQLite format 3\0" + bytes(200))
    assert Rule.UNREADABLE_FILE in attr_sql(faults(SWANCTL))
    database.unlink()
    assert Rule.UNREADABLE_FILE in attr_sql(faults(SWANCTL))
    assert not database.exists()
    os.mkfifo(database)
    assert Rule.UNREADABLE_FILE in attr_sql(faults(SWANCTL))
    write("charon { plugins { attr-sql { database = mysql://u:p@localhost/ipsec } } }", "strongswan.conf")
    (finding,) = [each for each in faults(SWANCTL) if each.rule is Rule.NOT_SUPPORTED]
    assert finding.key == "charon.plugins.attr-sql.database"
    assert "u:p" not in finding.text


def test_attributes_are_not_lost_because_there_are_many(database: Path, faults: Faults) -> None:
    row = "INSERT INTO attributes (identity, pool, type, value) VALUES (0, 5, 3, x'0a010014')"
    change(database, "BEGIN", *[row] * 1000, "COMMIT")
    assert Rule.INVALID_VALUE in attr_sql(faults(SWANCTL))
