"""A classic BPF program that makes the kernel drop packets that are neither IKE nor ESP.

It starts at the IP header and, like `prefilter`, accepts every packet that it cannot classify.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable

from ikev1.capture.read.network import AH, ESP, EXTENSION_HEADERS, IPV4_FRAGMENT, UDP

SO_ATTACH_FILTER = 26  # linux/asm-generic/socket.h
EVERYTHING = 0x40000  # octets kept of each packet

# linux/bpf_common.h
LOAD_OCTET, LOAD_HALF, LOAD_HALF_AT_X = 0x30, 0x28, 0x48
X_IS_IPV4_HEADER_SIZE = 0xB1
SHIFT_RIGHT = 0x74
JUMP, JUMP_IF_EQUAL, JUMP_IF_SET = 0x05, 0x15, 0x45
RETURN = 0x06

Instruction = tuple[int, int, int, int]
"""Operation, instructions to skip if true, instructions to skip if false, operand."""

TAKE: Instruction = (RETURN, 0, 0, EVERYTHING)
DROP: Instruction = (RETURN, 0, 0, 0)


def _take_if_one_of(numbers: Iterable[int]) -> list[Instruction]:
    return [step for number in sorted(numbers) for step in ((JUMP_IF_EQUAL, 0, 1, number), TAKE)]


def _ipv4(ports: frozenset[int]) -> list[Instruction]:
    return [
        (LOAD_OCTET, 0, 0, 9),  # protocol
        *_take_if_one_of((ESP, AH)),
        (JUMP_IF_EQUAL, 1, 0, UDP),
        DROP,
        (LOAD_HALF, 0, 0, 6),  # flags and fragment offset
        (JUMP_IF_SET, 0, 1, IPV4_FRAGMENT),
        TAKE,
        (X_IS_IPV4_HEADER_SIZE, 0, 0, 0),
        (LOAD_HALF_AT_X, 0, 0, 0),  # source port
        *_take_if_one_of(ports),
        (LOAD_HALF_AT_X, 0, 0, 2),  # destination port
        *_take_if_one_of(ports),
        DROP,
    ]


def _ipv6(ports: frozenset[int]) -> list[Instruction]:
    return [
        (LOAD_OCTET, 0, 0, 6),  # next header
        *_take_if_one_of({ESP, AH} | EXTENSION_HEADERS),
        (JUMP_IF_EQUAL, 1, 0, UDP),
        DROP,
        (LOAD_HALF, 0, 0, 40),  # source port
        *_take_if_one_of(ports),
        (LOAD_HALF, 0, 0, 42),  # destination port
        *_take_if_one_of(ports),
        DROP,
    ]


def _program(ports: frozenset[int]) -> list[Instruction]:
    ipv4 = _ipv4(ports)
    return [
        (LOAD_OCTET, 0, 0, 0),
        (SHIFT_RIGHT, 0, 0, 4),  # version
        (JUMP_IF_EQUAL, 0, 1, 6),
        (JUMP, 0, 0, 2 + len(ipv4)),
        (JUMP_IF_EQUAL, 1, 0, 4),
        DROP,
        *ipv4,
        *_ipv6(ports),
    ]


def attach_filter(receiver: socket.socket, ports: frozenset[int]) -> None:
    """Attach the filter for IKE on the UDP ports ``ports`` to ``receiver``, whose packets begin with the IP header.

    Raises OSError.
    """
    program = _program(ports)
    octets = ctypes.create_string_buffer(b"".join([struct.pack("=HBBI", *step) for step in program]))
    receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(octets)))
