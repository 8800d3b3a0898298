"""What each message of a `Caller` goes through: the keys, the encryption, and the way to the gateway and back."""

from __future__ import annotations

from typing import NamedTuple

from authority import NOW
from ikev1.core.records.path import UdpPath
from ikev1.crypto import cipher
from ikev1.pki.verdict import verdict_on
from ikev1.testing import Randomness
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import Message, build_chain, build_message, parse_message
from ikev1.wire.payloads import Notification, Payload
from ikev1.wire.registry import ExchangeType, Flags
from playbook import Peer

ENCAPSULATED = 4500


class Suite(NamedTuple):
    """What was chosen in phase 1, in numbers."""

    encryption: int
    key_length: int
    hash: int
    group: int
    method: int


class Phase1(NamedTuple):
    """The secrets of an ISAKMP SA, and the last block of ciphertext."""

    SKEYID_d: bytes
    SKEYID_a: bytes
    key: bytes
    last_block: bytes


class Refused(AssertionError):
    """The gateway answered with a notification, or not at all."""


class Channel:
    """An ISAKMP SA with ``gateway``, which sees its initiator at ``seen_at``: another address or port behind a NAT."""

    def __init__(self, gateway: Peer, name: str, seen_at: tuple[str, int]) -> None:
        self.gateway = gateway
        self.seen_at = seen_at
        self.port = 500
        self.suite = Suite(0, 0, 0, 0, 0)
        self.random = Randomness(name)
        self._CKY_I, self._CKY_R = self.random(8), NO_COOKIE
        self._phase1 = Phase1(b"", b"", b"", b"")
        self._iv = b""

    @property
    def _block_size(self) -> int:
        return cipher.block_size(self.suite.encryption)

    def _ask(self, kind: ExchangeType, payloads: list[Payload]) -> Message:
        """Send a message in the clear, and return the answer."""
        header = Header(self._CKY_I, self._CKY_R, 0, kind, 0, 0, 0)
        answer = self._exchanged(build_message(header, payloads))
        return parse_message(Header.parse(answer), answer[HEADER_SIZE:])

    def _ask_encrypted(self, kind: ExchangeType, message_id: int, payloads: list[Payload]) -> Message:
        answer = self._exchanged(self._sealed(kind, message_id, payloads))
        header = Header.parse(answer)
        assert header.encrypted
        ciphertext = answer[HEADER_SIZE : header.length]
        chain = cipher.decrypt(self.suite.encryption, self._phase1.key, self._iv, ciphertext)
        if (header.exchange, header.message_id) != (kind, message_id):
            raise Refused(f"exchange {header.exchange}, message ID {header.message_id:08x}: {self.gateway.failures}")
        self._iv = ciphertext[-self._block_size :]
        return parse_message(header, chain)

    def _sealed(self, kind: ExchangeType, message_id: int, payloads: list[Payload]) -> bytes:
        first, chain = build_chain(payloads)
        plain = cipher.pad(chain, self._block_size)
        ciphertext = cipher.encrypt(self.suite.encryption, self._phase1.key, self._iv, plain)
        self._iv = ciphertext[-self._block_size :]
        length = HEADER_SIZE + len(ciphertext)
        return Header(self._CKY_I, self._CKY_R, first, kind, Flags.ENCRYPTION, message_id, length).build() + ciphertext

    def _exchanged(self, octets: bytes) -> bytes:
        self._send(octets)
        if not self.gateway.network.flying:
            raise Refused(f"no answer: {self.gateway.failures}")
        answer = self.gateway.network.flying.popleft()
        header = Header.parse(answer.octets)
        if header.exchange == ExchangeType.INFORMATIONAL and not header.encrypted:
            told = parse_message(header, answer.octets[HEADER_SIZE:]).one(Notification)
            raise Refused(f"notification {told.type}: {self.gateway.failures}")
        return answer.octets

    def _send(self, octets: bytes) -> None:
        host, port = self.seen_at
        if self.port == ENCAPSULATED:
            port = ENCAPSULATED if port == 500 else port
        self.gateway.takes(octets, UdpPath(self.gateway.address, self.port, host, port))
        for asked in self.gateway.questions[:]:
            self.gateway.is_told(verdict_on(asked, NOW))
