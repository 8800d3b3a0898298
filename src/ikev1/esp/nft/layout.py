"""Messages, rules and expressions of nf_tables in netlink (<linux/netfilter/nf_tables.h>).

Only what `ikev1.esp.nft.ruleset` needs, and of that nothing but expressions that every kernel with nf_tables has.
Numbers are in network byte order, unless a comment says otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from ikev1.esp.netlink import CREATE, attribute

SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
GROUP = 7  # NFNLGRP_NFTABLES
_INET = 1  # NFPROTO_INET: rules for both IP versions
_BASE_POLICY_ACCEPT = 1
_ELEMENTS_AT_ONCE = 256  # what is nested has at most 65,535 octets
_NESTED = 0x8000
FIRST_REGISTER = 8  # NFT_REG32_00; 16 of 4 octets follow one another
_VERDICT = 0  # the register
_DROP, _ACCEPT, _JUMP, _RETURN = 0, 1, -3, -5
_COUNTER_OBJECT = 1


class Kind(IntEnum):
    """Types of messages (NFT_MSG_...)."""

    NEW_TABLE = 0
    DELETE_TABLE = 2
    NEW_CHAIN = 3
    DELETE_CHAIN = 5
    NEW_RULE = 6
    DELETE_RULE = 8
    NEW_SET = 9
    DELETE_SET = 11
    NEW_ELEMENTS = 12
    DELETE_ELEMENTS = 14
    NEW_OBJECT = 18
    GET_OBJECT = 19
    DELETE_OBJECT = 20


class Hook(IntEnum):
    """The hooks of the kernel for packets (NF_INET_...)."""

    PREROUTING = 0
    INPUT = 1
    FORWARD = 2
    OUTPUT = 3


class Meta(IntEnum):
    """Metadata of a packet (NFT_META_...)."""

    MARK = 3
    INPUT_DEVICE = 6
    OUTPUT_DEVICE = 7
    VERSION = 15
    PROTOCOL = 16
    DECRYPTED = 25  # SECPATH: whether an IPsec SA of the kernel has decrypted it


class Connection(IntEnum):
    """The data of connection tracking about a packet (NFT_CT_...)."""

    MARK = 3
    ZONE = 17


class Compare(IntEnum):
    """How a register compares to octets (NFT_CMP_...)."""

    EQUAL = 0
    UNEQUAL = 1
    AT_MOST = 3
    AT_LEAST = 5


class Message(NamedTuple):
    """One step of a transaction."""

    kind: Kind
    flags: int
    body: bytes


def batch_mark() -> bytes:
    """The body of the messages at the beginning and the end of a transaction."""
    return struct.pack("!BBH", 0, 0, SUBSYSTEM)


def _message(kind: Kind, flags: int, *details: bytes) -> Message:
    return Message(kind, flags, struct.pack("!BBH", _INET, 0, 0) + b"".join(details))


def _text(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!I", value & 0xFFFF_FFFF))


def _nest(kind: int, *inside: bytes) -> bytes:
    return attribute(kind | _NESTED, b"".join(inside))


def add_table(table: str) -> Message:
    """Add a table, unless it exists."""
    return _message(Kind.NEW_TABLE, CREATE, _text(1, table))


def delete_table(table: str) -> Message:
    """Delete a table and its content."""
    return _message(Kind.DELETE_TABLE, 0, _text(1, table))


def add_chain(table: str, chain: str, hook: Hook | None = None, priority: int = 0, kind: str = "filter") -> Message:
    """Add a chain for packets at ``hook``, or one for jumps; ``kind`` is ``filter``, ``route`` (packets whose mark it
    changes are routed again) or ``nat``.
    """
    details = [_text(1, table), _text(3, chain)]
    if hook is not None:
        details += [_nest(4, _number(1, hook), _number(2, priority)), _number(5, _BASE_POLICY_ACCEPT)]
        details.append(_text(7, kind))
    return _message(Kind.NEW_CHAIN, CREATE, *details)


def flush_chain(table: str, chain: str) -> Message:
    """Delete the rules of a chain."""
    return _message(Kind.DELETE_RULE, 0, _text(1, table), _text(2, chain))


def add_counter(table: str, name: str) -> Message:
    """Add a counter for several rules, with the value 0."""
    return _message(Kind.NEW_OBJECT, CREATE, _text(1, table), _text(2, name), _number(3, _COUNTER_OBJECT), _nest(4))


def list_counters(table: str) -> bytes:
    """The body of the request for all counters of a table."""
    return struct.pack("!BBH", _INET, 0, 0) + _text(1, table) + _number(3, _COUNTER_OBJECT)


def add_set(table: str, name: str, number: int, key_type: int, key_length: int) -> Message:
    """Add a set of keys of ``key_length`` octets; nft(8) shows them as ``key_type``."""
    details = (_text(1, table), _text(2, name), _number(3, 0), _number(4, key_type), _number(5, key_length))
    # in the host's byte order, for nft(8) alone (NFTNL_UDATA_SET_KEYBYTEORDER: big endian)
    shown = attribute(13, bytes((0, 4)) + struct.pack("=I", 2))
    return _message(Kind.NEW_SET, CREATE, *details, _number(10, number), shown)


def delete_set(table: str, name: str) -> Message:
    """Delete a set, to which no rule may refer."""
    return _message(Kind.DELETE_SET, 0, _text(1, table), _text(2, name))


def add_elements(table: str, name: str, keys: Sequence[bytes]) -> Iterable[Message]:
    """Add keys to a set, which may have them already."""
    return _elements(Kind.NEW_ELEMENTS, CREATE, table, name, keys)


def delete_elements(table: str, name: str, keys: Sequence[bytes]) -> Iterable[Message]:
    """Delete keys of a set, which must have them."""
    return _elements(Kind.DELETE_ELEMENTS, 0, table, name, keys)


def _elements(kind: Kind, flags: int, table: str, name: str, keys: Sequence[bytes]) -> Iterable[Message]:
    for start in range(0, len(keys), _ELEMENTS_AT_ONCE):
        some = (_nest(1, _nest(1, attribute(1, key))) for key in keys[start : start + _ELEMENTS_AT_ONCE])
        yield _message(kind, flags, _text(1, table), _text(2, name), _nest(3, *some))


def add_rule(table: str, chain: str, *expressions: bytes) -> Message:
    """Add a rule at the end of a chain. Its expressions are evaluated in order, until one does not match."""
    append = 0x800  # NLM_F_APPEND
    rule = _nest(4, *expressions)
    return _message(Kind.NEW_RULE, CREATE | append, _text(1, table), _text(2, chain), rule)


def _expression(name: str, *details: bytes) -> bytes:
    return _nest(1, _text(1, name), _nest(2, *details))


def meta(what: Meta, register: int = FIRST_REGISTER) -> bytes:
    """Load metadata of the packet."""
    return _expression("meta", _number(1, register), _number(2, what))


def set_meta(what: Meta) -> bytes:
    """Set metadata of the packet to the first register."""
    return _expression("meta", _number(2, what), _number(3, FIRST_REGISTER))


def connection(what: Connection) -> bytes:
    """Load data of connection tracking. The rule ends for a packet without a connection."""
    return _expression("ct", _number(1, FIRST_REGISTER), _number(2, what))


def set_connection(what: Connection, *, original: bool = False) -> bytes:
    """Set data of connection tracking to the first register, with ``original`` for the original direction alone."""
    direction = attribute(3, b"\0") if original else b""
    return _expression("ct", _number(2, what), direction, _number(4, FIRST_REGISTER))


def will_be_encrypted() -> bytes:
    """Load whether an IPsec SA of the kernel will encrypt the packet, as one octet."""
    return _expression("rt", _number(1, FIRST_REGISTER), _number(2, 4))


def header_field(offset: int, length: int, *, transport: bool = False, register: int = FIRST_REGISTER) -> bytes:
    """Load octets of the IP header, or of the header after it. The rule ends for a packet without them."""
    base = 2 if transport else 1
    return _expression("payload", _number(1, register), _number(2, base), _number(3, offset), _number(4, length))


def later_fragment_v6() -> bytes:
    """Load offset and flags of the fragment header. The rule ends for a packet without one."""
    return _expression("exthdr", _number(1, FIRST_REGISTER), attribute(2, bytes((44,))), _number(3, 2), _number(4, 2))


def mask(octets: bytes, register: int = FIRST_REGISTER) -> bytes:
    """Clear the bits of a register that are not set in ``octets``."""
    kept, zero = _nest(4, attribute(1, octets)), _nest(5, attribute(1, bytes(len(octets))))
    return _expression("bitwise", _number(1, register), _number(2, register), _number(3, len(octets)), kept, zero)


def compare(octets: bytes, how: Compare = Compare.EQUAL) -> bytes:
    """End the rule unless the first register compares to ``octets`` as given."""
    return _expression("cmp", _number(1, FIRST_REGISTER), _number(2, how), _nest(3, attribute(1, octets)))


def is_in(name: str) -> bytes:
    """End the rule unless the value of the registers is in a set."""
    return _expression("lookup", _text(1, name), _number(2, FIRST_REGISTER))


def count(counter: str) -> bytes:
    """Count the packet."""
    return _expression("objref", _number(1, _COUNTER_OBJECT), _text(2, counter))


def _verdict(code: int, *chain: bytes) -> bytes:
    return _expression("immediate", _number(1, _VERDICT), _nest(2, _nest(2, _number(1, code), *chain)))


def accept() -> bytes:
    """Accept the packet; other tables still apply."""
    return _verdict(_ACCEPT)


def drop() -> bytes:
    """Drop the packet."""
    return _verdict(_DROP)


def return_() -> bytes:
    """Return to the calling chain."""
    return _verdict(_RETURN)


def jump(chain: str) -> bytes:
    """Call another chain."""
    return _verdict(_JUMP, _text(2, chain))
