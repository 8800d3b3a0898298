"""Identities in the notation of swanctl.conf, converted to that of `ikev1.toml`."""

from __future__ import annotations

import re
from collections.abc import Hashable
from ipaddress import ip_address

from ikev1.config.findings import Invalid, Rule
from ikev1.core.peer import identity
from ikev1.crypto import distinguished_name
from ikev1.crypto.distinguished_name import InvalidName
from ikev1.wire.registry import IdType

_FORM = re.compile(r"(ipv4|ipv6|rfc822|email|userfqdn|fqdn|dns|asn1dn|asn1gn|keyid):(#?)(.*)", re.DOTALL)
_ANY = frozenset({"%any", "%any6", "*", "0.0.0.0", "::", "0::0"})  # noqa: S104  what strongSwan reads as any identity
_NUMBERED = re.compile(r"\{.*\}:")
_NAMES = frozenset({IdType.FQDN, IdType.USER_FQDN})
_PREFIXES = {"fqdn": "@", "dns": "@", "rfc822": "userfqdn:", "email": "userfqdn:", "userfqdn": "userfqdn:"}


def converted(value: object) -> str:
    """The identity in our notation. A type in front of it, as in ``fqdn:gw``, applies to the text as it is written, or
    to the octets that ``#`` and hexadecimal digits stand for.

    Raises:
        Invalid: the type is not known, or the octets are not of this type.
    """
    written = str(value).strip()
    if written in _ANY:
        return "%any"
    if written.startswith("@@"):
        return f"userfqdn:{written[2:]}"
    if _NUMBERED.match(written):
        raise Invalid(Rule.INVALID_IDENTITY, f"{written!r}: types as numbers are not supported")
    form = _FORM.fullmatch(written)
    if form is None:
        return written
    kind, sharp, text = form.groups()
    if not sharp:
        return _of_text(written, kind, text)
    try:
        return _of_octets(kind, bytes.fromhex(text))
    except (ValueError, InvalidName):
        raise Invalid(
            Rule.INVALID_IDENTITY, f"{written!r}: expected the hexadecimal digits of an identity of type {kind}"
        ) from None


def _of_text(written: str, kind: str, text: str) -> str:
    if kind == "keyid":
        return f"keyid:{text}"
    if kind in _PREFIXES:
        return text if "*" in text else _PREFIXES[kind] + text
    raise Invalid(
        Rule.INVALID_IDENTITY,
        f"{written!r}: the text behind {kind}: is sent as it is, which is no identity of this type: omit {kind}:",
    )


def _of_octets(kind: str, octets: bytes) -> str:
    if kind == "keyid":
        return f"@#{octets.hex()}"
    if kind in ("ipv4", "ipv6"):
        found = ip_address(octets)
        if found.version != int(kind[3:]):
            raise ValueError
        return str(found)
    if kind == "asn1dn":
        return distinguished_name.to_text(octets)
    if kind == "asn1gn":
        raise ValueError
    return _PREFIXES[kind] + octets.decode("ascii")


def canonical(who: str) -> Hashable:
    """What two notations of one identity have in common."""
    try:
        found = identity.identification(who)
    except ValueError:
        return who
    return found.id_type, found.data.lower() if found.id_type in _NAMES else found.data


def is_pattern(who: str) -> bool:
    """Whether ``who`` stands for several identities."""
    return who == "%any" or "*" in who or identity.names_several_addresses(who)


def match(wanted: str, owner: str) -> int:
    """How well the ``owner`` of a secret fits the identity ``wanted``: 0 not at all, 1 if it fits any, 2 as a pattern,
    3 exactly.
    """
    if owner == "%any":
        return 1
    if "*" in owner and "=" not in owner and not wanted.lower().endswith(owner.rpartition("*")[2].lower()):
        return 0  # most names do not fit most patterns
    if canonical(wanted) == canonical(owner):
        return 3
    if not is_pattern(owner) or is_pattern(wanted):
        return 0
    try:
        return 2 * identity.matches(owner, identity.identification(wanted))
    except ValueError:
        return 0
