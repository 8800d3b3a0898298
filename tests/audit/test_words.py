"""Word lists, and what people do to words."""

from __future__ import annotations

from io import BytesIO

import pytest

from ikev1.audit.words import Fate, Search, search


def ignore(octets: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize(
    ("secret", "words", "fate"),
    [
        (b"mother", b"father\nmother\n", Fate.LISTED),
        (b"mother", b"father\r\nmother\r\n", Fate.LISTED),
        (b"mother", b"father\nmother", Fate.LISTED),
        (b"mother", b"father\nbrother\n", Fate.ABSENT),
        (b"Mother", b"mother\n", Fate.DERIVED),
        (b"mother", b"MOTHER\n", Fate.DERIVED),
        (b"Mother2024!", b"mother\n", Fate.DERIVED),
        (b"!!Mother7", b"mother\n", Fate.DERIVED),
        (b"M0th3r", b"mother\n", Fate.DERIVED),
        (b"P@ssw0rd1", b"password\n", Fate.DERIVED),
        (b"rehtom", b"mother\n", Fate.DERIVED),
        (b"mothermother", b"mother\n", Fate.DERIVED),
        (b"abc123456", b"abc\n", Fate.ABSENT),  # three letters are a root of everything
        (b"mother", b"", Fate.ABSENT),
        (b"\xff\xfe\x00\x01", b"mother\n", Fate.ABSENT),
        ("müller".encode(), "müller\n".encode(), Fate.LISTED),
    ],
)
def test_the_fate_of_a_secret(secret: bytes, words: bytes, fate: Fate) -> None:
    assert search(BytesIO(words), secret, ignore).fate is fate


def test_the_secret_itself_outweighs_its_root() -> None:
    assert search(BytesIO(b"mother\nMother1\n"), b"Mother1", ignore).fate is Fate.LISTED
    assert search(BytesIO(b"Mother1\nmother\n"), b"Mother1", ignore).fate is Fate.LISTED


def test_nothing_tells_where_it_stood() -> None:
    assert search(BytesIO(b"mother\nfather\n"), b"mother", ignore) == search(
        BytesIO(b"father\nmother\n"), b"mother", ignore
    )


def test_a_line_without_an_end_takes_no_memory() -> None:
    assert search(BytesIO(b"x" * 10_000), b"mother", ignore) == Search(Fate.ABSENT, 3)


def test_progress_ends_at_the_size_of_the_list() -> None:
    heard: list[int] = []
    search(BytesIO(b"father\n" * 120_000), b"mother", heard.append)
    assert heard == [350_000, 700_000, 840_000]
