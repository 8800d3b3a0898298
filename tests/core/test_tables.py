"""The exchange tables against the figures of RFC 2409 §5, and what their rows hand on to one another."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple, get_type_hints

import pytest

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.registry import SCRIPTS
from ikev1.wire.registry import AuthenticationMethod, ExchangeType
from shared import SHARED, shared_file

MAIN_MODE_SIGNATURES = """
    HDR, SA                     -->
                                <--    HDR, SA
    HDR, KE, Ni                 -->
                                <--    HDR, KE, Nr
    HDR*, IDii, [ CERT, ] SIG_I -->
                                <--    HDR*, IDir, [ CERT, ] SIG_R
"""
AGGRESSIVE_MODE_SIGNATURES = """
    HDR, SA, KE, Ni, IDii       -->
                                <--    HDR, SA, KE, Nr, IDir,
                                            [ CERT, ] SIG_R
    HDR, [ CERT, ] SIG_I        -->
"""
MAIN_MODE_ENCRYPTION = """
    HDR, SA                   -->
                              <--    HDR, SA
    HDR, KE, [ HASH(1), ]
      <IDii_b>PubKey_r,
        <Ni_b>PubKey_r        -->
                                     HDR, KE, <IDir_b>PubKey_i,
                              <--            <Nr_b>PubKey_i
    HDR*, HASH_I              -->
                              <--    HDR*, HASH_R
"""
AGGRESSIVE_MODE_ENCRYPTION = """
    HDR, SA, [ HASH(1),] KE,
      <IDii_b>Pubkey_r,
       <Ni_b>Pubkey_r         -->
                                     HDR, SA, KE, <IDir_b>PubKey_i,
                              <--         <Nr_b>PubKey_i, HASH_R
    HDR, HASH_I               -->
"""
MAIN_MODE_REVISED_ENCRYPTION = """
    HDR, SA                   -->
                              <--    HDR, SA
    HDR, [ HASH(1), ]
      <Ni_b>Pubkey_r,
      <KE_b>Ke_i,
      <IDii_b>Ke_i,
      [<<Cert-I_b>Ke_i]       -->
                                     HDR, <Nr_b>PubKey_i,
                                          <KE_b>Ke_r,
                              <--         <IDir_b>Ke_r,
    HDR*, HASH_I              -->
                              <--    HDR*, HASH_R
"""
AGGRESSIVE_MODE_REVISED_ENCRYPTION = """
    HDR, SA, [ HASH(1),]
      <Ni_b>Pubkey_r,
      <KE_b>Ke_i, <IDii_b>Ke_i
      [, <Cert-I_b>Ke_i ]     -->
                                     HDR, SA, <Nr_b>PubKey_i,
                                          <KE_b>Ke_r, <IDir_b>Ke_r,
                              <--         HASH_R
    HDR, HASH_I               -->
"""
MAIN_MODE_SECRET = """
          HDR, SA             -->
                              <--    HDR, SA
          HDR, KE, Ni         -->
                              <--    HDR, KE, Nr
          HDR*, IDii, HASH_I  -->
                              <--    HDR*, IDir, HASH_R
"""
AGGRESSIVE_MODE_SECRET = """
        HDR, SA, KE, Ni, IDii -->
                              <--    HDR, SA, KE, Nr, IDir, HASH_R
        HDR, HASH_I           -->
"""
QUICK_MODE = """
    HDR*, HASH(1), SA, Ni
      [, KE ] [, IDci, IDcr ] -->
                              <--    HDR*, HASH(2), SA, Nr
                                           [, KE ] [, IDci, IDcr ]
    HDR*, HASH(3)             -->
"""
INFORMATIONAL = """
    HDR*, HASH(1), N/D      -->
"""
NEW_GROUP_MODE = """
    HDR*, HASH(1), SA        -->
                             <--     HDR*, HASH(2), SA
"""

TRANSACTION = """
        HDR*, HASH, ATTR      -->
                              <--        HDR*, HASH, ATTR
"""

FIGURES: dict[str, tuple[tuple[str, int], ExchangeType, str]] = {
    "5.1 Main Mode": (("MM", 0), ExchangeType.IDENTITY_PROTECTION, MAIN_MODE_SIGNATURES),
    "5.1 Aggressive Mode": (("AM", 0), ExchangeType.AGGRESSIVE, AGGRESSIVE_MODE_SIGNATURES),
    "5.2 Main Mode": (
        ("MM", AuthenticationMethod.RSA_ENCRYPTION),
        ExchangeType.IDENTITY_PROTECTION,
        MAIN_MODE_ENCRYPTION,
    ),
    "5.2 Aggressive Mode": (
        ("AM", AuthenticationMethod.RSA_ENCRYPTION),
        ExchangeType.AGGRESSIVE,
        AGGRESSIVE_MODE_ENCRYPTION,
    ),
    "5.3 Main Mode": (
        ("MM", AuthenticationMethod.REVISED_RSA_ENCRYPTION),
        ExchangeType.IDENTITY_PROTECTION,
        MAIN_MODE_REVISED_ENCRYPTION,
    ),
    "5.3 Aggressive Mode": (
        ("AM", AuthenticationMethod.REVISED_RSA_ENCRYPTION),
        ExchangeType.AGGRESSIVE,
        AGGRESSIVE_MODE_REVISED_ENCRYPTION,
    ),
    "5.4 Main Mode": (("MM", 0), ExchangeType.IDENTITY_PROTECTION, MAIN_MODE_SECRET),
    "5.4 Aggressive Mode": (("AM", 0), ExchangeType.AGGRESSIVE, AGGRESSIVE_MODE_SECRET),
    "5.5 Quick Mode": (("QM", 0), ExchangeType.QUICK_MODE, QUICK_MODE),
    "5.6 New Group Mode": (("NG", 0), ExchangeType.NEW_GROUP_MODE, NEW_GROUP_MODE),
    "5.7 Informational": (("INFO", 0), ExchangeType.INFORMATIONAL, INFORMATIONAL),
}

_WORD = re.compile(r"\[|\]|<\w+-?\w*>\w+|HDR(?:\(\*\)|\*)?|HASH\(\d\)|N/D|[\w-]+")
_OURS = re.compile(r"NAT-|<NAT-")  # payloads that RFC 3947 adds


class Item(NamedTuple):
    """One word of the notation."""

    word: str
    optional: bool


def read(text: str) -> list[Item]:
    """The words of one message: of a figure, or of a row of ours."""
    items, optional = [], False
    for word in _WORD.findall(text.replace("<<", "<")):
        if word in "[]":
            optional = word == "["
        else:
            # one table is for signatures and pre-shared keys, whose figures differ by this word
            items.append(Item(re.sub(r"^(HASH|SIG|AUTH)_", "PROOF_", word), optional))
    return items


def messages(figure: str) -> list[tuple[str, list[Item]]]:
    """Sender and words of each message of a figure: the initiator's stand on the left."""
    found: list[tuple[str, str]] = []
    for line in figure.splitlines():
        text = re.sub(r"-->|<--", " " * 3, line)
        if "HDR" in text:
            found.append(("i" if text.index("HDR") < 20 else "r", text))
        elif text.strip():
            found[-1] = found[-1][0], found[-1][1] + text
    return [(sender, read(text)) for sender, text in found]


def row_items(row: Row, figure: list[Item]) -> list[Item]:
    """The words of a row, without what is optional and not in the figure: what other RFCs, or other methods that
    share the table, add. The peer may encrypt the last message of Aggressive Mode (RFC 2409 §5.1) or not.
    """
    items = [Item(item.word.replace("HDR(*)", "HDR"), item.optional) for item in read(row.grammar)]
    return [item for item in items if not (item.optional and item not in figure and _may_be_added(item.word))]


def _may_be_added(word: str) -> bool:
    return _OURS.match(word) is not None or word == "CERT"


@pytest.mark.parametrize("figure", FIGURES)
def test_the_tables_are_those_of_the_rfc(figure: str) -> None:
    key, exchange, drawn = FIGURES[figure]
    script = SCRIPTS[key]
    assert script.exchange is exchange
    expected = messages(drawn)
    if exchange is ExchangeType.NEW_GROUP_MODE:
        expected = expected[:1]  # which is refused
    assert [row.sender for row in script.rows] == [sender for sender, _ in expected]
    for row, (_, items) in zip(script.rows, expected, strict=True):
        assert row_items(row, items) == items


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figures_are_quoted(figure: str) -> None:
    assert FIGURES[figure][2] in shared_file(SHARED / "rfc" / "rfc2409.txt").read_text()


def test_the_pair_of_the_transaction_exchange_is_that_of_the_draft() -> None:
    """The HASH of its two messages is HASH(1) of RFC 2409 §5.7: over the message ID and what follows."""
    script = SCRIPTS["CFG", 0]
    assert script.exchange is ExchangeType.TRANSACTION
    expected = messages(TRANSACTION.replace("HASH", "HASH(1)"))
    for row, (sender, items) in zip(script.rows, expected * (len(script.rows) // 2), strict=True):
        assert row.sender == sender
        assert read(row.grammar) == items


def test_the_figure_of_the_draft_is_quoted() -> None:
    text = shared_file(SHARED / "rfc" / "drafts" / "draft-dukes-ike-mode-cfg-02.txt").read_text(errors="replace")
    quoted = [line.strip() for line in TRANSACTION.splitlines() if line.strip()]
    lines = [line.strip() for line in text.splitlines()]
    assert quoted in [lines[at : at + 2] for at in range(len(lines))]


def test_every_table_has_a_figure() -> None:
    assert {key for key, _, _ in FIGURES.values()} | {("CFG", 0)} == SCRIPTS.keys()


def test_a_row_that_is_not_the_figures_is_noticed() -> None:
    (_, items), *_ = messages(QUICK_MODE)
    script = SCRIPTS["QM", 0]
    for grammar in (
        "HDR*, HASH(1), SA, Ni [, IDci, IDcr] [, NAT-OA]",
        "HDR*, HASH(1), SA, Ni, KE [, IDci, IDcr]",
        "HDR, HASH(1), SA, Ni [, KE] [, IDci, IDcr]",
        "HDR*, SA, HASH(1), Ni [, KE] [, IDci, IDcr]",
    ):
        assert row_items(script.rows[0]._replace(grammar=grammar), items) != items


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=lambda script: f"{script.name}-{script.method}")
def test_what_a_check_decides_is_what_the_next_message_is_built_from(script: Script) -> None:
    # this gateway begins another exchange for each pair of messages of the Transaction exchange
    rows = script.rows[:2] if script.exchange is ExchangeType.TRANSACTION else script.rows
    for row, following in pairwise(rows):
        decided = get_type_hints(row.check)["return"]
        _, wanted = list(get_type_hints(following.build).items())[:2]
        assert wanted[1] in (decided, decided | None), f"{row.grammar} -> {following.grammar}"
    if script.exchange not in (ExchangeType.NEW_GROUP_MODE, ExchangeType.TRANSACTION):
        assert get_type_hints(script.rows[-1].check)["return"] is type(None), "nothing follows the last message"
