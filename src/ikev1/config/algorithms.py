"""Algorithms by the words of `ikev1.crypto`: a proposal as a whole, and each key of a policy on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ikev1.config.findings import Findings
from ikev1.config.values import text
from ikev1.core.model import IpsecSuite
from ikev1.core.settings import IpsecProposal
from ikev1.crypto.algorithms import ALIASES, GROUPS, HASHES, IKE_CIPHERS, GroupWord
from ikev1.crypto.suites import EspProposalNumbers, IkeProposal, parse_esp_proposal, parse_ike_proposal, weaknesses

__all__ = [
    "esp_proposal",
    "group",
    "ike_cipher",
    "ike_hash",
    "ike_proposal",
    "warn_weak_esp",
    "warn_weak_ike",
]

Word = TypeVar("Word")


def ike_proposal(value: object) -> IkeProposal:
    """The proposal written as ``aes256-sha256-modp2048``."""
    return parse_ike_proposal(text(value))


def esp_proposal(value: object) -> IpsecProposal:
    """The proposal written as ``aes256-sha256`` or ``aes256gcm16``, with a group for perfect forward secrecy."""
    encryption, key_length, integrity, group_number = parse_esp_proposal(text(value))
    return IpsecProposal(IpsecSuite(encryption, key_length, integrity), group_number)


def _one_of(kind: str, words: Mapping[str, Word]) -> Callable[[object], Word]:
    def convert(value: object) -> Word:
        word = text(value).replace(" ", "")  # Cisco writes "aes 256"
        word = ALIASES.get(word, word)
        if word not in words:
            raise ValueError(f"{value!r} is no {kind}: one of {', '.join(words)}")
        return words[word]

    return convert


ike_cipher = _one_of("cipher", IKE_CIPHERS)
ike_hash = _one_of("hash", HASHES)
_group_by_name = _one_of("Diffie-Hellman group", GROUPS)
_GROUPS_BY_NUMBER = {int(word.number): word for word in GROUPS.values()}


def group(value: object) -> GroupWord:
    """A Diffie-Hellman group by its name, or by its number as in Cisco's `group 14`."""
    if isinstance(value, bool) or not isinstance(value, int):
        return _group_by_name(value)
    if value not in _GROUPS_BY_NUMBER:
        raise ValueError(f"{value} is no Diffie-Hellman group: one of {', '.join(map(str, sorted(_GROUPS_BY_NUMBER)))}")
    return _GROUPS_BY_NUMBER[value]


def warn_weak_ike(findings: Findings, key: str, proposals: Iterable[IkeProposal]) -> None:
    """Warn of each weak algorithm in phase 1 proposals, once."""
    _warn(findings, key, proposals)


def warn_weak_esp(findings: Findings, key: str, proposals: Iterable[IpsecProposal]) -> None:
    """Warn of each weak algorithm in phase 2 proposals, once."""
    suites = ((proposal.suite, proposal.group) for proposal in proposals)
    _warn(findings, key, (EspProposalNumbers(s.encryption, s.key_length, s.integrity, pfs) for s, pfs in suites))


def _warn(findings: Findings, key: str, proposals: Iterable[IkeProposal | EspProposalNumbers]) -> None:
    for weakness in dict.fromkeys(line for proposal in proposals for line in weaknesses(proposal)):
        findings.warn(key, f"weak algorithm {weakness}")
