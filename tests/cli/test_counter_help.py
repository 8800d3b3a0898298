"""There are words for every counter, and for nothing that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.cli.counter_help import OF_A_PAIR, OF_THE_PLANE, words_of
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.sections import refused
from ikev1.esp.plane import Counters, Drops
from ikev1.esp.xfrm import statistics

DOCUMENT = (Path(__file__).parents[2] / "docs" / "data-plane.md").read_text()


def test_every_count_of_a_pair_but_those_that_are_no_trouble() -> None:
    counted: Section = refused(Counters())
    assert set(OF_A_PAIR) == set(counted) - {"dummies-in"}


def test_every_drop_in_user_space() -> None:
    named = {name for name in OF_THE_PLANE if not name.startswith("Xfrm")}
    assert named == {field.replace("_", "-") for field in Drops._fields}


@pytest.mark.skipif(not statistics.read(), reason="this kernel keeps no statistics of IPsec")
def test_every_count_of_this_kernel() -> None:
    assert statistics.read().keys() <= OF_THE_PLANE.keys()


@pytest.mark.parametrize("name", [*OF_A_PAIR, *OF_THE_PLANE])
def test_the_words_make_sentences(name: str) -> None:
    for words in words_of(name):
        assert words[0].islower() or words.startswith(("IP", "ESP", "HMAC")), words
        assert not words.endswith((".", " ")), words


@pytest.mark.parametrize("name", [*OF_A_PAIR, *OF_THE_PLANE])
def test_the_document_says_the_same(name: str) -> None:
    assert f"| `{name}` | {' | '.join(words_of(name))} |" in DOCUMENT


def test_what_a_later_kernel_counts_is_told_as_such() -> None:
    assert words_of("XfrmOfTheFuture") not in (*OF_A_PAIR.values(), *OF_THE_PLANE.values())
