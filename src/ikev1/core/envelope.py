"""From payloads to a datagram and back: the HASH in front, the cipher around (RFC 2409 §5.5, §5.7, Appendix B)."""

from __future__ import annotations

import struct

from ikev1.core.events import Code
from ikev1.core.model import Exchange, IkeSa, Keys
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.shape import Shape
from ikev1.crypto import cipher, keymat
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, build_chain, parse_message, parse_unproved
from ikev1.wire.payloads import Hash, Payload
from ikev1.wire.registry import ExchangeType, Flags, NotifyType, PayloadType

__all__ = ["as_established", "in_the_clear", "open_message", "phase2_hash", "phase2_iv", "seal"]

_GENERIC_HEADER = struct.Struct("!BxH")


def keys_of(sa: IkeSa) -> Keys:
    """The keys of ``sa``.

    Raises:
        Refusal: there are none yet.
    """
    if sa.keys is None:
        raise Refusal(
            Code.MALFORMED, "an encrypted message came before there were keys", notify=NotifyType.INVALID_FLAGS
        )
    return sa.keys


def _cipher_of(sa: IkeSa) -> cipher.Cipher:
    """What en- and decrypts under the keys of ``sa``. Raises Refusal: there are none yet."""
    keys = keys_of(sa)
    assert sa.chosen is not None
    return cipher.cbc(sa.chosen.suite.encryption, keys.encryption_key)


def hash_of(sa: IkeSa) -> int:
    """The negotiated hash algorithm of ``sa``, which must have been chosen."""
    assert sa.chosen is not None
    return sa.chosen.suite.hash


def as_established(sa: IkeSa, last_block: bytes) -> IkeSa:
    """``sa`` as if phase 1 had ended with ``last_block`` of ciphertext, from which later IVs come."""
    return replace(sa, keys=replace(keys_of(sa), last_block=last_block))


def phase2_iv(sa: IkeSa, message_id: int) -> bytes:
    """The IV of the first message of the exchange ``message_id`` (RFC 2409 Appendix B)."""
    assert sa.chosen is not None
    block_size = cipher.block_size(sa.chosen.suite.encryption)
    return keymat.phase2_iv(sa.chosen.suite.hash, keys_of(sa).last_block, message_id, block_size)


def phase2_hash(sa: IkeSa, exchange: Exchange, number: int, rest: bytes) -> bytes:
    """HASH(1), HASH(2) or HASH(3) of ``exchange``; ``rest`` is what follows the HASH payload (RFC 2409 §5.5)."""
    algorithm, SKEYID_a, message_id = hash_of(sa), keys_of(sa).SKEYID_a, exchange.message_id
    if number == 1:
        return keymat.HASH_1(algorithm, SKEYID_a, message_id, rest)
    assert exchange.quick is not None
    share = exchange.quick.share
    if number == 2:
        return keymat.HASH_2(algorithm, SKEYID_a, message_id, share.Ni_b, rest)
    return keymat.HASH_3(algorithm, SKEYID_a, message_id, share.Ni_b, share.Nr_b)


def seal(
    sa: IkeSa, exchange: Exchange, kind: ExchangeType, shape: Shape, payloads: list[Payload]
) -> tuple[bytes, bytes, list[Payload]]:
    """The datagram that carries ``payloads`` as the next message of ``exchange``.

    Returns:
        The datagram, the IV for the message after it, and the payloads with the HASH, if there is one, before them.
    """
    first, chain = build_chain(payloads)
    if shape.hash:
        digest = phase2_hash(sa, exchange, shape.hash, chain)
        chain = _GENERIC_HEADER.pack(first, 4 + len(digest)) + digest + chain
        first = PayloadType.HASH
        payloads = [Hash(digest), *payloads]
    if not shape.encrypted:
        header = Header(sa.CKY_I, sa.CKY_R, first, kind, 0, exchange.message_id, HEADER_SIZE + len(chain))
        return header.build() + chain, exchange.iv, payloads
    context = _cipher_of(sa)
    ciphertext = context.encrypt(exchange.iv, cipher.pad(chain, context.block_size))
    # RFC 2409 Appendix B: "The message length in the header MUST include the length of the pad"
    header = Header(
        sa.CKY_I, sa.CKY_R, first, kind, Flags.ENCRYPTION, exchange.message_id, HEADER_SIZE + len(ciphertext)
    )
    return header.build() + ciphertext, ciphertext[-context.block_size :], payloads


def in_the_clear(datagram: bytes, payloads: list[Payload]) -> Message:
    """What `seal` made, for those who watch; nobody asks a message of ours for its octets."""
    return Message(Header.parse(datagram), tuple(payloads), (), b"")


def open_message(
    sa: IkeSa, iv: bytes, header: Header, datagram: bytes, hidden: frozenset[int] = frozenset()
) -> tuple[Message, bytes]:
    """The message in ``datagram``, and the IV for the one after it; payloads of the types ``hidden`` are encrypted on
    their own, whether or not the message is, and stay so.

    Raises:
        WireError: what is inside, once decrypted, is no chain of payloads.
        Refusal: it is encrypted and there are no keys yet, or not in whole blocks.
    """
    chain = datagram[HEADER_SIZE : header.length]
    if not header.encrypted:
        return parse_unproved(header, chain, hidden), iv
    context = _cipher_of(sa)
    if not chain or len(chain) % context.block_size:
        raise Refusal(
            Code.MALFORMED,
            f"{len(chain)} encrypted octets are not whole blocks of {context.block_size}",
            notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        )
    return parse_message(header, context.decrypt(iv, chain), hidden), chain[-context.block_size :]
