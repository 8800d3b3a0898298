"""Decryption of captured messages: finding the key and the IV (RFC 2409 Appendix B).

A capture does not show which messages the peers received, so all possible IVs of a message are tried: the last block of
each earlier message of the exchange, and the initial IV of the exchange. This tolerates retransmissions, losses and
reordering. If no IV fits, the previous message is missing from the capture. All blocks but the first can still be
decrypted, and the first is known to contain the header of a HASH payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ikev1.capture.decrypt.conversation_keys import Candidates, Secrets
from ikev1.capture.decrypt.phase1_values import Phase1
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.core.records.exchange import Role
from ikev1.crypto import cipher, keymat
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.hashes import digest_size
from ikev1.wire.chain import GENERIC_HEADER, GENERIC_HEADER_SIZE
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.registry import ExchangeType, PayloadType

_LONGEST_BLOCK = 16
_MOST_BLOCKS = 16  # last blocks kept per exchange
_MOST_CANDIDATES = 512  # candidate keys tried per message

# The possible payload types after the HASH, if the first block is unknown (RFC 2409 §5.5 to §5.7)
_AFTER_HASH: dict[int, tuple[int, ...]] = {
    ExchangeType.QUICK_MODE: (PayloadType.SECURITY_ASSOCIATION, PayloadType.NONE),
    ExchangeType.INFORMATIONAL: (PayloadType.NOTIFICATION, PayloadType.DELETE),
    ExchangeType.TRANSACTION: (PayloadType.ATTRIBUTES,),
    ExchangeType.NEW_GROUP_MODE: (PayloadType.SECURITY_ASSOCIATION,),
}


class DecryptedMessage(NamedTuple):
    """A decrypted message. ``message`` is None if it is malformed, and ``problem`` is the reason.

    ``after`` is the IV, the last block of the previous message of the exchange. It is empty for the first message, and
    None if the previous message is missing from the capture, so that the first block could not be decrypted.
    """

    plaintext: bytes  # without the header
    message: Message | None
    after: bytes | None
    problem: str = ""


class MessageDecryptor:
    """Decrypts the messages of one conversation. ``secrets`` are set by the first successful decryption."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._candidates = Candidates(key_ring)
        self.secrets: Secrets | None = None
        self._last_blocks: dict[int, list[bytes]] = {}  # by message ID, 0 being phase 1; each of _LONGEST_BLOCK octets

    def remember(self, header: Header, octets: bytes) -> None:
        """Keep the last block of an encrypted message: it is the IV of the next one."""
        blocks = self._last_blocks.setdefault(header.message_id, [])
        blocks.append(octets[HEADER_SIZE:][-_LONGEST_BLOCK:])
        del blocks[:-_MOST_BLOCKS]

    def decrypt(self, header: Header, octets: bytes, phase1: Phase1) -> DecryptedMessage | None:
        """Decrypt a message; None if no key fits."""
        chain = octets[HEADER_SIZE:]
        if self.secrets is not None:
            return self._decrypt_with(self.secrets, header, chain, phase1)
        found = self._candidates.of(phase1, header.CKY_I, header.CKY_R)
        for secrets in islice(found, _MOST_CANDIDATES):
            opened = self._decrypt_with(secrets, header, chain, phase1)
            if opened is not None and opened.message is not None:
                self.secrets = secrets
                return opened
        return None

    def _decrypt_with(self, secrets: Secrets, header: Header, chain: bytes, phase1: Phase1) -> DecryptedMessage | None:
        try:
            context = cipher.cbc(secrets.encryption, secrets.encryption_key)
            ivs = list(self._ivs(secrets, header.message_id, context.block_size, phase1))
            plaintexts = [(context.decrypt(iv, chain), after) for iv, after in ivs]
            blind = context.decrypt(bytes(context.block_size), chain)
            hash_length = digest_size(secrets.hash)
        except CryptoError:
            return None
        certain = self.secrets is not None
        malformed: DecryptedMessage | None = None
        for plaintext, after in plaintexts:
            try:
                return DecryptedMessage(plaintext, parse_message(header, plaintext), after)
            except WireError as error:
                if certain and malformed is None and _begins_well(plaintext):
                    malformed = DecryptedMessage(plaintext, None, after, str(error))
        return _without_first_block(header, blind, hash_length, context.block_size, certain) or malformed

    def _ivs(self, secrets: Secrets, message_id: int, block_size: int, phase1: Phase1) -> Iterator[tuple[bytes, bytes]]:
        """Candidate IVs, the newest first, each with the block of the same exchange that it comes from."""
        for block in reversed(self._last_blocks.get(message_id, [])):
            if len(block) >= block_size:
                yield block[-block_size:], block
        beginnings = [block[-block_size:] for block in reversed(self._last_blocks.get(0, []))]
        if len(phase1.public) == 2:
            g_xi, g_xr = phase1.public[Role.INITIATOR], phase1.public[Role.RESPONDER]
            beginnings.append(keymat.phase1_iv(secrets.hash, g_xi, g_xr, block_size))
        if not message_id:
            yield from [(iv, b"") for iv in beginnings[-1:]]
            return
        for block in beginnings:
            yield keymat.phase2_iv(secrets.hash, block, message_id, block_size), b""


def _begins_well(plaintext: bytes) -> bool:
    """Whether the generic header of the first payload is plausible, which random octets rarely are."""
    _, reserved, length = GENERIC_HEADER.unpack_from(plaintext)
    return bool(reserved == 0 and GENERIC_HEADER_SIZE <= length <= len(plaintext))


def _without_first_block(
    header: Header, blind: bytes, hash_length: int, block_size: int, certain: bool
) -> DecryptedMessage | None:
    """Parse a message whose first block is unknown, assuming it begins with a HASH payload.

    A lone HASH payload would fit any key, so it is accepted only if the key is ``certain``.
    """
    if header.next_payload != PayloadType.HASH:
        return None
    length = GENERIC_HEADER_SIZE + hash_length
    for following in _AFTER_HASH.get(header.exchange, ()):
        plaintext = GENERIC_HEADER.pack(following, 0, length).ljust(block_size, b"\0") + blind[block_size:]
        if following == PayloadType.NONE and not (certain and 0 <= len(plaintext) - length < block_size):
            continue
        try:
            return DecryptedMessage(plaintext, parse_message(header, plaintext), None)
        except WireError:
            continue
    return None
