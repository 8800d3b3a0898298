"""The numbers: open to what nobody has named, and complete as far as IANA's registries go."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.registry import (
    CONFIG_VALUES,
    DOI,
    PHASE1_VALUES,
    PHASE2_VALUES,
    TRANSFORM_IDS,
    AddressPreservation,
    AhTransform,
    AuthenticationMethod,
    EcnTunnel,
    EncapsulationMode,
    Encryption,
    EspTransform,
    ExchangeType,
    ExtendedSequenceNumber,
    Group,
    GroupType,
    HashAlgorithm,
    IdType,
    IntegrityAlgorithm,
    IpcompTransform,
    LifeType,
    NotifyType,
    OpenEnum,
    PayloadType,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
    SaDirection,
    SignatureEncoding,
    Situation,
    TransformId,
)
from shared import SHARED, needs_shared

IANA = SHARED / "rfc" / "iana"

REGISTRIES: dict[str, dict[str, type[OpenEnum]]] = {
    "ipsec-registry.txt": {
        "Attribute Classes": Phase1Attribute,
        "Encryption Algorithm Class Values (Value 1)": Encryption,
        "Hash Algorithm (Value 2)": HashAlgorithm,
        "IPSEC Authentication Methods (Value 3)": AuthenticationMethod,
        "Group Description (Value 4)": Group,
        "Group Type (Value 5)": GroupType,
        "Life Type (Value 11)": LifeType,
        "Exchange Type": ExchangeType,
        "Additional Exchanges Defined-- XCHG values": ExchangeType,
        "ISAKMP Domain of Interpretation (DOI)": DOI,
        "Next Payload Types": PayloadType,
        "Notify Messages - Error Types (1-8191)": NotifyType,
        "Notify Messages - Status Types (16384-24575)": NotifyType,
    },
    "isakmp-registry.txt": {
        "IPSEC Situation Definition": Situation,
        "IPSEC Security Protocol Identifiers": ProtocolId,
        "IPSEC ISAKMP Transform Identifiers": TransformId,
        "IPSEC AH Transform Identifiers": AhTransform,
        "IPSEC ESP Transform Identifiers": EspTransform,
        "IPSEC IPCOMP Transform Identifiers": IpcompTransform,
        "IPSEC Security Association Attributes": Phase2Attribute,
        "SA Life Type Values (Value 1)": LifeType,
        "Encapsulation Mode (Value 4)": EncapsulationMode,
        "Authentication Algorithm (Value 5)": IntegrityAlgorithm,
        "ECN Tunnel (Value 10)": EcnTunnel,
        "Extended (64-bit) Sequence Number (Value 11)": ExtendedSequenceNumber,
        "Signature Encoding Algorithm Values (Value 13)": SignatureEncoding,
        "Address Preservation (Value 14)": AddressPreservation,
        "SA Direction (Value 15)": SaDirection,
        "IPSEC Identification Type": IdType,
        "Notify Messages - Error Types (8192-16383)": NotifyType,
        "Notify Messages - Status Types (24576-32767)": NotifyType,
    },
}
NOT_ASSIGNED = re.compile(r"reserved|unassigned|private use", re.IGNORECASE)


def assigned(file: str, title: str) -> Iterator[tuple[int, str]]:
    """The numbers and names of one of IANA's tables: the lines after its title that begin with a single number."""
    lines = (IANA / file).read_text().splitlines()
    titles = {heading for registries in REGISTRIES.values() for heading in registries}
    start = max(place for place, line in enumerate(lines) if line.strip() == title)
    for line in lines[start + 1 :]:
        if line.strip() in titles or line.startswith("IPSEC "):
            return
        row = re.match(r"\s+(0x[0-9a-f]+|\d+)\s{2,}(\S.*)", line)
        if row and not NOT_ASSIGNED.search(row[2]):
            yield int(row[1], 0), row[2]


@needs_shared(IANA)
@pytest.mark.parametrize(
    ("file", "title"), [(file, title) for file, registries in REGISTRIES.items() for title in registries]
)
def test_every_number_of_iana_has_a_name(file: str, title: str) -> None:
    registry = REGISTRIES[file][title]
    numbers = dict(assigned(file, title))
    assert numbers or title.startswith("Notify Messages - Error Types (8192")
    assert not [f"{number} {name}" for number, name in numbers.items() if number not in set(registry)]
    if registry in (NotifyType, IdType):
        names = {
            number: re.split(r"\s", name)[0].removeprefix("ID_").replace("-", "_") for number, name in numbers.items()
        }
        assert {number: registry(number).name for number in names} == names


@given(st.integers(0, 0xFFFF))
def test_every_number_that_fits_is_a_value(number: int) -> None:
    member = NotifyType(number)
    assert member == number
    assert isinstance(member, NotifyType)
    assert {int(member): "found"}[member] == "found"
    assert member.name == f"NOTIFY_{number}" or member in set(NotifyType)


@pytest.mark.parametrize(
    ("registry", "largest"),
    [(PayloadType, 0xFF), (NotifyType, 0xFFFF), (DOI, 0xFFFFFFFF)],
    ids=lambda value: str(value),
)
def test_what_does_not_fit_the_field_is_no_value(registry: type[OpenEnum], largest: int) -> None:
    assert registry(largest) == largest
    for number in (-1, largest + 1):
        with pytest.raises(ValueError, match=str(number)):
            registry(number)


def test_unknown_numbers_are_not_kept() -> None:
    """A peer that sends every number there is makes no registry grow."""
    before = len(NotifyType.__members__)
    assert [NotifyType(number).name for number in (40001, 40002)] == ["NOTIFY_40001", "NOTIFY_40002"]
    assert len(NotifyType.__members__) == before
    assert 40001 not in NotifyType._value2member_map_


def test_numbers_that_only_drafts_give() -> None:
    """XAUTH, hybrid authentication, mode config, DPD and NAT traversal before the RFC."""
    assert AuthenticationMethod(65001).name == "XAUTH_INIT_PRE_SHARED"
    assert AuthenticationMethod(64221).name == "HYBRID_INIT_RSA"
    assert NotifyType(36137).name == "R_U_THERE_ACK"
    assert EncapsulationMode(61444).name == "UDP_TRANSPORT_DRAFT"
    assert [PayloadType(number).name for number in (130, 131, 132)] == ["NAT_D_DRAFT", "NAT_OA_DRAFT", "FRAGMENT"]
    assert ExchangeType(6).name == "TRANSACTION"


def test_values_are_named_by_what_they_belong_to() -> None:
    assert PHASE1_VALUES[Phase1Attribute.ENCRYPTION_ALGORITHM] is Encryption
    assert PHASE2_VALUES[Phase2Attribute.AUTHENTICATION_ALGORITHM] is IntegrityAlgorithm
    assert set(PHASE1_VALUES) <= set(Phase1Attribute)
    assert set(PHASE2_VALUES) <= set(Phase2Attribute)
    assert CONFIG_VALUES[16520](0).name == "GENERIC"
    assert TRANSFORM_IDS[ProtocolId.ESP](12).name == "AES_CBC"
