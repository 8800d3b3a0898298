"""What a SOCKS5 client and the proxy say before data flows (RFC 1928, RFC 1929). It only reads, writes and decides."""

from __future__ import annotations

import hmac
from asyncio import StreamReader
from collections.abc import Callable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from ikev1.daemon.socks.orders import Login

_VERSION, _LOGIN_VERSION = 5, 1
_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NO_ACCEPTABLE_METHODS = 0x00, 0x02, 0xFF  # RFC 1928 §3
_CONNECT = 1  # §4
_IPV4, _DOMAIN, _IPV6 = 1, 3, 4  # §5
_LOGIN_SUCCEEDED, _LOGIN_FAILED = 0, 1  # RFC 1929 §2


class Reply(IntEnum):
    """The field REP (RFC 1928 §6)."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class Target(NamedTuple):
    """What a client wants to reach: a host, an address or a name in text, and a TCP port."""

    host: str
    port: int


Write = Callable[[bytes], None]


async def negotiate(reader: StreamReader, write: Write, login: Login) -> Target | None:
    """Read the request of a client; None if it was refused, and told so where the protocol has an answer.

    Raises:
        EOFError: the client closed the connection.
    """
    version, count = await reader.readexactly(2)
    if version != _VERSION:
        return None  # SOCKS4 or something else; no answer of ours would be understood
    method = _USER_AND_PASSWORD if login.required else _NO_AUTHENTICATION
    if method not in await reader.readexactly(count):
        write(bytes((_VERSION, _NO_ACCEPTABLE_METHODS)))
        return None
    write(bytes((_VERSION, method)))
    if login.required and not await _logged_in(reader, write, login):
        return None
    version, command, _, kind = await reader.readexactly(4)
    if version != _VERSION:
        return None
    if kind not in (_IPV4, _DOMAIN, _IPV6):  # its length is not known
        write(reply(Reply.ADDRESS_TYPE_NOT_SUPPORTED))
        return None
    host = await _host(reader, kind)
    port = int.from_bytes(await reader.readexactly(2))
    if command != _CONNECT:
        write(reply(Reply.COMMAND_NOT_SUPPORTED))
        return None
    if host is None or not port:
        write(reply(Reply.GENERAL_FAILURE))
        return None
    return Target(host, port)


async def _logged_in(reader: StreamReader, write: Write, login: Login) -> bool:
    version, length = await reader.readexactly(2)
    if version != _LOGIN_VERSION:
        return False
    user = await reader.readexactly(length)
    (length,) = await reader.readexactly(1)
    password = await reader.readexactly(length)
    # both are compared, so that the time does not tell which one is wrong
    right = hmac.compare_digest(user, login.user) & hmac.compare_digest(password, login.password)
    write(bytes((_LOGIN_VERSION, _LOGIN_SUCCEEDED if right else _LOGIN_FAILED)))
    return right


async def _host(reader: StreamReader, kind: int) -> str | None:
    """The address or name; None if it is not printable ASCII."""
    if kind != _DOMAIN:
        return str(ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))
    (length,) = await reader.readexactly(1)
    name = await reader.readexactly(length)
    if not name or not all(0x21 <= octet <= 0x7E for octet in name):
        return None
    return name.decode("ascii")


def reply(code: Reply, bound: tuple[str, int] = ("0.0.0.0", 0)) -> bytes:  # noqa: S104  the field has to have a value
    """The reply to a request, with the address and port from which the proxy has connected (RFC 1928 §6)."""
    address = ip_address(bound[0])
    kind = _IPV4 if isinstance(address, IPv4Address) else _IPV6
    return bytes((_VERSION, code, 0, kind)) + address.packed + bound[1].to_bytes(2)


def as_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that ``host`` is in text; None if it is a name. Some clients send addresses as names."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
