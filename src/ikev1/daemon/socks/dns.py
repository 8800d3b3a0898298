"""Questions to a name server, and what its answers say (RFC 1035): addresses only. No sockets.

The resolver of the C library is not used: it asks the servers of this host, and daemons of it by Unix sockets, and so
would reveal names outside the tunnel.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

A, AAAA = 1, 28  # RFC 1035 §3.2.2, RFC 3596 §2.1
_CNAME, _INTERNET = 5, 1
_HEADER = 12
_RECURSION_DESIRED = 0x0100
_RESPONSE, _TRUNCATED, _RCODE = 0x8000, 0x0200, 0x000F
_NO_SUCH_NAME = 3
_LONGEST_LABEL, _LONGEST_NAME = 63, 255
_POINTER = 0xC0
_MOST_POINTERS = 32  # in one name
_MOST_RECORDS = 256
_MOST_ALIASES = 16


class Answer(NamedTuple):
    """What a server says. ``known`` is False if it cannot answer, and another server may; with ``truncated``, the whole
    answer is to be had by TCP.
    """

    addresses: tuple[str, ...] = ()
    known: bool = True
    truncated: bool = False


def question(identifier: int, name: str, kind: int) -> bytes | None:
    """A query for the addresses of ``name``, by recursion; None if no host can have such a name."""
    encoded = _encode(name)
    if encoded is None:
        return None
    header = b"".join(number.to_bytes(2) for number in (identifier, _RECURSION_DESIRED, 1, 0, 0, 0))
    return header + encoded + kind.to_bytes(2) + _INTERNET.to_bytes(2)


def _encode(name: str) -> bytes | None:
    octets = b""
    for label in name.removesuffix(".").split("."):
        try:
            part = label.encode("ascii")
        except UnicodeEncodeError:
            return None
        if not 0 < len(part) <= _LONGEST_LABEL:
            return None
        octets += bytes((len(part),)) + part
    octets += b"\0"
    return octets if len(octets) <= _LONGEST_NAME else None


def answer_to(query: bytes, octets: bytes) -> Answer | None:
    """What ``octets`` answer to ``query``; None if they are not an answer to it (RFC 5452 §9.1)."""
    if len(octets) < _HEADER or octets[:2] != query[:2]:
        return None
    flags, questions, answers = (int.from_bytes(octets[at : at + 2]) for at in (2, 4, 6))
    if not flags & _RESPONSE or questions != 1:
        return None
    try:
        name, at = _name(octets, _HEADER)
        asked, end = _name(query, _HEADER)
        if name != asked or octets[at : at + 4] != query[end : end + 4]:
            return None
        if flags & _RCODE:
            return Answer(known=flags & _RCODE == _NO_SUCH_NAME)
        if flags & _TRUNCATED:
            return Answer(truncated=True)
        kind = int.from_bytes(query[end : end + 2])
        return Answer(_addresses(octets, at + 4, min(answers, _MOST_RECORDS), name, kind))
    except ValueError:
        return Answer(known=False)


def _addresses(octets: bytes, at: int, count: int, name: bytes, kind: int) -> tuple[str, ...]:
    """The addresses of ``name`` in the answer section, which may be those of its canonical name (RFC 1034 §3.6.2)."""
    found: list[tuple[bytes, bytes]] = []
    aliases: dict[bytes, bytes] = {}
    for _ in range(count):
        owner, at = _name(octets, at)
        end = at + 10 + int.from_bytes(octets[at + 8 : at + 10])
        if end > len(octets):
            raise ValueError("malformed")
        record, of = int.from_bytes(octets[at : at + 2]), int.from_bytes(octets[at + 2 : at + 4])
        data = octets[at + 10 : end]
        if of == _INTERNET and record == _CNAME:
            aliases[owner] = _name(octets, at + 10)[0]
        elif of == _INTERNET and record == kind and len(data) == (4 if kind == A else 16):
            found.append((owner, data))
        at = end
    names = {name}
    for _ in range(_MOST_ALIASES):
        if name not in aliases:
            break
        name = aliases[name]
        names.add(name)
    return tuple(str(ip_address(data)) for owner, data in found if owner in names)


def _name(octets: bytes, at: int) -> tuple[bytes, int]:
    """The name at ``at``, in lower case, and the place after it (RFC 1035 §4.1.4)."""
    labels: list[bytes] = []
    size, after = 0, 0
    for _ in range(_MOST_POINTERS + _LONGEST_NAME):
        if at >= len(octets):
            raise ValueError("malformed")
        length = octets[at]
        if length & _POINTER == _POINTER:
            if at + 2 > len(octets):
                raise ValueError("malformed")
            after = after or at + 2
            at = int.from_bytes(octets[at : at + 2]) & 0x3FFF
            continue
        if length > _LONGEST_LABEL or at + 1 + length > len(octets):
            raise ValueError("malformed")
        at += 1 + length
        if not length:
            return b".".join(labels), after or at
        labels.append(octets[at - length : at].lower())
        size += 1 + length
        if size >= _LONGEST_NAME:
            raise ValueError("malformed")
    raise ValueError("malformed")
