"""What an `IpsecSuite` is in words and octets, whether it protects by ESP or by AH."""

from __future__ import annotations

from ikev1.core.records.model import IpsecSuite
from ikev1.crypto import suites
from ikev1.crypto.suites import AhProposalNumbers, DisplayWords, EspProposalNumbers
from ikev1.wire.registry import ProtocolId


def is_ah(suite: IpsecSuite) -> bool:
    """Whether ``suite`` protects by AH (RFC 4302)."""
    return suite.protocol == ProtocolId.AH


def name(suite: IpsecSuite, group: int = 0) -> str:
    """The suite in strongSwan's notation, after the name of its protocol unless that is ESP."""
    if is_ah(suite):
        return f"AH {suites.ah_name(suite.integrity, group, suite.esn)}"
    return suites.esp_name(suite.encryption, suite.key_length, suite.integrity, group, suite.esn)


def display(suite: IpsecSuite, group: int = 0) -> DisplayWords:
    """The suite as ``swanctl --list-sas`` shows it."""
    if is_ah(suite):
        return suites.ah_display(suite.integrity, group)
    return suites.esp_display(suite.encryption, suite.key_length, suite.integrity, group)


def key_sizes(suite: IpsecSuite) -> tuple[int, int]:
    """The octets of KEYMAT for encryption and integrity, 0 where there is none.

    Raises:
        UnsupportedAlgorithm: the suite has an algorithm that is not known here.
    """
    if is_ah(suite):
        return 0, suites.ah_key_size(suite.integrity)
    return suites.esp_key_sizes(suite.encryption, suite.key_length, suite.integrity)


def weaknesses(suite: IpsecSuite, group: int = 0) -> tuple[str, ...]:
    """Why the suite should not be used, a line for each weak algorithm."""
    if is_ah(suite):
        return suites.weaknesses(AhProposalNumbers(suite.integrity, group, suite.esn))
    return suites.weaknesses(EspProposalNumbers(suite.encryption, suite.key_length, suite.integrity, group, suite.esn))
