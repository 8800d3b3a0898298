"""Names, key sizes and weaknesses of an `IpsecSuite`, and which IPsec SAs only the kernel supports."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.child_sa import IpsecSuite, PacketMarks
from ikev1.crypto import suites
from ikev1.crypto.suites import AhProposalNumbers, DisplayWords, EspProposalNumbers
from ikev1.wire.registry import EspTransform, ProtocolId

_AH = ProtocolId.AH.value


def is_ah(suite: IpsecSuite) -> bool:
    """Whether ``suite`` is for AH (RFC 4302)."""
    return suite.protocol == _AH


def name(suite: IpsecSuite, group: int = 0) -> str:
    """The suite in strongSwan's notation, with the prefix ``AH`` for AH."""
    if is_ah(suite):
        return f"AH {suites.ah_name(suite.integrity, group, suite.esn)}"
    return suites.esp_name(suite.encryption, suite.key_length, suite.integrity, group, suite.esn)


def display(suite: IpsecSuite, group: int = 0) -> DisplayWords:
    """The suite as ``swanctl --list-sas`` shows it."""
    if is_ah(suite):
        return suites.ah_display(suite.integrity, group)
    return suites.esp_display(suite.encryption, suite.key_length, suite.integrity, group)


def key_sizes(suite: IpsecSuite) -> tuple[int, int]:
    """The octets of KEYMAT for encryption and for integrity, 0 if the suite has no such algorithm.

    Raises:
        UnsupportedAlgorithm: the suite has an unknown algorithm.
    """
    if is_ah(suite):
        return 0, suites.ah_key_size(suite.integrity)
    return suites.esp_key_sizes(suite.encryption, suite.key_length, suite.integrity)


def weaknesses(suite: IpsecSuite, group: int = 0) -> tuple[str, ...]:
    """Why the suite should not be used, one text for each weak algorithm."""
    if is_ah(suite):
        return suites.weaknesses(AhProposalNumbers(suite.integrity, group, suite.esn))
    return suites.weaknesses(EspProposalNumbers(suite.encryption, suite.key_length, suite.integrity, group, suite.esn))


def kernel_only(suites: Iterable[IpsecSuite], compressed: bool, marks: PacketMarks) -> str:
    """The requested features that userspace ESP lacks, joined by "and"; empty if it supports them all."""
    every = [*suites]
    ciphers = {suite.encryption for suite in every}
    asked = {
        "AH": any(is_ah(suite) for suite in every),
        "extended sequence numbers": any(suite.esn for suite in every),
        "Serpent": EspTransform.SERPENT in ciphers,
        "Twofish": EspTransform.TWOFISH in ciphers,
        "IPComp": compressed,
        "marks or interface IDs": marks != PacketMarks(),
    }
    return " and ".join(name for name, wanted in asked.items() if wanted)
