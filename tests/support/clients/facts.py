"""What a peer sends when it initiates, and how surely that is known.

Where a fact is `Sure.REMEMBERED`, no test and no document may call it recorded: `Peer.is_recorded` is false.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ikev1.crypto.suites import parse_esp_proposal, parse_ike_proposal
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Identification, Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import (
    DOI,
    AuthenticationMethod,
    EncapsulationMode,
    IdType,
    IpcompTransform,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
    Situation,
    TransformId,
)


class Sure(Enum):
    """Where a fact comes from; the values are the words of ``docs/recipes``."""

    SOURCE = "its source code"
    LOG = "a log of a real peer"
    DOCUMENTED = "its documentation"
    REMEMBERED = "memory, not confirmed"


class Known(NamedTuple):
    """An algorithm suite in strongSwan's notation; ``sized`` is False if its AES has no KEY_LENGTH."""

    words: str
    sure: Sure
    sized: bool = True


def known(sure: Sure, *words: str) -> tuple[Known, ...]:
    """Several suites that are known equally well."""
    return tuple(Known(each, sure) for each in words)


class Life(NamedTuple):
    """Lifetimes that are offered; 0: none."""

    seconds: int
    sure: Sure
    kilobytes: int = 0


@dataclass(frozen=True)
class Habits:
    """How a peer builds SA payloads."""

    first_number: int = 1  # of proposals and transforms
    key_length_first: bool = False  # before the encryption algorithm, or in phase 2 before the others
    proposal_each: bool = False  # phase 2: a proposal for each suite, instead of one with many transforms
    ipcomp: bool = False  # phase 2: everything with IPComp (DEFLATE, LZS) first, then without


@dataclass(frozen=True)
class Login:
    """How a client answers XAUTH and what it requests by mode config.

    ``requests`` are the attributes in the order in which they are sent, with their values (usually empty).
    """

    requests: tuple[tuple[int, bytes], ...]
    sure: Sure
    identifier: int = 1  # of the request of mode config
    trailing_nul: bool = False  # behind the user name and the password


class VendorIdSent(NamedTuple):
    """A vendor ID, by its name in `clients.vendor_ids`."""

    name: str
    sure: Sure


@dataclass(frozen=True)
class Peer:
    """A peer as initiator.

    ``ike`` and ``esp`` are in the order in which they are offered. ``methods`` are those of phase 1: all suites are
    offered with the first, then all with the next. ``identity`` is (type, data); data None: its own address.
    """

    name: str
    ike: tuple[Known, ...]
    ike_life: Life
    esp: tuple[Known, ...]
    esp_life: Life
    vendor_ids: tuple[VendorIdSent, ...] = ()
    methods: tuple[AuthenticationMethod, ...] = (AuthenticationMethod.PRE_SHARED_KEY,)
    aggressive: bool = False
    identity: tuple[IdType, bytes | None] = (IdType.IPV4_ADDR, None)
    identity_sure: Sure = Sure.REMEMBERED
    identity_port: tuple[int, int] = (0, 0)  # protocol and port
    transport: bool = False
    habits: Habits = Habits()
    login: Login | None = None  # XAUTH and mode config

    def facts(self) -> Iterator[Sure]:
        """How surely each fact is known."""
        yield from (each.sure for each in (*self.ike, *self.esp))
        yield from (each.sure for each in self.vendor_ids)
        yield from (self.ike_life.sure, self.esp_life.sure, self.identity_sure)
        if self.login is not None:
            yield self.login.sure

    @property
    def is_recorded(self) -> bool:
        """Whether everything was read in source code, a log or documentation."""
        return Sure.REMEMBERED not in self.facts()

    @property
    def certified(self) -> bool:
        """Whether the gateway proves itself by a certificate."""
        return self.signs or AuthenticationMethod.HYBRID_INIT_RSA in self.methods

    @property
    def signs(self) -> bool:
        """Whether the peer proves itself by a certificate."""
        return bool({AuthenticationMethod.RSA_SIGNATURES, AuthenticationMethod.XAUTH_INIT_RSA} & set(self.methods))

    @property
    def pfs(self) -> int:
        """The group of perfect forward secrecy that is offered; 0: none."""
        (group,) = {parse_esp_proposal(each.words).group for each in self.esp}
        return group

    def phase1_offer(self) -> SecurityAssociation:
        """The SA payload of message 1."""
        suites = [(each, method) for method in self.methods for each in self.ike]
        transforms = tuple(
            Transform(number, TransformId.KEY_IKE, self._phase1(suite, method))
            for number, (suite, method) in enumerate(suites, self.habits.first_number)
        )
        proposal = Proposal(self.habits.first_number, ProtocolId.ISAKMP, b"", transforms)
        return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, (proposal,))

    def _phase1(self, suite: Known, method: int) -> tuple[Attribute, ...]:
        encryption, key_length, hash, group = _phase1_numbers(suite.words)
        attributes = [Attribute(Phase1Attribute.ENCRYPTION_ALGORITHM, encryption)]
        if key_length and suite.sized:
            attributes.insert(
                0 if self.habits.key_length_first else 1, Attribute(Phase1Attribute.KEY_LENGTH, key_length)
            )
        attributes += [
            Attribute(Phase1Attribute.HASH_ALGORITHM, hash),
            Attribute(Phase1Attribute.GROUP_DESCRIPTION, group),
            Attribute(Phase1Attribute.AUTHENTICATION_METHOD, method),
        ]
        return *attributes, *_life(Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION, self.ike_life)

    def phase2_offer(self, spi: bytes, mode: EncapsulationMode) -> SecurityAssociation:
        """The SA payload of message 1 of Quick Mode."""
        first = self.habits.first_number
        found = [self._phase2(suite, mode) for suite in self.esp]
        if self.habits.proposal_each:
            proposals = tuple(
                Proposal(number, ProtocolId.ESP, spi, (Transform(first, identifier, attributes),))
                for number, (identifier, attributes) in enumerate(found, first)
            )
        else:
            transforms = tuple(Transform(number, *each) for number, each in enumerate(found, first))
            proposals = (Proposal(1, ProtocolId.ESP, spi, transforms),)
        if self.habits.ipcomp:
            (alone,) = proposals
            proposals = (alone, self._ipcomp(mode), alone._replace(number=2))
        return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, proposals)

    @staticmethod
    def _ipcomp(mode: EncapsulationMode) -> Proposal:
        attributes = (Attribute(Phase2Attribute.ENCAPSULATION_MODE, mode),)
        kinds = (IpcompTransform.DEFLATE, IpcompTransform.LZS)
        transforms = tuple(Transform(number, kind, attributes) for number, kind in enumerate(kinds, 1))
        return Proposal(1, ProtocolId.IPCOMP, bytes.fromhex("5b1c"), transforms)

    def _phase2(self, suite: Known, mode: EncapsulationMode) -> tuple[int, tuple[Attribute, ...]]:
        encryption, key_length, integrity, group, _ = parse_esp_proposal(suite.words)
        attributes = [Attribute(Phase2Attribute.ENCAPSULATION_MODE, mode)]
        if integrity:
            attributes.append(Attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM, integrity))
        if key_length and suite.sized:
            attributes.insert(
                0 if self.habits.key_length_first else 1, Attribute(Phase2Attribute.KEY_LENGTH, key_length)
            )
        if group:
            attributes.append(Attribute(Phase2Attribute.GROUP_DESCRIPTION, group))
        life = _life(Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION, self.esp_life)
        return encryption, (*attributes, *life)


NULL_IKE = "null"  # vpnc offers "no encryption" in phase 1 as well; the number 0 is reserved (RFC 2409 Appendix A)


def _phase1_numbers(words: str) -> tuple[int, int, int, int]:
    if words.startswith(NULL_IKE):
        _, _, hash, group = parse_ike_proposal(words.replace(NULL_IKE, "3des"))
        return 0, 0, hash, group
    return parse_ike_proposal(words)


def _life(kind: int, duration: int, life: Life) -> tuple[Attribute, ...]:
    """Seconds (1) and kilobytes (2), in four octets as all of these peers send them."""
    values = [(1, life.seconds), (2, life.kilobytes)]
    pairs = [(Attribute(kind, unit), Attribute(duration, value.to_bytes(4))) for unit, value in values if value]
    return tuple(attribute for pair in pairs for attribute in pair)


def subnet(network: str) -> Identification:
    """ID_IPV4_ADDR_SUBNET of Quick Mode."""
    found = IPv4Network(network)
    return Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, found.network_address.packed + found.netmask.packed)


def host(address: str, protocol: int = 0, port: int = 0) -> Identification:
    """ID_IPV4_ADDR of Quick Mode."""
    return Identification(IdType.IPV4_ADDR, protocol, port, IPv4Address(address).packed)
