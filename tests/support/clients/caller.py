"""An initiator without an engine: it sends what a peer of `clients.site_to_site` or `clients.remote_access` sends.

Only the formulas of RFC 2409 (`ikev1.crypto`) and the wire codec are shared with the gateway that it calls.
"""

from __future__ import annotations

import hmac
import socket
from functools import partial

from cryptography import x509

from authority import der, rsa_key
from clients import config_mode
from clients.channel import ENCAPSULATED, Channel, Phase1, Refused, Suite
from clients.facts import Peer as Sender
from clients.vendor_ids import OCTETS
from configuration_files import AUTHORITY
from ikev1.crypto import certificates, cipher, hashes, keymat, public_keys, signatures
from ikev1.crypto.groups import group
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, build_chain, parse_message
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    VendorId,
    build_body,
)
from ikev1.wire.registry import (
    AuthenticationMethod,
    CertificateEncoding,
    ConfigType,
    EncapsulationMode,
    ExchangeType,
    IdType,
    PayloadType,
    Phase1Attribute,
)
from playbook import Peer

_RFC_3947 = OCTETS["RFC 3947"]
DEVICE = "C=CH, O=lab, CN=alice-phone"
DEVICE_KEY = partial(rsa_key, 3)


class Caller(Channel):
    """Calls ``gateway`` as ``sender``.

    ``address`` is its own address. Behind a NAT, the gateway sees it at ``seen_at``, another address or port.
    """

    def __init__(
        self, gateway: Peer, sender: Sender, secret: bytes, address: str, seen_at: tuple[str, int] | None = None
    ) -> None:
        super().__init__(gateway, sender.name, seen_at or (address, 500))
        self.sender = sender
        self.address = address
        self.chosen = Transform(0, 0, ())  # phase 1, as the gateway answered
        self.vendors: tuple[bytes, ...] = ()  # of the gateway
        self.is_behind_nat = False
        self._secret = secret

    def calls(self, ours: Identification, theirs: Identification) -> None:
        """Phase 1 and phase 2."""
        self.phase1()
        self.quick_mode(ours, theirs)

    # --- phase 1

    def phase1(self) -> None:
        """Main Mode or Aggressive Mode, as the peer does it, with the pre-shared key."""
        if self.sender.aggressive:
            self._aggressive_mode()
        else:
            self._main_mode()

    def _main_mode(self) -> None:
        kind = ExchangeType.IDENTITY_PROTECTION
        offer = self.sender.phase1_offer()
        answer = self._ask(kind, [offer, *self._vendor_ids()])
        self._take(answer, offer)
        private, public = group(self.suite.group).generate(self.random)
        Ni_b = self.random(32)
        answer = self._ask(kind, [KeyExchange(public), Nonce(Ni_b), *self._nat_discovery()])
        g_xr = answer.one(KeyExchange).data
        g_xy = group(self.suite.group).shared(private, g_xr)
        nonces = Ni_b, answer.one(Nonce).data
        if self.sender.certified:
            SKEYID = keymat.SKEYID_signatures(self.suite.hash, *nonces, g_xy)
        else:
            SKEYID = keymat.SKEYID_psk(self.suite.hash, self._secret, *nonces)
        self._derive(SKEYID, g_xy, public, g_xr)
        self._note_nat(answer)
        ID = self._identity()
        proof = SKEYID, public, g_xr, self._CKY_I, self._CKY_R, build_body(offer)
        HASH_I = keymat.HASH_I(self.suite.hash, *proof, build_body(ID))
        answer = self._ask_encrypted(kind, 0, [ID, *self._proof(HASH_I)])
        HASH_R = keymat.HASH_R(self.suite.hash, *proof, build_body(answer.one(Identification)))
        if self.sender.certified:
            key = public_keys.load(certificates.public_key(answer.one(Certificate).data))
            signatures.verify(AuthenticationMethod.RSA_SIGNATURES, key, HASH_R, answer.one(Signature).data)
        else:
            assert hmac.compare_digest(HASH_R, answer.one(Hash).data)
        self._phase1 = self._phase1._replace(last_block=self._iv)

    def _aggressive_mode(self) -> None:
        kind = ExchangeType.AGGRESSIVE
        offer = self.sender.phase1_offer()
        (offered_group,) = {self._number(each, Phase1Attribute.GROUP_DESCRIPTION) for each in _transforms(offer)}
        private, public = group(offered_group).generate(self.random)
        Ni_b, ID = self.random(20), self._identity()
        answer = self._ask(kind, [offer, KeyExchange(public), Nonce(Ni_b), ID, *self._vendor_ids()])
        self._take(answer, offer)
        g_xr = answer.one(KeyExchange).data
        g_xy = group(self.suite.group).shared(private, g_xr)
        SKEYID = keymat.SKEYID_psk(self.suite.hash, self._secret, Ni_b, answer.one(Nonce).data)
        self._derive(SKEYID, g_xy, public, g_xr)
        proof = SKEYID, public, g_xr, self._CKY_I, self._CKY_R, build_body(offer)
        HASH_R = keymat.HASH_R(self.suite.hash, *proof, build_body(answer.one(Identification)))
        assert hmac.compare_digest(HASH_R, answer.one(Hash).data)
        self._note_nat(answer)
        HASH_I = keymat.HASH_I(self.suite.hash, *proof, build_body(ID))
        discovery = self._nat_discovery() if answer.all(NatDiscovery) else []
        self._send(self._sealed(kind, 0, [Hash(HASH_I), *discovery]))
        self._phase1 = self._phase1._replace(last_block=self._iv)

    def _take(self, answer: Message, offer: SecurityAssociation) -> None:
        """The gateway chose one of the transforms that were offered, unchanged."""
        (self.chosen,) = _transforms(answer.one(SecurityAssociation))
        assert self.chosen in _transforms(offer)
        self._CKY_R = answer.header.CKY_R
        self.vendors = tuple(each.data for each in answer.all(VendorId))
        numbers = [
            self._number(self.chosen, kind)
            for kind in (
                Phase1Attribute.ENCRYPTION_ALGORITHM,
                Phase1Attribute.KEY_LENGTH,
                Phase1Attribute.HASH_ALGORITHM,
                Phase1Attribute.GROUP_DESCRIPTION,
                Phase1Attribute.AUTHENTICATION_METHOD,
            )
        ]
        self.suite = Suite(*numbers)

    @staticmethod
    def _number(transform: Transform, kind: int) -> int:
        value = dict(transform.attributes).get(kind, 0)
        assert isinstance(value, int)
        return value

    def _derive(self, SKEYID: bytes, g_xy: bytes, g_xi: bytes, g_xr: bytes) -> None:
        suite = self.suite
        SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(suite.hash, SKEYID, g_xy, self._CKY_I, self._CKY_R)
        size = cipher.key_size(suite.encryption, suite.key_length)
        self._phase1 = Phase1(SKEYID_d, SKEYID_a, keymat.encryption_key(suite.hash, SKEYID_e, size), b"")
        self._iv = keymat.phase1_iv(suite.hash, g_xi, g_xr, self._block_size)

    def _vendor_ids(self) -> list[VendorId]:
        return [VendorId(OCTETS[each.name]) for each in self.sender.vendor_ids]

    def _proof(self, HASH_I: bytes) -> list[Payload]:
        """HASH_I; of a client with a certificate, this and the signature, unless only the gateway has one (hybrid)."""
        if not self.sender.signs:
            return [Hash(HASH_I)]
        certificate = Certificate(CertificateEncoding.X509_SIGNATURE, der(self._certificate()))
        signature = signatures.sign(AuthenticationMethod.RSA_SIGNATURES, DEVICE_KEY(), HASH_I)
        request = CertificateRequest(CertificateEncoding.X509_SIGNATURE, b"")
        return [certificate, Signature(signature), request]

    @staticmethod
    def _certificate() -> x509.Certificate:
        return AUTHORITY().issue(DEVICE, key=DEVICE_KEY())

    def _identity(self) -> Identification:
        if self.sender.identity[0] is IdType.DER_ASN1_DN:
            return Identification(IdType.DER_ASN1_DN, 0, 0, self._certificate().subject.public_bytes())
        kind, data = self.sender.identity
        return Identification(kind, *self.sender.identity_port, data or socket.inet_aton(self.address))

    # --- NAT traversal (RFC 3947, and the drafts with their own payload numbers)

    def _nat_discovery(self) -> list[NatDiscovery]:
        """The gateway's address first, then our own, as we know them."""
        if not any(vendor in self.vendors for vendor in (_RFC_3947, OCTETS["draft-03"], *_DRAFTS_02)):
            return []
        number = PayloadType.NAT_D if _RFC_3947 in self.vendors else PayloadType.NAT_D_DRAFT
        return [
            NatDiscovery(self._nat_hash(self.gateway.address, 500), number),
            NatDiscovery(self._nat_hash(self.address, 500), number),
        ]

    def _nat_hash(self, address: str, port: int) -> bytes:
        return hashes.digest(self.suite.hash, self._CKY_I + self._CKY_R + socket.inet_aton(address) + port.to_bytes(2))

    def _note_nat(self, answer: Message) -> None:
        """A NAT is between us and the gateway: go on at port 4500."""
        found = answer.all(NatDiscovery)
        if found and found[0].data != self._nat_hash(self.address, 500):
            self.is_behind_nat = True
            self.port = ENCAPSULATED

    # --- phase 2

    def quick_mode(self, ours: Identification, theirs: Identification) -> tuple[Proposal, Transform]:
        """Quick Mode for the traffic between ``ours`` and ``theirs``; returns what the gateway chose."""
        kind, message_id = ExchangeType.QUICK_MODE, int.from_bytes(self.random(4)) or 1
        offer = self.sender.phase2_offer(self.random(4), self._mode())
        Ni_b = self.random(20)
        private, public = group(self.sender.pfs).generate(self.random) if self.sender.pfs else (b"", b"")
        payloads: list[Payload] = [offer, Nonce(Ni_b), *([KeyExchange(public)] if public else []), ours, theirs]
        if self.sender.transport and self.is_behind_nat:
            payloads += [
                NatOriginalAddress(IdType.IPV4_ADDR, socket.inet_aton(address))
                for address in (self.address, self.gateway.address)
            ]
        self._iv = keymat.phase2_iv(self.suite.hash, self._phase1.last_block, message_id, self._block_size)
        _, rest = build_chain(payloads)
        HASH_1 = keymat.HASH_1(self.suite.hash, self._phase1.SKEYID_a, message_id, rest)
        answer = self._ask_encrypted(kind, message_id, [Hash(HASH_1), *payloads])
        first, *others = answer.payloads
        _, rest = build_chain(others)
        HASH_2 = keymat.HASH_2(self.suite.hash, self._phase1.SKEYID_a, message_id, Ni_b, rest)
        assert isinstance(first, Hash)
        assert hmac.compare_digest(HASH_2, first.data)
        assert bool(answer.all(KeyExchange)) is bool(private)
        Nr_b = answer.one(Nonce).data
        HASH_3 = keymat.HASH_3(self.suite.hash, self._phase1.SKEYID_a, message_id, Ni_b, Nr_b)
        self._send(self._sealed(kind, message_id, [Hash(HASH_3)]))
        (proposal,) = answer.one(SecurityAssociation).proposals
        (transform,) = proposal.transforms
        return proposal, transform

    def _mode(self) -> EncapsulationMode:
        if self.is_behind_nat and _RFC_3947 in self.vendors:
            return EncapsulationMode.UDP_TRANSPORT if self.sender.transport else EncapsulationMode.UDP_TUNNEL
        if self.is_behind_nat:
            transport = EncapsulationMode.UDP_TRANSPORT_DRAFT
            return transport if self.sender.transport else EncapsulationMode.UDP_TUNNEL_DRAFT
        return EncapsulationMode.TRANSPORT if self.sender.transport else EncapsulationMode.TUNNEL

    # --- XAUTH and mode config

    def logs_in(self, user: bytes, password: bytes) -> None:
        """Answer the gateway, which asks for a user at once, and take its verdict."""
        assert self.sender.login is not None
        message_id, asked = self._received_config()
        self._send_config(message_id, config_mode.answer(self.sender.login, asked, user, password))
        message_id, told = self._received_config()
        if config_mode.status_of(told) != 1:
            raise Refused(f"the user is not accepted: {self.gateway.failures}")
        self._send_config(message_id, told._replace(type=ConfigType.ACK))

    def is_configured(self) -> dict[int, list[bytes]]:
        """Request an address and what else the client wants; returns what it gets."""
        assert self.sender.login is not None
        message_id = int.from_bytes(self.random(4)) or 1
        self._iv = keymat.phase2_iv(self.suite.hash, self._phase1.last_block, message_id, self._block_size)
        self._send_config(message_id, config_mode.request(self.sender.login))
        answered, reply = self._received_config(self._iv)
        assert answered == message_id
        return config_mode.values_of(reply, self.sender.login.identifier)

    def _received_config(self, iv: bytes = b"") -> tuple[int, ConfigAttributes]:
        """The message of the Transaction exchange that the gateway has sent: its message ID and its attributes. Clients
        read notifications of lifetimes as well.
        """
        flying = self.gateway.network.flying
        while flying and flying[0].label.startswith("INFO"):
            flying.popleft()
        if not flying:
            raise Refused(f"the gateway is silent: {self.gateway.failures}")
        octets = flying.popleft().octets
        header = Header.parse(octets)
        if header.exchange != ExchangeType.TRANSACTION:
            raise Refused(f"exchange {header.exchange}: {self.gateway.failures}")
        message_id = header.message_id
        if not iv:
            iv = keymat.phase2_iv(self.suite.hash, self._phase1.last_block, message_id, self._block_size)
        ciphertext = octets[HEADER_SIZE : header.length]
        message = parse_message(header, cipher.decrypt(self.suite.encryption, self._phase1.key, iv, ciphertext))
        self._iv = ciphertext[-self._block_size :]
        attributes = message.one(ConfigAttributes)
        assert hmac.compare_digest(message.one(Hash).data, self._config_hash(message_id, attributes))
        return message_id, attributes

    def _send_config(self, message_id: int, attributes: ConfigAttributes) -> None:
        HASH = Hash(self._config_hash(message_id, attributes))
        self._send(self._sealed(ExchangeType.TRANSACTION, message_id, [HASH, attributes]))

    def _config_hash(self, message_id: int, attributes: ConfigAttributes) -> bytes:
        _, rest = build_chain([attributes])
        return keymat.HASH_1(self.suite.hash, self._phase1.SKEYID_a, message_id, rest)


_DRAFTS_02 = (OCTETS["draft-02 with newline"], OCTETS["draft-02"])


def _transforms(payload: SecurityAssociation) -> tuple[Transform, ...]:
    (proposal,) = payload.proposals
    return proposal.transforms
