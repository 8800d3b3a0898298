"""The values of one decrypted Quick Mode: the negotiated SAs and their keys (RFC 2409 §5.5)."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.capture.decrypt.conversation_keys import AgreedSecret, Secrets, agreed_secrets
from ikev1.capture.decrypt.suites import ipsec_suite, pfs_group
from ikev1.capture.keys.key_ring import EspKeys, KeyRing
from ikev1.capture.records.labels import Phase2Exchange
from ikev1.capture.records.message_record import MessageRecord
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.core.records.exchange import Role
from ikev1.core.records.record import Record
from ikev1.crypto import keymat
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.suites import esp_key_sizes
from ikev1.wire.payloads import (
    Identification,
    KeyExchange,
    Nonce,
    Proposal,
    SecurityAssociation,
    Transform,
)
from ikev1.wire.registry import ProtocolId


class IpsecSa(Record, frozen=True):
    """One negotiated SA; ``destination`` is the role that chose the SPI and receives with it."""

    protocol: int
    spi: bytes
    destination: Role  # of the ISAKMP SA
    suite: IpsecSuite


class QuickMode:
    """One Quick Mode and its messages."""

    def __init__(self, message_id: int, exchange: Phase2Exchange) -> None:
        self.message_id = message_id
        self._phase2 = exchange

    @property
    def initiator(self) -> Role:
        """The role in the ISAKMP SA that initiated this Quick Mode."""
        return self._phase2.initiator

    @property
    def messages(self) -> dict[str, MessageRecord]:
        """The messages by label; the first one with each label."""
        found: dict[str, MessageRecord] = {}
        for record in self._phase2.messages:
            found.setdefault(record.label, record)
        return found

    def _sa(self, label: str) -> SecurityAssociation | None:
        record = self.messages.get(label)
        return None if record is None or record.message is None else record.message.first(SecurityAssociation)

    @property
    def offer(self) -> SecurityAssociation | None:
        """The SA payload of message 1."""
        return self._sa("QM1")

    @property
    def response(self) -> SecurityAssociation | None:
        """The SA payload of message 2."""
        return self._sa("QM2")

    def nonce(self, label: str) -> bytes:
        """Ni_b (of QM1) or Nr_b (of QM2); empty if unknown."""
        record = self.messages.get(label)
        nonce = record.message.first(Nonce) if record is not None and record.message is not None else None
        return b"" if nonce is None else nonce.data

    def public(self, label: str) -> bytes:
        """The public value in QM1 or QM2; empty without perfect forward secrecy."""
        record = self.messages.get(label)
        share = record.message.first(KeyExchange) if record is not None and record.message is not None else None
        return b"" if share is None else share.data

    def identities(self) -> tuple[Identification, ...]:
        """IDci and IDcr of the response or the offer; empty if the SAs are for the peers themselves."""
        for label in ("QM2", "QM1"):
            record = self.messages.get(label)
            if record is not None and record.message is not None:
                return record.message.all(Identification)
        return ()

    @property
    def group(self) -> int:
        """The negotiated group of perfect forward secrecy; 0 without."""
        return next((pfs_group(transform) for _, transform in self.agreed()), 0)

    def agreed(self) -> tuple[tuple[Proposal, Transform], ...]:
        """The selection in message 2: one transform per protocol."""
        answer = self.response
        if answer is None:
            return ()
        return tuple((proposal, proposal.transforms[0]) for proposal in answer.proposals if proposal.transforms)

    def sas(self) -> Iterator[IpsecSa]:
        """The SAs of both directions: the responder's SPI, and the initiator's SPI of the selected proposal."""
        responder = Role.RESPONDER if self.initiator is Role.INITIATOR else Role.INITIATOR
        offered = self.offer.proposals if self.offer is not None else ()
        for proposal, transform in self.agreed():
            suite = ipsec_suite(proposal, transform)
            yield IpsecSa(proposal.protocol, proposal.spi, responder, suite)
            selected = [
                each for each in offered if (each.number, each.protocol) == (proposal.number, proposal.protocol)
            ]
            for each in selected or [each for each in offered if each.protocol == proposal.protocol][:1]:
                yield IpsecSa(proposal.protocol, each.spi, self.initiator, suite)

    def agreed_secrets(self, key_ring: KeyRing) -> list[AgreedSecret]:
        """Candidates for g(qm)^xy; the empty value is certain without perfect forward secrecy."""
        g_xi, g_xr = self.public("QM1"), self.public("QM2")
        if g_xi or g_xr:
            return list(agreed_secrets(key_ring, self.group, g_xi, g_xr))
        return [AgreedSecret("", b"", certain=True)]

    def esp_keys(self, secrets: Secrets, g_xy: bytes) -> Iterator[EspKeys]:
        """Derive the keys of the ESP SAs; ``g_xy`` is g(qm)^xy, empty without perfect forward secrecy."""
        Ni_b, Nr_b = self.nonce("QM1"), self.nonce("QM2")
        if not (secrets.SKEYID_d and Ni_b and Nr_b):
            return
        for sa in self.sas():
            if sa.protocol != ProtocolId.ESP or len(sa.spi) != 4:
                continue
            suite = sa.suite
            try:
                sizes = esp_key_sizes(suite.encryption, suite.key_length, suite.integrity)
                octets = keymat.KEYMAT(
                    secrets.hash, secrets.SKEYID_d, sa.protocol, sa.spi, Ni_b, Nr_b, sum(sizes), g_xy
                )
            except CryptoError:
                continue
            keys = IpsecKeys(int.from_bytes(sa.spi), octets[: sizes[0]], octets[sizes[0] :])
            yield EspKeys("KEYMAT of its Quick Mode", suite, keys)
