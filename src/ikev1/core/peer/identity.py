"""Identities of peers (RFC 2407 §4.6.2) in strongSwan's notation."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from ikev1.core.peer.selector_payload import payload_of, selector_of
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.crypto import distinguished_name, wildcard
from ikev1.crypto.distinguished_name import InvalidName
from ikev1.wire.payloads import Identification, parse_body
from ikev1.wire.registry import IdType, PayloadType

_ADDRESSES = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
_SEVERAL_ADDRESSES = frozenset(
    {IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET, IdType.IPV4_ADDR_RANGE, IdType.IPV6_ADDR_RANGE}
)
_NAMES = frozenset({IdType.FQDN, IdType.USER_FQDN})
_PREFIXES = {"keyid:": IdType.KEY_ID, "userfqdn:": IdType.USER_FQDN}
_LONGEST_NAME = 320  # octets that a pattern can match: 64 of a user, an @, 255 of a domain (RFC 5321 §4.5.3.1)
_LONGEST_SHOWN = 1024  # octets of an identity that is logged in full; real ones have a few hundred
_UNPRINTABLE = re.compile(rb"[\x00-\x1f\x7f]")
_NO_PART_OF_A_NAME = re.compile(rb"[^!-~]|/")  # apart from the @ of a user name
_PLAIN = {  # what `identification` parses as a name without a prefix
    IdType.FQDN: re.compile(r"(?!\d+$|.*\.\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]*"),
    IdType.USER_FQDN: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9_.-]+"),
}


@lru_cache(maxsize=1024)
def identification(text: str) -> Identification:
    """Parse an identity into its payload: an address, a network or a range of addresses, ``name.example``,
    ``user@example``, ``@name`` (an FQDN whatever the text), ``C=XX, O=lab, CN=alice`` (a distinguished name), ``@#hex``
    or ``keyid:text`` (a key ID), ``userfqdn:text`` (a user FQDN whatever the text).

    Protocol and port are 0: "the ID port and protocol fields MUST be set to zero or to UDP port 500" (RFC 2407 §4.6.2),
    and with NAT traversal to 0 (RFC 3947 §4).

    Raises:
        ValueError: the text after ``@#`` is not hexadecimal, or a distinguished name has an unknown attribute.
    """
    if text.startswith("@#"):
        return Identification(IdType.KEY_ID, 0, 0, bytes.fromhex(text[2:]))
    for prefix, id_type in _PREFIXES.items():
        if text.startswith(prefix):
            return Identification(id_type, 0, 0, text.removeprefix(prefix).encode())
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
    """The identity in the body of an identification payload that was parsed successfully before."""
    identity = parse_body(PayloadType.IDENTIFICATION, body)
    assert isinstance(identity, Identification)
    return identity


def text_of(identity: Identification) -> str:
    """The identity as text that `identification` can parse; in hexadecimal if it is not printable.

    The peer chose these octets, so the result has only printable ASCII. An FQDN that looks like an address is shown as
    ``@192.0.2.1``; a name with an asterisk is shown in hexadecimal, since it is not a pattern. Of an identity that is
    far too long, only the beginning is shown.
    """
    data = identity.data
    if len(data) > _LONGEST_SHOWN:
        return f"{IdType(identity.id_type).name}:{data[:32].hex()}... ({len(data)} octets)"
    if len(data) == _ADDRESSES.get(IdType(identity.id_type)):
        return str(ipaddress.ip_address(data))
    if identity.id_type == IdType.DER_ASN1_DN:
        return _dn_text(data)
    if identity.id_type in _SEVERAL_ADDRESSES:
        return _addresses_text(identity)
    text = data.decode("ascii", "replace")
    printable = text.isprintable() and text.isascii()
    if identity.id_type in _NAMES and printable and "*" not in text and text[:1] not in "@#":
        return _name_text(IdType(identity.id_type), text)
    if identity.id_type == IdType.KEY_ID and printable:
        return f"keyid:{text}"
    return f"@#{data.hex()}" if identity.id_type == IdType.KEY_ID else f"{IdType(identity.id_type).name}:{data.hex()}"


def _name_text(id_type: IdType, text: str) -> str:
    if _PLAIN[id_type].fullmatch(text):
        return text
    return f"@{text}" if id_type is IdType.FQDN else f"userfqdn:{text}"


def matches(pattern: str | None, identity: Identification) -> bool:
    """Whether ``identity`` matches ``pattern``; None and ``%any`` match any identity.

    In a name, ``*`` matches printable ASCII within one label (``*.example.org``) or before the ``@``
    (``*@example.org``), and never ``@``, ``/`` or a space. In a distinguished name, it matches any printable text of
    one value (``O=lab, CN=*``). Names are compared without regard to ASCII case; a name with a control character
    matches nothing. A network or a range matches any address, network or range within it.
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
        return _name_matches(wanted.data, identity.data)
    return wanted.data == identity.data


def is_address_as_name(pattern: str | None, identity: Identification) -> bool:
    """Whether ``pattern`` is an address and ``identity`` the same address written as an FQDN, as FortiGate sends it."""
    try:
        return identity.id_type == IdType.FQDN and ipaddress.ip_address(pattern or "") == ipaddress.ip_address(
            identity.data.decode("ascii")
        )
    except ValueError:
        return False


def names_several_addresses(pattern: str) -> bool:
    """Whether ``pattern`` is a network or a range of addresses."""
    return _addresses(pattern) is not None


@lru_cache(maxsize=1024)
def _addresses(text: str) -> Selector | None:
    """The network or address range in ``text``, None if it is something else."""
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
        return False  # not an address


def _addresses_text(identity: Identification) -> str:
    try:
        return str(selector_of(identity._replace(protocol=0, port=0)))
    except Refusal:
        return f"{IdType(identity.id_type).name}:{identity.data.hex()}"


def _is_dn(text: str) -> bool:
    return "=" in text and not text.startswith(("@", *_PREFIXES))


def _dn_text(data: bytes) -> str:
    try:
        return distinguished_name.to_text(data)
    except InvalidName:
        return f"DER_ASN1_DN:{data.hex()}"


def _name_matches(wanted: bytes, name: bytes) -> bool:
    """Whether ``name`` matches ``wanted``, which may contain asterisks. ``bytes.lower`` folds ASCII only: `str.lower`
    and `str.casefold` would also turn some other letters into ASCII letters.
    """
    if _UNPRINTABLE.search(name):
        return False
    if b"*" not in wanted:
        return wanted.lower() == name.lower()
    if len(name) > _LONGEST_NAME or _NO_PART_OF_A_NAME.search(name):
        return False
    user, labels = _name_patterns(wanted)
    found_user, found_labels = _parts(name.decode("ascii").lower())
    if len(found_labels) != len(labels) or len(found_user) != len(user) or not all((*found_user, *found_labels)):
        return False
    pairs = zip((*user, *labels), (*found_user, *found_labels), strict=True)
    return all(wildcard.fits(pieces, part) for pieces, part in pairs)


@lru_cache(maxsize=1024)
def _name_patterns(wanted: bytes) -> tuple[tuple[list[str], ...], tuple[list[str], ...]]:
    user, labels = _parts(wanted.lower().decode("utf-8", "replace"))
    return tuple(part.split("*") for part in user), tuple(part.split("*") for part in labels)


def _parts(name: str) -> tuple[list[str], list[str]]:
    """The user names of a name, each before an ``@`` (one or none if valid), and the labels of the domain."""
    *user, domain = name.split("@")
    return user, domain.split(".")
