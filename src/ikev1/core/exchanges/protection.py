"""Protection of messages: the HASH payload of phase 2 and encryption (RFC 2409 §5.5, §5.7, Appendix B)."""

from __future__ import annotations

import hmac
import struct

from ikev1.core.exchanges.payload_grammar import PayloadGrammar
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeSa, Keys
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.crypto import cipher, hashes, keymat
from ikev1.wire.chain import GENERIC_HEADER, GENERIC_HEADER_SIZE, parse_chain, walk_chain
from ikev1.wire.errors import WireError
from ikev1.wire.header import ENCRYPTION, HEADER_SIZE, Header, build_header
from ikev1.wire.message import MAX_PAYLOADS, Message, build_chain, parse_message, parse_unproved, parse_walked
from ikev1.wire.payloads import Hash, Notification, Payload, parse_body
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType

_SMALLEST_NOTIFY = 12  # octets, generic header included, without SPI and data (RFC 2408 §3.14)
_ENOUGH_OF_HASH = 4  # octets of a HASH that suffice to authenticate an error message
_HASH = PayloadType.HASH.value
_GENERIC_HEADER = struct.Struct("!BxH")


def keys_of(sa: IkeSa) -> Keys:
    """The keys of ``sa``.

    Raises:
        Refusal: no keys are negotiated yet.
    """
    if sa.keys is None:
        raise Refusal(
            Code.MALFORMED, "received an encrypted message before keys were negotiated", notify=NotifyType.INVALID_FLAGS
        )
    return sa.keys


def _cipher_of(sa: IkeSa) -> cipher.Cipher:
    """The cipher with the keys of ``sa``. Raises Refusal: no keys are negotiated yet."""
    keys = keys_of(sa)
    return cipher.cbc(sa.suite.encryption, keys.encryption_key)


def as_established(sa: IkeSa, last_block: bytes) -> IkeSa:
    """``sa`` as if ``last_block`` were the last ciphertext block of phase 1, from which the IVs of phase 2 derive."""
    return replace(sa, keys=replace(keys_of(sa), last_block=last_block))


def phase2_iv(sa: IkeSa, message_id: int) -> bytes:
    """The IV of the first message of the exchange ``message_id`` (RFC 2409 Appendix B)."""
    block_size = cipher.block_size(sa.suite.encryption)
    return keymat.phase2_iv(sa.suite.hash, keys_of(sa).last_block, message_id, block_size)


def phase2_hash(sa: IkeSa, exchange: Exchange, number: int, rest: bytes) -> bytes:
    """HASH(1), HASH(2) or HASH(3) of ``exchange``; ``rest`` is the payloads after HASH (RFC 2409 §5.5)."""
    algorithm, SKEYID_a, message_id = sa.suite.hash, keys_of(sa).SKEYID_a, exchange.message_id
    if number == 1:
        return keymat.HASH_1(algorithm, SKEYID_a, message_id, rest)
    share = present(exchange.quick).share
    if number == 2:
        return keymat.HASH_2(algorithm, SKEYID_a, message_id, share.Ni_b, rest)
    return keymat.HASH_3(algorithm, SKEYID_a, message_id, share.Ni_b, share.Nr_b)


def seal(
    sa: IkeSa, exchange: Exchange, kind: ExchangeType, grammar: PayloadGrammar, payloads: list[Payload]
) -> tuple[bytes, bytes, list[Payload]]:
    """Build the datagram of the next message of ``exchange`` with ``payloads``.

    Returns:
        The datagram, the IV of the following message, and the payloads, with HASH before them if the grammar has one.
    """
    first, chain = build_chain(payloads)
    if grammar.hash:
        digest = phase2_hash(sa, exchange, grammar.hash, chain)
        chain = _GENERIC_HEADER.pack(first, 4 + len(digest)) + digest + chain
        first = _HASH
        payloads = [Hash(digest), *payloads]
    if not grammar.encrypted:
        header = build_header(sa.CKY_I, sa.CKY_R, first, kind, 0, exchange.message_id, HEADER_SIZE + len(chain))
        return header + chain, exchange.iv, payloads
    context = _cipher_of(sa)
    ciphertext = context.encrypt(exchange.iv, cipher.pad(chain, context.block_size))
    # RFC 2409 Appendix B: "The message length in the header MUST include the length of the pad"
    length = HEADER_SIZE + len(ciphertext)
    header = build_header(sa.CKY_I, sa.CKY_R, first, kind, ENCRYPTION, exchange.message_id, length)
    return header + ciphertext, ciphertext[-context.block_size :], payloads


def in_the_clear(datagram: bytes, payloads: list[Payload]) -> Message:
    """The message that `seal` built, for `MessageSeen`; its bodies are omitted."""
    return Message(Header.parse(datagram), tuple(payloads), (), b"")


def open_message(
    sa: IkeSa, iv: bytes, header: Header, datagram: bytes, hidden: frozenset[int] = frozenset()
) -> tuple[Message, bytes]:
    """Decrypt and parse ``datagram``; return the message, and the IV of the following one. Payloads of the types
    ``hidden`` have separately encrypted bodies, which are not decrypted.

    Raises:
        WireError: the content, once decrypted, is not a chain of payloads.
        Refusal: the message is encrypted and no keys are negotiated yet, or its length is not a multiple of the block
            size.
    """
    if not header.encrypted:
        return parse_unproved(header, datagram[HEADER_SIZE : header.length], hidden), iv
    chain, next_iv = _decrypted(sa, iv, header, datagram)
    return parse_message(header, chain, hidden), next_iv


def begins_well(sa: IkeSa, exchange: Exchange, datagram: bytes) -> bool:
    """Whether an encrypted message of phase 1 decrypts to a valid first payload header, unlikely with wrong keys."""
    context = _cipher_of(sa)
    ciphertext = datagram[HEADER_SIZE:]
    _, reserved, length = GENERIC_HEADER.unpack_from(context.decrypt(exchange.iv, ciphertext[: context.block_size]))
    return bool(reserved == 0 and GENERIC_HEADER_SIZE <= length <= len(ciphertext))


def open_proved(sa: IkeSa, exchange: Exchange, number: int, header: Header, datagram: bytes) -> tuple[Message, bytes]:
    """Decrypt, verify and parse the message of phase 2 in ``datagram``; return the message, and the IV of the following
    one.

    HASH(``number``) is verified before the other payloads are parsed: any other fault of the message is the peer's.

    Raises:
        Unproved: the message is not authentic.
        WireError: the message is authentic, but a payload is malformed.
    """
    if not header.encrypted:
        raise Unproved("it is not encrypted")
    try:
        chain, next_iv = _decrypted(sa, exchange.iv, header, datagram)
        walked = types, bodies, end = walk_chain(chain, header.next_payload, MAX_PAYLOADS)
    except (Refusal, WireError) as error:
        raise Unproved("it cannot be decrypted") from error
    if not types or types[0] != _HASH:
        raise Unproved("its first payload is not HASH")
    expected = phase2_hash(sa, exchange, number, chain[GENERIC_HEADER_SIZE + len(bodies[0]) : end])
    if not hmac.compare_digest(expected, bodies[0]):
        raise Unproved(f"HASH({number}) is wrong")
    return parse_walked(header, chain, walked), next_iv


def may_hold_notify(sa: IkeSa, datagram: bytes) -> bool:
    """Whether an encrypted ``datagram`` is long enough for HASH and a notification, and has whole blocks."""
    length = len(datagram) - HEADER_SIZE
    least = GENERIC_HEADER_SIZE + _hash_size(sa) + _SMALLEST_NOTIFY
    return length >= least and length % _cipher_of(sa).block_size == 0


def notify_behind_wrong_iv(sa: IkeSa, exchange: Exchange, datagram: bytes) -> Notification | None:
    """The notification in an Informational that was encrypted with the right key and a wrong IV, None if it is not one.

    A wrong IV changes only the first block. The rest of the HASH after that block shows that the peer has our keys.
    pluto up to version 5.1 encrypts its errors of phase 1 in this way.
    """
    context = _cipher_of(sa)
    size, start = _hash_size(sa), GENERIC_HEADER_SIZE + _hash_size(sa)
    if not may_hold_notify(sa, datagram) or start - context.block_size < _ENOUGH_OF_HASH:
        return None
    plain = context.decrypt(exchange.iv, datagram[HEADER_SIZE:])
    try:
        payloads, _, end = parse_chain(plain[start:], PayloadType.NOTIFICATION, 1, parse_body)
    except WireError:
        return None
    expected = phase2_hash(sa, exchange, 1, plain[start : start + end])
    left = start - context.block_size
    right = hmac.compare_digest(expected[size - left :], plain[context.block_size : start])
    (payload,) = payloads
    return payload if right and isinstance(payload, Notification) else None


def _hash_size(sa: IkeSa) -> int:
    return hashes.digest_size(sa.suite.hash)


def _decrypted(sa: IkeSa, iv: bytes, header: Header, datagram: bytes) -> tuple[bytes, bytes]:
    """Decrypt an encrypted message; return the plaintext after the header, and the last block of ciphertext.

    Raises:
        Refusal: no keys are negotiated yet, or the length is not a multiple of the block size.
    """
    context = _cipher_of(sa)
    ciphertext = datagram[HEADER_SIZE : header.length]
    if not ciphertext or len(ciphertext) % context.block_size:
        raise Refusal(
            Code.MALFORMED,
            f"{len(ciphertext)} encrypted octets are not a multiple of the block size {context.block_size}",
            notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        )
    return context.decrypt(iv, ciphertext), ciphertext[-context.block_size :]
