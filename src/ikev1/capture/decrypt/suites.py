"""Transforms as suites and in words. Unlike in negotiation, every transform is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ikev1.core.negotiation.lifetime_attributes import number_of
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.crypto.algorithms import dh_group, esp_cipher, ike_cipher
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, Transform
from ikev1.wire.registry import (
    EspTransform,
    ExtendedSequenceNumber,
    IntegrityAlgorithm,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
)
from ikev1.wire.words import lifetimes, transform_words

DEFAULT_LIFE = "8h (the default, since none was stated)"  # RFC 2407 §4.5: "28800 seconds"


@lru_cache(maxsize=256)  # peers offer the same transforms repeatedly
def phase1_suite(transform: Transform) -> Phase1Suite:
    """The suite of a phase 1 transform: 0 for missing attributes, and the default if the key length is missing."""
    values = _values(transform.attributes)
    encryption = values.get(Phase1Attribute.ENCRYPTION_ALGORITHM, 0)
    key_length = values.get(Phase1Attribute.KEY_LENGTH, 0)
    return Phase1Suite(
        encryption,
        key_length or ike_cipher(encryption, 0).key_length,
        values.get(Phase1Attribute.HASH_ALGORITHM, 0),
        values.get(Phase1Attribute.GROUP_DESCRIPTION, 0),
        values.get(Phase1Attribute.AUTHENTICATION_METHOD, 0),
    )


def ipsec_suite(proposal: Proposal, transform: Transform) -> IpsecSuite:
    """The suite of a phase 2 transform for ESP or AH."""
    values = _values(transform.attributes)
    encryption = transform.id if proposal.protocol == ProtocolId.ESP else 0
    key_length = values.get(Phase2Attribute.KEY_LENGTH, 0)
    return IpsecSuite(
        encryption,
        key_length or (esp_cipher(encryption, 0).key_length if encryption else 0),
        values.get(Phase2Attribute.AUTHENTICATION_ALGORITHM, 0),
        proposal.protocol,
        values.get(Phase2Attribute.ESN, 0) == ExtendedSequenceNumber.EXTENDED,
    )


def pfs_group(transform: Transform) -> int:
    """The group of perfect forward secrecy in a phase 2 transform; 0 without."""
    return _values(transform.attributes).get(Phase2Attribute.GROUP_DESCRIPTION, 0)


def group_name(number: int) -> str:
    """A group in words: ``group 14 (MODP_2048)``."""
    return f"group {number} ({dh_group(number).display})"


def transform_name(protocol: int, transform: Transform) -> str:
    """The algorithms of a transform: ``AES_CBC-128/SHA1/MODP_1024/PRE_SHARED_KEY``."""
    return transform_words(protocol, transform).split(", ")[0]


def ipsec_suite_name(suite: IpsecSuite) -> str:
    """A suite in words: ``AES_CBC-128/HMAC_SHA2_256``."""
    cipher = EspTransform(suite.encryption).name if suite.encryption else ""
    if suite.key_length:
        cipher += f"-{suite.key_length}"
    integrity = IntegrityAlgorithm(suite.integrity).name if suite.integrity else ""
    return "/".join(part for part in (cipher, integrity) if part)


def life_words(protocol: int, transform: Transform) -> str:
    """The lifetimes of a transform: ``24h``, ``1h and 4608000kB``."""
    return " and ".join(lifetimes(protocol, transform.attributes)) or DEFAULT_LIFE


def _values(attributes: Iterable[Attribute]) -> dict[int, int]:
    return {attribute.type: min(number_of(attribute), 0xFFFF) for attribute in attributes}
