"""`ikev1 ipsec` where no gateway runs, its options, what it keeps, and what it loads."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ikev1.cli.ipsec.loading import load_ipsec, load_state
from ikev1.cli.ipsec.options import WrongUsage, parse
from ikev1.cli.ipsec.service import Service
from ikev1.cli.ipsec.state import State, StateError, changed, read_state, write_state
from ikev1.cli.ipsec.strongswan_text import addresses_between, duration, leases
from ikev1.cli.main import main
from ikev1.config import ConfigError
from ikev1.core.records.settings import Start, WhenDown

CONN = """
conn {name}
    left=192.0.2.1
    right=198.51.100.{number}
    rightid=@peer-{name}
    authby=secret
    auto={auto}
    {own}
"""
OWN = {"stroke": "keyexchange=ikev1", "libreswan": "ikev2=no"}


def ipsec(folder: Path, *words: str) -> Result:
    environment = {"IKEV1_SOCKET": str(folder / "control.vici"), "IPSEC_CONFDIR": str(folder)}
    return CliRunner().invoke(main, ["ipsec", *words], env=environment)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("status", 3),
        ("statusall net", 3),
        ("up net", 7),
        ("up", 2),
        ("down a b", 2),
        ("rereadsecrets", 7),
        ("reload", 7),
        ("stop", 0),
        ("--version", 0),
        ("--bogus", 2),
        ("bogus", 2),
        ("--as libreswan auto --status", 33),
        ("--as libreswan whack --name net --initiate", 33),
        ("--as libreswan auto --up", 2),
        ("--as libreswan auto --up a --down a", 2),
        ("--as libreswan whack --initiate", 33),
        ("--as libreswan setup --status", 3),
        ("--as libreswan setup", 2),
        ("--as libreswan stop", 0),
        ("--as libreswan bogus", 1),
        ("--as libreswan version", 0),
        ("--as libreswan", 2),
        ("--as libreswan addconn x", 33),
    ],
)
def test_statuses_without_a_gateway(tmp_path: Path, words: str, status: int) -> None:
    assert ipsec(tmp_path, *words.split()).exit_code == status


def test_programs_find_the_words_that_they_look_for(tmp_path: Path) -> None:
    assert " strongSwan " in ipsec(tmp_path, "--version").output
    assert "Libreswan" in ipsec(tmp_path, "--as", "libreswan", "--version").output


@pytest.mark.parametrize("dialect", ["strongswan", "libreswan"])
def test_a_configuration_with_errors_is_not_started(tmp_path: Path, dialect: str) -> None:
    (tmp_path / "ipsec.conf").write_text("conn net\n    left=nowhere!\n    auto=add\n    bogus=1\n")
    assert ipsec(tmp_path, "--as", dialect, "start").exit_code == 1
    assert not (tmp_path / "ipsec.json").exists()


def test_options() -> None:
    known = {"conf": True, "debug": False}
    assert parse(["--conf", "a", "--debug", "b"], known) == ({"conf": "a", "debug": ""}, ["b"])
    assert parse(["--conf=a=b", "--", "--debug"], known) == ({"conf": "a=b"}, ["--debug"])
    for words in (["--bogus"], ["--conf"], ["--debug=1"]):
        with pytest.raises(WrongUsage):
            parse(words, known)


def write_conns(folder: Path, dialect: str, name: str = "ipsec.conf", auto: str = "add", *conns: str) -> Path:
    text = "".join(
        CONN.format(name=conn, number=number, auto=auto, own=OWN[dialect]) for number, conn in enumerate(conns, 1)
    )
    (folder / name).write_text(text)
    (folder / name).chmod(0o600)
    secrets = folder / "ipsec.secrets"
    secrets.touch(mode=0o600)
    secrets.write_text(': PSK "what all know"\n')
    return folder / name


@pytest.mark.parametrize("dialect", list(OWN))
def test_what_is_added_and_deleted(tmp_path: Path, dialect: str) -> None:
    """A conn that is added does not start, and is loaded without ``auto``."""
    home = tmp_path / "home"
    home.mkdir()
    config = write_conns(home, dialect, "ipsec.conf", "start", "a", "b")
    other = write_conns(tmp_path, dialect, "other.conf", "ignore", "c", "d")
    state = State(dialect, str(config), str(home), added={"c": str(other)}, deleted=["b"])
    loaded = load_ipsec(state)
    tunnels = {connection.name: connection.tunnels[0] for connection in loaded.settings.connections}
    assert {name: tunnel.start for name, tunnel in tunnels.items()} == {"a": Start.START, "c": Start.NONE}
    assert {connection.secret for connection in loaded.settings.connections} == {b"what all know"}
    assert loaded.gateway.when_stopped is WhenDown.PASS


def test_no_configuration_is_an_empty_one(tmp_path: Path) -> None:
    assert load_ipsec(State("libreswan", str(tmp_path / "none"), str(tmp_path))).settings.connections == ()


def test_a_conn_that_does_not_exist(tmp_path: Path) -> None:
    config = write_conns(tmp_path, "stroke", "ipsec.conf", "add", "a")
    with pytest.raises(ConfigError):
        load_ipsec(State("stroke", str(config), str(tmp_path), added={"nope": str(config)}))


def test_the_state_is_kept_and_restored(tmp_path: Path) -> None:
    file = tmp_path / "ipsec.json"
    assert read_state(file) is None
    before = State("stroke", "/etc/ipsec.conf", "/etc", pid=7)
    write_state(file, before)
    assert read_state(file) == before
    assert file.stat().st_mode & 0o777 == 0o600

    def fail() -> None:
        with changed(file, State("stroke", "/etc/ipsec.conf", "/etc", added={"a": "b"})):
            raise click.ClickException("it was refused")

    with pytest.raises(click.ClickException):
        fail()
    assert read_state(file) == before


@pytest.mark.parametrize("content", ["", "[]", '{"dialect": 7}', json.dumps({"more": 1})])
def test_a_state_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ipsec.json"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(StateError):
        read_state(file)
    with pytest.raises(ConfigError):
        load_state(file)
    with pytest.raises(click.ClickException):
        _ = Service(str(tmp_path / "control.vici")).state


def test_nothing_runs_with_an_old_state(tmp_path: Path) -> None:
    """The number of its process may be that of another one."""
    service = Service(str(tmp_path / "control.vici"))
    write_state(service.file, State("stroke", "x", "y", pid=1))
    assert service.pid == 0
    assert not service.stop()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1, "1 second"), (120, "120 seconds"), (121, "2 minutes"), (7201, "2 hours")],
)
def test_times_are_those_of_strongswan(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_addresses_between_two() -> None:
    between = addresses_between("10.0.0.1", "10.0.0.9")
    assert [between(each) for each in ("10.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.0.10", "::1")] == [
        *(False, True, True, False, False)
    ]
    for words in (("x",), ("10.0.0.1", "::1")):
        with pytest.raises(ValueError, match=r"\S"):
            addresses_between(*words)


def test_leases_are_filtered() -> None:
    lease = {"address": "10.99.0.10", "status": "online", "identity": "carol"}
    pools = {"office": {"online": "1", "offline": "0", "size": "14", "leases": {"0": lease}}}
    assert "1/14" in leases(pools)
    assert "carol" in leases(pools, "office", "10.99.0.10")
    assert "carol" not in leases(pools, "office", "10.99.0.11")
    assert "nope" in leases(pools, "nope")
