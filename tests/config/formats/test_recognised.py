"""Whatever a file contains, it is soon recognized or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.config import ConfigError, Rule, load
from ikev1.config.formats import recognised

_MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    "repeated",
    [
        "\n",
        " ",
        " \t\n",
        "a",
        "#",
        "=",
        "{",
        "(",
        "conn ",
        "remote 1",
        "remote 1\n",
        'remote "',
        "sainfo ",
        "R1#",
        "no ",
        "vpncfg ",
    ],
)
def test_a_megabyte_of_the_same(tmp_path: Path, repeated: str) -> None:
    file = tmp_path / "vpn.conf"
    file.write_text(repeated * (_MEGABYTE // len(repeated)))
    assert recognised(file)


def test_a_word_and_a_megabyte_of_empty_lines(tmp_path: Path) -> None:
    file = tmp_path / "vpn.conf"
    file.write_text("sainfo" + "\n" * _MEGABYTE)
    assert recognised(file) == "toml"


@pytest.mark.parametrize("text", ["", "# nothing\n\n", "\n"])
def test_a_file_without_a_word_has_no_format(tmp_path: Path, text: str) -> None:
    file = tmp_path / "vpnc.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [each.rule for each in caught.value.findings] == [Rule.UNKNOWN_FORMAT]
    file.rename(tmp_path / "ikev1.toml")
    assert load(tmp_path / "ikev1.toml").settings.connections == ()
