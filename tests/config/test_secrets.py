"""Secrets: how they are written, and that a file which others can read is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Loaded, Rule
from ikev1.config.files import Files
from ikev1.config.findings import Invalid
from ikev1.config.secrets import Secrets, decode, exposure, oddity

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

INLINE = '[connection.branch]\nsecret = "hush"\n'
BY_FILE = '[connection.branch]\nsecret_file = "branch.psk"\n'


def status(mode: int, group: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 0, group, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "group", "exposed"),
    [
        (0o100600, 0, False),
        (0o100400, 1000, False),
        (0o100640, 0, False),
        (0o100640, 1000, True),
        (0o100660, 0, True),
        (0o100644, 0, True),
        (0o100602, 0, True),
        (0o100610, 1000, False),
    ],
)
def test_who_may_read(mode: int, group: int, exposed: bool) -> None:
    assert (exposure(status(mode, group)) is not None) is exposed


@pytest.mark.parametrize(
    ("written", "secret"),
    [("hush", b"hush"), ("0x00ff", b"\x00\xff"), ("0saGk=", b"hi"), ("schön", "schön".encode()), ("0", b"0")],
)
def test_notations(written: str, secret: bytes) -> None:
    assert decode(written) == secret


@pytest.mark.parametrize("written", ["0xhush", "0s!hush", "0x", "0s", ""])
def test_a_wrong_notation_is_refused_without_showing_the_secret(written: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(written)
    assert caught.value.rule is Rule.INVALID_SECRET
    assert "hush" not in str(caught.value)


def test_an_inline_secret_is_taken_from_a_closed_file(loaded: Load) -> None:
    assert loaded(INLINE).settings.connections[0].secret == b"hush"


def test_an_inline_secret_in_an_open_file_is_refused(loaded: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(INLINE, 0o644)
    assert [finding.rule for finding in caught.value.findings] == [Rule.READABLE_BY_OTHERS]
    assert "hush" not in str(caught.value)


def test_an_open_file_without_secrets_is_fine(loaded: Load, tmp_path: Path) -> None:
    secret = tmp_path / "branch.psk"
    secret.write_text("hush\n")
    secret.chmod(0o600)
    assert loaded(BY_FILE, 0o644).settings.connections[0].secret == b"hush"


def changeable(configuration: Loaded) -> list[Rule]:
    """The warnings about the file as a whole."""
    return [warning.rule for warning in configuration.warnings if not warning.key]


def test_a_configuration_that_everybody_can_change_is_refused_though_it_holds_no_secret(
    refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "branch.psk").touch(0o600)
    (tmp_path / "branch.psk").write_text("hush")
    assert refused(BY_FILE, 0o666)[""] is Rule.CHANGEABLE_BY_OTHERS


@pytest.mark.parametrize(("mode", "sound"), [(0o755, True), (0o1777, True), (0o777, False), (0o733, False)])
def test_a_configuration_that_everybody_can_replace_is_refused(
    loaded: Load, refused: Refused, tmp_path: Path, mode: int, sound: bool
) -> None:
    (tmp_path / "branch.psk").touch(0o600)
    (tmp_path / "branch.psk").write_text("hush")
    tmp_path.chmod(mode)
    if sound:
        assert not changeable(loaded(BY_FILE))
    else:
        assert refused(BY_FILE)[""] is Rule.CHANGEABLE_BY_OTHERS


@pytest.mark.root
def test_a_group_that_can_change_a_configuration_is_warned_of(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "branch.psk").touch(0o600)
    (tmp_path / "branch.psk").write_text("hush")
    assert not changeable(loaded(BY_FILE, 0o664))  # it is root's group
    os.chown(tmp_path / "ikev1.toml", -1, 1234)
    assert changeable(loaded(BY_FILE, 0o664)) == [Rule.CHANGEABLE_BY_OTHERS]


@pytest.mark.parametrize(("mode", "content", "rule"), [
    (0o644, b"hush", Rule.READABLE_BY_OTHERS),
    (0o600, b"\n", Rule.INVALID_SECRET),
    (0o600, b"hush\xff", Rule.INVALID_SECRET),
    (0o600, b"0xhush", Rule.INVALID_SECRET),
])  # fmt: skip
def test_a_secret_file_is_refused(loaded: Load, tmp_path: Path, mode: int, content: bytes, rule: Rule) -> None:
    secret = tmp_path / "branch.psk"
    secret.write_bytes(content)
    secret.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        loaded(BY_FILE)
    found = [(finding.key, finding.rule) for finding in caught.value.findings]
    assert found == [("connection.branch.secret_file", rule)]
    assert "hush" not in str(caught.value)


def test_a_missing_secret_file_is_named(loaded: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(BY_FILE)
    (finding,) = caught.value.findings
    assert (finding.key, finding.rule) == ("connection.branch.secret_file", Rule.UNREADABLE_FILE)
    assert str(tmp_path / "branch.psk") in finding.text


@pytest.mark.parametrize(
    ("keys", "rule"),
    [("", Rule.NO_CREDENTIAL), ('secret = "a"\nsecret_file = "b"', Rule.TWO_SECRETS)],
)
def test_a_connection_has_one_secret_at_most(refused: Refused, keys: str, rule: Rule) -> None:
    assert refused(f"[connection.branch]\n{keys}")["connection.branch"] is rule


def test_a_secret_of_another_type_is_not_shown() -> None:
    with pytest.raises(Invalid) as caught:
        Secrets(Files(Path()), None).inline(1234)
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "is_odd"),
    [
        ("hijkr4v2", False),
        ("sch\u00f6n", False),
        ("it's", False),
        ("\u2018hijkr4v2\u2019", True),
        ("\u201chijkr4v2\u201d", True),
        ("'hijkr4v2'", True),
        (" hijkr4v2", True),
        ("hijkr4v2\t", True),
    ],
)
def test_a_secret_that_was_copied_with_more_than_itself_is_noticed(secret: str, is_odd: bool) -> None:
    found = oddity(secret.encode())
    assert (found is not None) is is_odd
    assert found is None or "hijkr4v2" not in found
    assert oddity(bytes(range(256))) is None
