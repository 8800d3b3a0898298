"""Suites by name: strongSwan's notation (``aes256-sha256-modp2048``) to the numbers of the wire, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar

from ikev1.crypto.algorithm_spelling import meant
from ikev1.crypto.algorithms import (
    ALIASES,
    ESP_CIPHERS,
    GROUPS,
    HASHES,
    IKE_CIPHERS,
    INTEGRITIES,
    CipherWord,
    GroupWord,
    HashWord,
    dh_group,
    esp_cipher,
    esp_integrity,
    ike_cipher,
    ike_hash,
)
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.weaknesses import ESP_CIPHERS as ESP_WEAKNESSES
from ikev1.crypto.weaknesses import GROUPS as GROUP_WEAKNESSES
from ikev1.crypto.weaknesses import IKE_CIPHERS as IKE_WEAKNESSES
from ikev1.crypto.weaknesses import IKE_HASHES, INTEGRITY, Severity, Weakness

Entry = TypeVar("Entry")


class IkeProposal(NamedTuple):
    """A phase 1 suite in the numbers of RFC 2409 Appendix A; ``key_length`` is in bits, 0 where none is negotiated."""

    encryption: int
    key_length: int
    hash: int
    group: int


class EspProposalNumbers(NamedTuple):
    """A phase 2 suite in the numbers of RFC 2407 §4.4.4 and §4.5; ``key_length`` is in bits, 0 where none is
    negotiated, ``integrity`` 0 where the cipher does it, ``group`` 0 without perfect forward secrecy; with ``esn``
    sequence numbers have 64 bits (RFC 4304).
    """

    encryption: int
    key_length: int
    integrity: int
    group: int
    esn: bool = False


class AhProposalNumbers(NamedTuple):
    """A phase 2 suite of AH; its fields mean what they do in `EspProposalNumbers`."""

    integrity: int
    group: int
    esn: bool = False


class DisplayWords(NamedTuple):
    """A suite as swanctl shows it; what does not apply is empty."""

    encryption: str  # AES_CBC
    key_size: str  # 256
    integrity: str  # HMAC_SHA2_256_128
    prf: str  # PRF_HMAC_SHA2_256
    group: str  # MODP_2048


_SEQUENCE_NUMBERS = {"noesn": False, "esn": True}

# All of one group, so that they serve in Aggressive Mode, where the public value goes out with the offer.
# The last ones are the only offer of a charon without proposals, by the plugins that it has
DEFAULT_IKE = (
    *("aes256-sha256-modp2048", "aes128-sha256-modp2048", "aes256-sha1-modp2048", "aes128-sha1-modp2048"),
    *("aes256-sha256-curve25519", "aes128-sha256-curve25519", "aes256-sha384-ecp384", "aes128-sha256-ecp256"),
)
DEFAULT_ESP = ("aes256gcm16", "aes128gcm16", "aes256-sha256", "aes128-sha256", "aes256-sha1", "aes128-sha1")


def parse_ike_proposal(text: str) -> IkeProposal:
    """The phase 1 suite written as ``aes256-sha256-modp2048``: a cipher, a hash and a group, in any order.

    ``prfsha256`` beside ``sha256`` is allowed and says nothing new: the prf of IKEv1 is the HMAC of the hash.

    Raises:
        ValueError: a word is unknown, or a kind is missing or there twice; it says which and what is allowed.
    """
    words = _Words(text)
    cipher = words.take("cipher", IKE_CIPHERS)
    hash = words.take("hash", HASHES)
    group = words.take("group", GROUPS)
    if hash is not None:
        words.drop(f"prf{hash.word}")
    words.refuse_rest("IKE", IKE_CIPHERS, HASHES, GROUPS)
    if cipher is None or hash is None or group is None:
        raise ValueError(f"proposal {text!r}: IKE requires a cipher, a hash and a group, such as {DEFAULT_IKE[0]}")
    return IkeProposal(cipher.number, cipher.key_length, hash.number, group.number)


def parse_esp_proposal(text: str) -> EspProposalNumbers:
    """The phase 2 suite written as ``aes128-sha256-modp2048``, ``aes256gcm16`` or ``null-sha1``.

    A group asks for perfect forward secrecy. A cipher that protects integrity itself sheds the hash beside it, as in
    strongSwan; any other needs one: "encryption without authentication ... MUST NOT be used" (RFC 8221 §4).
    ``esn`` asks for extended sequence numbers (RFC 4304), ``noesn`` says that there are none.

    Raises:
        ValueError: a word is unknown, or a kind is missing or there twice; it says which and what is allowed.
    """
    words = _Words(text)
    cipher = words.take("cipher", ESP_CIPHERS)
    hash = words.take("hash", INTEGRITIES)
    group = words.take("group", GROUPS)
    esn = words.take("kind of sequence numbers", _SEQUENCE_NUMBERS)
    words.refuse_rest("ESP", ESP_CIPHERS, INTEGRITIES, GROUPS, _SEQUENCE_NUMBERS)
    if cipher is None or (hash is None and not cipher.aead):
        raise ValueError(f"proposal {text!r}: ESP requires a cipher and a hash, such as aes256-sha256, or aes256gcm16")
    integrity = 0 if hash is None or cipher.aead else hash.integrity
    pfs = 0 if group is None else group.number
    return EspProposalNumbers(cipher.number, cipher.key_length, integrity, pfs, bool(esn))


def unused_integrity(text: str) -> str | None:
    """The integrity algorithm in an ESP proposal whose cipher needs none, which is ignored; else None."""
    words = [ALIASES.get(word, word) for word in text.strip().split("-")]
    if not any(word in ESP_CIPHERS and ESP_CIPHERS[word].aead for word in words):
        return None
    return next((word for word in words if word in INTEGRITIES), None)


def parse_ah_proposal(text: str) -> AhProposalNumbers:
    """The phase 2 suite of AH written as ``sha256``, ``sha1-modp2048`` or ``sha256-esn``.

    Raises:
        ValueError: a word is unknown, or a kind is missing or there twice; it says which and what is allowed.
    """
    words = _Words(text)
    hash = words.take("hash", INTEGRITIES)
    group = words.take("group", GROUPS)
    esn = words.take("kind of sequence numbers", _SEQUENCE_NUMBERS)
    words.refuse_rest("AH", INTEGRITIES, GROUPS, _SEQUENCE_NUMBERS)
    if hash is None:
        raise ValueError(f"proposal {text!r}: AH requires a hash, such as sha256")
    return AhProposalNumbers(hash.integrity, 0 if group is None else group.number, bool(esn))


class _Words:
    """The words of a proposal, taken one by one until none may be left."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._left = [ALIASES.get(word, word) for word in text.strip().split("-")]

    def take(self, kind: str, table: Mapping[str, Entry]) -> Entry | None:
        """The one entry of ``table`` that is named, or None."""
        found = [word for word in self._left if word in table]
        if len(found) > 1:
            raise ValueError(
                f"proposal {self._text!r} has more than one {kind}: {', '.join(found)}; "
                "IKEv1 allows one per proposal, so write separate proposals"
            )
        if not found:
            return None
        self._left.remove(found[0])
        return table[found[0]]

    def drop(self, word: str) -> None:
        """Allow ``word`` once."""
        if word in self._left:
            self._left.remove(word)

    def refuse_rest(self, protocol: str, *tables: Mapping[str, object]) -> None:
        if self._left:
            raise ValueError(f"proposal {self._text!r}: {self._unknown(protocol, *tables)}")

    def _unknown(self, protocol: str, *tables: Mapping[str, object]) -> str:
        names = tuple(name for table in tables for name in table)
        proposal, near = meant(self._text, names)
        separator = next((each for each in ";,_ " if each in self._left[0]), "")
        hint = f"; did you mean {proposal or near!r}?" if proposal or near else ""
        if separator in (";", ",") and separator:
            return f"separate the algorithms by '-' instead of {separator!r}{hint}"
        allowed = "; ".join(" ".join(table) for table in tables)
        return f"unknown {protocol} algorithm {self._left[0]!r}{hint or f'; allowed: {allowed}'}"


def ike_name(encryption: int, key_length: int, hash: int, group: int) -> str:
    """The suite in strongSwan's notation; a number that has no word there goes by its registered name."""
    return "-".join((ike_cipher(encryption, key_length).word, ike_hash(hash).word, dh_group(group).word))


def esp_name(encryption: int, key_length: int, integrity: int, group: int = 0, esn: bool = False) -> str:
    """The suite in strongSwan's notation; a number that has no word there goes by its registered name."""
    words = [esp_cipher(encryption, key_length).word]
    if integrity:
        words.append(esp_integrity(integrity).word)
    return "-".join(words + _after_algorithms(group, esn))


def ah_name(integrity: int, group: int = 0, esn: bool = False) -> str:
    """The suite of AH in strongSwan's notation; a number that has no word there goes by its registered name."""
    return "-".join([esp_integrity(integrity).word, *_after_algorithms(group, esn)])


def _after_algorithms(group: int, esn: bool) -> list[str]:
    return ([dh_group(group).word] if group else []) + (["esn"] if esn else [])


def ike_display(encryption: int, key_length: int, hash: int, group: int) -> DisplayWords:
    """The suite as ``swanctl --list-sas`` shows it."""
    cipher, hash_word = ike_cipher(encryption, key_length), ike_hash(hash)
    return DisplayWords(
        cipher.display,
        str(cipher.key_length or ""),
        hash_word.display,
        hash_word.prf_display,
        dh_group(group).display,
    )


def esp_display(encryption: int, key_length: int, integrity: int, group: int = 0) -> DisplayWords:
    """The suite as ``swanctl --list-sas`` shows it."""
    cipher = esp_cipher(encryption, key_length)
    return DisplayWords(
        cipher.display,
        str(cipher.key_length or ""),
        esp_integrity(integrity).display if integrity else "",
        "",
        dh_group(group).display if group else "",
    )


def ah_display(integrity: int, group: int = 0) -> DisplayWords:
    """The suite of AH as ``swanctl --list-sas`` shows it."""
    return DisplayWords("", "", esp_integrity(integrity).display, "", dh_group(group).display if group else "")


def esp_key_sizes(encryption: int, key_length: int, integrity: int) -> tuple[int, int]:
    """The octets of KEYMAT for the cipher, with the nonce or salt that some take behind their key (RFC 3686 §5.1,
    RFC 4106 §8.1), and for the integrity algorithm, 0 without.

    Raises:
        UnsupportedAlgorithm: a number names nothing known here, or the cipher has no key of this length.
    """
    cipher = esp_cipher(encryption, key_length)
    if cipher.octets is None:
        raise UnsupportedAlgorithm(f"ESP transform {cipher.word} with key length {key_length} is not supported")
    if not integrity:
        return cipher.octets, 0
    return cipher.octets, ah_key_size(integrity)


def ah_key_size(integrity: int) -> int:
    """The octets of KEYMAT for an integrity algorithm, in AH as in ESP.

    Raises:
        UnsupportedAlgorithm: the number names nothing known here.
    """
    hash = esp_integrity(integrity)
    if hash.octets is None:
        raise UnsupportedAlgorithm(f"authentication algorithm {hash.word} is not supported")
    return hash.octets


@lru_cache(maxsize=256, typed=True)
def weaknesses(proposal: IkeProposal | EspProposalNumbers | AhProposalNumbers) -> tuple[str, ...]:
    """Why the suite should not be used, such as ``"modp1024: ..."``, a line for each weak algorithm; none if sound."""
    found = ((word, weakness) for word, weakness in _judged(proposal) if weakness.severity is not Severity.INFO)
    return tuple(f"{word}: {weakness.reason}" for word, weakness in found)


def is_weak(proposal: IkeProposal | EspProposalNumbers | AhProposalNumbers) -> bool:
    """Whether an algorithm of the suite has a weakness of at least medium severity."""
    return any(weakness.severity in (Severity.HIGH, Severity.MEDIUM) for _, weakness in _judged(proposal))


def _judged(proposal: IkeProposal | EspProposalNumbers | AhProposalNumbers) -> Iterator[tuple[str, Weakness]]:
    """The weaknesses of the suite's algorithms, each with the algorithm's word."""
    judged: list[tuple[CipherWord | HashWord | GroupWord, Weakness | None]] = []
    if isinstance(proposal, IkeProposal):
        cipher = ike_cipher(proposal.encryption, proposal.key_length)
        judged.append((cipher, IKE_WEAKNESSES.get(proposal.encryption)))
        judged.append((ike_hash(proposal.hash), IKE_HASHES.get(proposal.hash)))
    else:
        if isinstance(proposal, EspProposalNumbers):
            cipher = esp_cipher(proposal.encryption, proposal.key_length)
            judged.append((cipher, ESP_WEAKNESSES.get(proposal.encryption)))
        judged.append((esp_integrity(proposal.integrity), INTEGRITY.get(proposal.integrity)))
    judged.append((dh_group(proposal.group), GROUP_WEAKNESSES.get(proposal.group)))
    return ((entry.word, weakness) for entry, weakness in judged if weakness is not None)
