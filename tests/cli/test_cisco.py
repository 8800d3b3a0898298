"""The words of Cisco: each phrase of the table is a command of ours, in full and abbreviated."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from documents import ROOT
from ikev1.cli.cisco import PHRASES, translated
from ikev1.cli.main import main

WRITTEN = {"ADDRESS": "192.0.2.1", "NAME": "branch", "CONN-ID": "7", "LEVEL": "255"}
ALL = [(verb, phrase) for verb, phrases in PHRASES.items() for phrase in phrases]


def filled(words: str) -> list[str]:
    return [WRITTEN.get(word, word) for word in words.split()]


@pytest.mark.parametrize(("verb", "phrase"), ALL)
@pytest.mark.parametrize("crypto", [(), ("crypto",), ("cry",)])
def test_a_phrase_is_a_command(verb: str, phrase: str, crypto: tuple[str, ...]) -> None:
    ours = PHRASES[verb][phrase]
    assert translated(verb, [*crypto, *filled(phrase), "--json"]) == [*filled(ours), "--json"]
    done = CliRunner().invoke(main, [verb, *crypto, *filled(phrase), "--socket", "/nonexistent/socket"])
    assert done.exit_code == 1, done.output  # no daemon is there; a wrong command line would be 2
    assert "/nonexistent/socket" in done.output


@pytest.mark.parametrize(
    ("verb", "written", "ours"),
    [
        ("show", "cry isa sa det", "isakmp sa --detail"),
        ("show", "crypto ips sa pe 192.0.2.1", "ipsec sa --peer 192.0.2.1"),
        ("show", "crypto isa pol", "isakmp policy"),
        ("show", "ses", "tunnels"),
        ("clear", "cry sess", "isakmp"),
        ("clear", "cry isa sa", "isakmp"),
        ("clear", "is 7", "isakmp --conn-id 7"),
        ("clear", "isa s 7", "isakmp --conn-id 7"),
        ("show", "tunnels --down", "tunnels --down"),
        ("show", "crypto engine", "engine"),
        ("show", "c", "c"),
        ("show", "", ""),
        ("clear", "crypto ipsec", "ipsec"),
        ("clear", "sa peer", "sa peer"),
        ("debug", "crypto isakmp 127", "isakmp"),
    ],
)
def test_an_abbreviation_is_understood_while_one_command_fits(verb: str, written: str, ours: str) -> None:
    assert translated(verb, written.split()) == ours.split()


@pytest.mark.parametrize(
    "words",
    ["clear i", "clear cr i", "clear crypto i sa", "clear crypto s", "show crypto isakmp p", "show i s", "debug i"],
)
def test_an_ambiguous_abbreviation_does_nothing(words: str) -> None:
    verb, *arguments = words.split()
    with pytest.raises(click.UsageError):
        translated(verb, arguments)
    assert CliRunner().invoke(main, [verb, *arguments, "--socket", "/nonexistent/socket"]).exit_code == 2


def test_what_is_no_phrase_is_a_wrong_command_line() -> None:
    for words in (
        "show crypto engine",
        "show ipsec sa peer",
        "clear crypto",
        "clear crypto isakmp seven",
        "show crypto",
        "show cry",
        "clear cr",
    ):
        assert CliRunner().invoke(main, words.split()).exit_code == 2


def test_the_documentation_has_the_table() -> None:
    section = (
        (ROOT / "docs" / "commands.md").read_text().partition("\n## The words of Cisco\n")[2].partition("\n## ")[0]
    )
    rows = re.findall(r"^\| `ikev1 (\w+) crypto ([^`]+)` \| `ikev1 (\w+) ([^`]+)` \|$", section, re.MULTILINE)
    shown = [(verb, phrase, ours) for verb, phrase, again, ours in rows if verb == again]
    assert shown == [(verb, phrase, PHRASES[verb][phrase]) for verb, phrase in ALL]
