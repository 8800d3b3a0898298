"""The values in a vpncfg, and the blocks that they stand in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, ip_network
from typing import NamedTuple, TypeVar

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats import blocks
from ikev1.config.formats.written import Place

Value = TypeVar("Value")
UNSET = "0.0.0.0"  # noqa: S104  what is not set, in a vpncfg
_IDENTITIES = {"fqdn": "@", "user_fqdn": "userfqdn:", "key_id": "keyid:", "ipaddr": ""}


class Identity(NamedTuple):
    """An identity: the keyword of its kind, and its text. It has the same form as in `ikev1.toml`."""

    kind: str
    text: str

    @property
    def is_host_name(self) -> bool:
        """Whether it may lead to an address."""
        return self.kind == "fqdn" and "." in self.text

    def __str__(self) -> str:
        return f"{_IDENTITIES[self.kind]}{self.text}"


class Block(blocks.Block):
    """A block of a vpncfg."""

    format = "a vpncfg"

    def placed(self, keyword: str, convert: Callable[[Sequence[str]], Value], default: Value) -> tuple[Value, Place]:
        """As `take`, with the place of the value; of a default, that of the block."""
        statement = self.one(keyword)
        if statement is None:
            return default, self.place
        return self.converted(statement, convert, default), statement.place

    def block(self, keyword: str) -> Block | None:
        """The block ``keyword``, None if there is none."""
        statement = self.one(keyword)
        if statement is None:
            return None
        if statement.block is None:
            self.reports.error(statement.place, Rule.INVALID_VALUE, "expected a block in braces")
        return Block(statement.block or (), statement.place, self.reports)

    def identity(self, keyword: str) -> tuple[Identity | None, Place]:
        """The identity in the block ``keyword``, None if it is not set."""
        inner = self.block(keyword)
        if inner is None:
            return None, self.place
        found = [(kind, *inner.placed(kind, text, "")) for kind in _IDENTITIES if kind in inner]
        inner.finish()
        set_ = [(Identity(kind, value), place) for kind, value, place in found if value not in ("", UNSET)]
        for _, place in set_[1:]:
            self.reports.error(place, Rule.INVALID_VALUE, "is another identity of this end: expected one")
        return set_[0] if set_ else (None, inner.place)

    def network(self, keyword: str) -> tuple[str | None, Place]:
        """The network or address in the block ``keyword``, such as phase2localid; None if there is none."""
        inner = self.block(keyword)
        if inner is None:
            return None, self.place
        net = inner.block("ipnet")
        if net is None:
            single, place = inner.placed("ipaddr", address, "")
            found: str | None = single or None
        else:
            if "ipaddr" not in net:
                self.reports.error(net.place, Rule.MISSING_KEY, "missing: ipaddr")
            base, place = net.placed("ipaddr", address, "")
            mask = net.take("mask", address, "255.255.255.255")
            net.finish()
            found = self._network(base, mask, place)
        inner.finish()
        return found, place

    def _network(self, base: str, mask: str, place: Place) -> str:
        """The network; if it is wrong, which is reported, any."""
        try:
            network = ip_network(f"{base}/{mask}", strict=False)
            if str(network.netmask) == mask:  # and not a wildcard mask, which has the same notation
                return str(network)
        except ValueError:
            pass
        if base:
            self.reports.error(place, Rule.INVALID_VALUE, f"{mask!r} is not a netmask")
        return "0.0.0.0/0"


def text(values: Sequence[str]) -> str:
    """A single value. A backslash makes a quotation mark, or another one, a part of it.

    Raises:
        Invalid: there are several, or none.
    """
    if len(values) != 1:
        raise Invalid(Rule.INVALID_VALUE, f"has {len(values)} values: expected one")
    return re.sub(r"\\(.)", r"\1", values[0])


def of_text(convert: Callable[[str], Value]) -> Callable[[Sequence[str]], Value]:
    """A converter of a single value by ``convert``."""
    return lambda values: convert(text(values))


def address(values: Sequence[str]) -> str:
    """An IPv4 address.

    Raises:
        Invalid: it is none.
    """
    written = text(values)
    try:
        return str(IPv4Address(written))
    except ValueError:
        raise Invalid(Rule.INVALID_VALUE, f"{written!r} is not an IPv4 address") from None


def one_of(*words: str) -> Callable[[Sequence[str]], str]:
    """A converter of ``words``; others are not supported."""

    def convert(values: Sequence[str]) -> str:
        if (written := text(values)) not in words:
            raise Invalid(Rule.NOT_SUPPORTED, f"{written!r} is not supported: expected one of {', '.join(words)}")
        return written

    return convert


def yes(values: Sequence[str]) -> bool:
    """``yes`` or ``no``.

    Raises:
        Invalid: it is neither.
    """
    if (written := text(values)) not in ("yes", "no"):
        raise Invalid(Rule.INVALID_VALUE, f"{written!r} is not allowed: expected yes or no")
    return written == "yes"
