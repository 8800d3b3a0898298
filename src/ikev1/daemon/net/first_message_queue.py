"""A separate receive queue for first messages of unknown peers, filled by the kernel.

Two sockets share a port, and a classic BPF program chooses between them (socket(7), SO_ATTACH_REUSEPORT_CBPF): messages
without a responder cookie, which anybody can send in large numbers, go to the second, and everything else, including
ESP and keepalives, to the first. A flood of first messages therefore fills only its own queue, and does not delay
established peers.
"""

from __future__ import annotations

import ctypes
import socket
import struct

from ikev1.esp.segments import Address

_SO_ATTACH_REUSEPORT_CBPF = 51  # linux/asm-generic/socket.h

# linux/bpf_common.h
_LOAD_WORD, _LOAD_LENGTH = 0x20, 0x80
_JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST = 0x15, 0x35
_RETURN = 0x06

_OTHERS, _STRANGERS = (_RETURN, 0, 0, 0), (_RETURN, 0, 0, 1)
_CKY_R = 8  # its place in the header
_COOKIES = 16  # octets

_Instruction = tuple[int, int, int, int]
"""Operation; instructions to pass over if true, and if false; operand."""


def _program(marker: bool) -> list[_Instruction]:
    """The program that selects the socket of a datagram; ``marker``: ISAKMP messages begin with the non-ESP marker."""
    begin = 4 if marker else 0
    return [
        # RFC 3948 §2.2: what does not begin with four zeros is ESP; a datagram too short for that ends the program,
        # which is an answer of 0
        *([(_LOAD_WORD, 0, 0, 0), (_JUMP_IF_EQUAL, 1, 0, 0), _OTHERS] if marker else []),
        (_LOAD_LENGTH, 0, 0, 0),
        (_JUMP_IF_AT_LEAST, 1, 0, begin + _COOKIES),
        _STRANGERS,
        (_LOAD_WORD, 0, 0, begin + _CKY_R),
        (_JUMP_IF_EQUAL, 0, 3, 0),
        (_LOAD_WORD, 0, 0, begin + _CKY_R + 4),
        (_JUMP_IF_EQUAL, 0, 1, 0),
        _STRANGERS,
        _OTHERS,
    ]


def steer(first: socket.socket, second: socket.socket, address: Address, *, marker: bool) -> None:
    """Bind ``second`` to ``address``, which ``first`` has, and make the kernel choose between them.

    ``first`` was bound alone, so that a port in use by another process is detected, and other processes cannot bind it
    later.

    Raises:
        OSError: the kernel does not support this.
    """
    for udp in (first, second):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    second.bind(address)
    program = _program(marker)
    octets = ctypes.create_string_buffer(b"".join([struct.pack("=HBBI", *step) for step in program]))
    attached = struct.pack("HP", len(program), ctypes.addressof(octets))
    first.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, attached)
