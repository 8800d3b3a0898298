"""Algorithms by the words of `ikev1.crypto`: a proposal as a whole, and each key of a policy on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ikev1.config.findings import Findings, Rule
from ikev1.config.values import text
from ikev1.core.negotiation import ipsec_suite
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.settings import IpsecProposal
from ikev1.crypto import cipher
from ikev1.crypto.algorithms import ALIASES, GROUPS, HASHES, IKE_CIPHERS, CipherWord, GroupWord, registered_name
from ikev1.crypto.suites import (
    IkeProposal,
    parse_ah_proposal,
    parse_esp_proposal,
    parse_ike_proposal,
    unused_integrity,
    weaknesses,
)
from ikev1.wire.registry import Encryption, ProtocolId

Word = TypeVar("Word")


def ike_proposal(value: object) -> IkeProposal:
    """The proposal written as ``aes256-sha256-modp2048``."""
    proposal = parse_ike_proposal(text(value))
    _require(proposal.encryption)
    return proposal


def _require(encryption: int) -> None:
    """
    Raises:
        ValueError: this host lacks the cipher.
    """
    if why := cipher.missing(encryption):
        raise ValueError(f"{registered_name(Encryption, encryption)} cannot be used in phase 1: {why}")


def esp_proposal(findings: Findings, key: str) -> Callable[[object], IpsecProposal]:
    """A converter of proposals written as ``aes256-sha256`` or ``aes256gcm16``, with a group for perfect forward
    secrecy; words without effect are reported.
    """

    def convert(value: object) -> IpsecProposal:
        encryption, key_length, integrity, group_number, esn = parse_esp_proposal(text(value))
        if (unused := unused_integrity(text(value))) is not None:
            findings.warn(
                key,
                Rule.UNUSED_ALGORITHM,
                f"{value}: {unused} is not used, because the cipher protects the integrity itself: remove it",
            )
        return IpsecProposal(IpsecSuite(encryption, key_length, integrity, esn=esn), group_number)

    return convert


def ah_proposal(value: object) -> IpsecProposal:
    """The proposal of AH written as ``sha256``, with a group for perfect forward secrecy."""
    integrity, group_number, esn = parse_ah_proposal(text(value))
    return IpsecProposal(IpsecSuite(0, 0, integrity, ProtocolId.AH, esn), group_number)


def _one_of(kind: str, words: Mapping[str, Word]) -> Callable[[object], Word]:
    def convert(value: object) -> Word:
        word = text(value).replace(" ", "")  # Cisco writes "aes 256"
        word = ALIASES.get(word, word)
        if word not in words:
            raise ValueError(f"unknown {kind} {value!r}; allowed: {', '.join(words)}")
        return words[word]

    return convert


_cipher_by_name = _one_of("cipher", IKE_CIPHERS)


def ike_cipher(value: object) -> CipherWord:
    """A cipher of phase 1 by its name."""
    found = _cipher_by_name(value)
    _require(found.number)
    return found


ike_hash = _one_of("hash", HASHES)
_group_by_name = _one_of("Diffie-Hellman group", GROUPS)
_GROUPS_BY_NUMBER = {int(word.number): word for word in GROUPS.values()}


def group(value: object) -> GroupWord:
    """A Diffie-Hellman group by its name, or by its number as in Cisco's `group 14`."""
    if isinstance(value, bool) or not isinstance(value, int):
        return _group_by_name(value)
    if value not in _GROUPS_BY_NUMBER:
        raise ValueError(
            f"unknown Diffie-Hellman group {value}; allowed: {', '.join(map(str, sorted(_GROUPS_BY_NUMBER)))}"
        )
    return _GROUPS_BY_NUMBER[value]


def warn_weak_ike(findings: Findings, key: str, proposals: Iterable[IkeProposal]) -> None:
    """Warn of each weak algorithm in phase 1 proposals, once."""
    _warn(findings, key, map(weaknesses, proposals))


def warn_weak_ipsec(findings: Findings, key: str, proposals: Iterable[IpsecProposal]) -> None:
    """Warn of each weak algorithm in phase 2 proposals, once."""
    _warn(findings, key, (ipsec_suite.weaknesses(proposal.suite, proposal.group) for proposal in proposals))


def _warn(findings: Findings, key: str, found: Iterable[tuple[str, ...]]) -> None:
    for weakness in dict.fromkeys(line for lines in found for line in lines):
        findings.warn(key, Rule.WEAK_ALGORITHM, f"weak algorithm {weakness}")
