"""Identities: who a peer says it is (RFC 2407 §4.6.2), in strongSwan's notation."""

from __future__ import annotations

import ipaddress
from fnmatch import fnmatchcase
from functools import lru_cache

from ikev1.core.client_id import payload_of, selector_of
from ikev1.core.refusal import Refusal
from ikev1.core.selector import Selector
from ikev1.crypto import distinguished_name
from ikev1.crypto.distinguished_name import InvalidName
from ikev1.wire.payloads import Identification, parse_body
from ikev1.wire.registry import IdType, PayloadType

__all__ = ["identification", "matches", "names_several_addresses", "parse", "text_of"]

_ADDRESSES = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
_SEVERAL_ADDRESSES = frozenset(
    {IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET, IdType.IPV4_ADDR_RANGE, IdType.IPV6_ADDR_RANGE}
)
_NAMES = frozenset({IdType.FQDN, IdType.USER_FQDN})


@lru_cache(maxsize=1024)
def identification(text: str) -> Identification:
    """The payload for an identity written as people do: an address, a network or a range of addresses,
    ``name.example``, ``user@example``, ``@name`` (a name even if it does not look so), ``C=XX, O=lab, CN=alice`` (a
    distinguished name), ``@#hex`` or ``keyid:text`` (a key ID).

    Protocol and port are 0: "the ID port and protocol fields MUST be set to zero or to UDP port 500" (RFC 2407 §4.6.2),
    and with NAT traversal to 0 (RFC 3947 §4).

    Raises:
        ValueError: the text after ``@#`` is not hexadecimal, or a part of a distinguished name is not known.
    """
    if text.startswith("@#"):
        return Identification(IdType.KEY_ID, 0, 0, bytes.fromhex(text[2:]))
    if text.startswith("keyid:"):
        return Identification(IdType.KEY_ID, 0, 0, text[6:].encode())
    if text.startswith("@"):
        return Identification(IdType.FQDN, 0, 0, text[1:].encode())
    addresses = _addresses(text)
    if addresses is not None:
        return payload_of(addresses)
    if _is_dn(text):
        return Identification(IdType.DER_ASN1_DN, 0, 0, distinguished_name.from_text(text))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return Identification(IdType.USER_FQDN if "@" in text else IdType.FQDN, 0, 0, text.encode())
    return Identification(IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR, 0, 0, address.packed)


def parse(body: bytes) -> Identification:
    """The identity in the body of an identification payload that was taken before."""
    identity = parse_body(PayloadType.IDENTIFICATION, body)
    assert isinstance(identity, Identification)
    return identity


def text_of(identity: Identification) -> str:
    """The identity for people, as `identification` reads it; what is not text is given in hexadecimal.

    A peer chose these octets: only printable ASCII is passed on.
    """
    data = identity.data
    if len(data) == _ADDRESSES.get(IdType(identity.id_type)):
        return str(ipaddress.ip_address(data))
    if identity.id_type == IdType.DER_ASN1_DN:
        return _dn_text(data)
    if identity.id_type in _SEVERAL_ADDRESSES:
        return _addresses_text(identity)
    text = data.decode("ascii", "replace")
    printable = text.isprintable() and text.isascii()
    if identity.id_type in _NAMES and printable:
        return text
    if identity.id_type == IdType.KEY_ID and printable:
        return f"keyid:{text}"
    return f"@#{data.hex()}" if identity.id_type == IdType.KEY_ID else f"{IdType(identity.id_type).name}:{data.hex()}"


def matches(pattern: str | None, identity: Identification) -> bool:
    """Whether ``identity`` is the one that ``pattern`` names: None and ``%any`` are anybody, ``*`` stands for any text
    in a name (``*@example.org``) and in the parts of a distinguished name (``O=lab, CN=*``), upper and lower case are
    the same in names. A network or range is anybody who is an address, a network or a range in it.
    """
    if pattern is None or pattern == "%any":
        return True
    addresses = _addresses(pattern)
    if addresses is not None:
        return _lies_in(addresses, identity)
    if _is_dn(pattern):
        return identity.id_type == IdType.DER_ASN1_DN and distinguished_name.matches(pattern, identity.data)
    wanted = identification(pattern)
    if wanted.id_type != identity.id_type:
        return False
    if wanted.id_type in _NAMES:
        return fnmatchcase(_fold(identity.data), _wildcards(wanted.data))
    return wanted.data == identity.data


def names_several_addresses(pattern: str) -> bool:
    """Whether ``pattern`` is a network or a range of addresses."""
    return _addresses(pattern) is not None


@lru_cache(maxsize=1024)
def _addresses(text: str) -> Selector | None:
    """The network or range that ``text`` names, None if it is something else."""
    if "/" not in text and "-" not in text:
        return None
    try:
        selector = Selector.parse(text)
    except ValueError:
        return None
    return None if selector.protocol or selector.port else selector


def _lies_in(addresses: Selector, identity: Identification) -> bool:
    try:
        return addresses.contains(selector_of(identity._replace(protocol=0, port=0)))
    except Refusal:
        return False  # it is no address at all


def _addresses_text(identity: Identification) -> str:
    try:
        return str(selector_of(identity._replace(protocol=0, port=0)))
    except Refusal:
        return f"{IdType(identity.id_type).name}:{identity.data.hex()}"


def _is_dn(text: str) -> bool:
    return "=" in text and not text.startswith(("@", "keyid:"))


def _dn_text(data: bytes) -> str:
    try:
        return distinguished_name.to_text(data)
    except InvalidName:
        return f"DER_ASN1_DN:{data.hex()}"


@lru_cache(maxsize=1024)
def _wildcards(pattern: bytes) -> str:
    """A name with ``*`` in it as `fnmatch` takes it, to which ``?`` and ``[`` are wildcards, too."""
    return _fold(pattern).replace("[", "[[]").replace("?", "[?]")


def _fold(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace").lower()
