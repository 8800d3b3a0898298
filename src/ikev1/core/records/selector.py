"""Traffic selectors: which packets a tunnel carries (RFC 2407 §4.6.2, the IDci and IDcr of Quick Mode)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_ntop

from ikev1.core.records.record import Record, replace

_DYNAMIC = "dynamic"

_FORM = re.compile(
    r"^(?P<addresses>[^\[\]]+?)(?:\[(?P<protocol>[a-z0-9-]*)(?:/(?P<port>[0-9]+|%?any))?\])?$", re.IGNORECASE
)
_PROTOCOLS = {"any": 0, "icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "ipv6-icmp": 58, "l2tp": 115}
_PROTOCOL_NAMES = {number: name for name, number in _PROTOCOLS.items() if number}


@lru_cache(maxsize=1024)
def _packed(host: str) -> bytes:
    return ip_address(host.partition("%")[0]).packed


class Selector(Record, frozen=True):
    """A closed range of addresses, with a protocol and a port.

    ``first`` and ``last`` are packed addresses, both of 4 octets (IPv4) or 16 (IPv6). Both are empty if the selector is
    for the address of the peer itself (`DYNAMIC`), which `at` fills in. ``protocol`` and ``port`` are 0 for any, as on
    the wire (RFC 2407 §4.6.2).
    """

    first: bytes
    last: bytes
    protocol: int = 0
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Parse ``10.1.0.0/16``, ``10.0.0.1``, ``10.0.0.1-10.0.0.9`` or ``dynamic``, optionally followed by
        ``[tcp/80]``.

        Raises:
            ValueError: the text is not in one of these forms; the message gives the expected form.
        """
        form = _FORM.match(text.strip())
        if form is None:
            raise ValueError(
                f"{text!r} is not a traffic selector: expected NETWORK, ADDRESS, FIRST-LAST or dynamic, then "
                "[PROTOCOL/PORT]"
            )
        first, last = _range(form["addresses"])
        protocol, port = (form["protocol"] or "any").lower(), (form["port"] or "any").lower().lstrip("%")
        number = _PROTOCOLS.get(protocol)
        if number is None:
            if not protocol.isdigit() or int(protocol) > 255:
                raise ValueError(
                    f"{text!r}: {protocol!r} is not a protocol: expected a number up to 255 or one of "
                    f"{', '.join(_PROTOCOLS)}"
                )
            number = int(protocol)
        port_number = 0 if port == "any" else int(port)
        if port_number > 65535:
            raise ValueError(f"{text!r}: port {port} is greater than 65535")
        return cls(first, last, number, port_number)

    @property
    def dynamic(self) -> bool:
        """Whether the selector is for the address of the peer itself, which is not known yet."""
        return not self.first

    def at(self, host: str) -> Selector:
        """This selector with ``host`` filled in, if it is dynamic."""
        return self if self.first else self.with_address(host)

    def with_address(self, host: str) -> Selector:
        """This selector for the single address ``host``, with the same protocol and port."""
        packed = _packed(host)
        return replace(self, first=packed, last=packed)

    @property
    def version(self) -> int:
        """The IP version, 4 or 6, of a selector that is not dynamic."""
        return 4 if len(self.first) == 4 else 6

    @property
    def has_all_addresses(self) -> bool:
        """Whether the range is 0.0.0.0/0 or ::/0."""
        return not any(self.first) and set(self.last) == {0xFF}

    @property
    def network(self) -> str | None:
        """``address/prefix`` if the range is exactly one network, else None."""
        width = 8 * len(self.first)
        low, high = int.from_bytes(self.first), int.from_bytes(self.last)
        size = high - low + 1
        if size & (size - 1) or low % size:
            return None
        return f"{self._text(self.first)}/{width - size.bit_length() + 1}"

    @staticmethod
    def _text(packed: bytes) -> str:
        return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)

    def contains(self, other: Selector) -> bool:
        """Whether this selector matches every packet that ``other`` matches."""
        return (
            len(self.first) == len(other.first)
            and self.first <= other.first
            and other.last <= self.last
            and (not self.protocol or self.protocol == other.protocol)
            and (not self.port or self.port == other.port)
        )

    def overlaps(self, other: Selector) -> bool:
        """Whether there is a packet that both selectors match."""
        return (
            len(self.first) == len(other.first)
            and self.first <= other.last
            and other.first <= self.last
            and (not self.protocol or not other.protocol or self.protocol == other.protocol)
            and (not self.port or not other.port or self.port == other.port)
        )

    def __str__(self) -> str:
        addresses = _DYNAMIC if self.dynamic else self.network or f"{self._text(self.first)}..{self._text(self.last)}"
        if not self.protocol and not self.port:
            return addresses
        protocol = _PROTOCOL_NAMES.get(self.protocol, str(self.protocol))
        return f"{addresses}[{protocol}/{self.port}]" if self.port else f"{addresses}[{protocol}]"


DYNAMIC = Selector(b"", b"")


def _range(text: str) -> tuple[bytes, bytes]:
    if text == _DYNAMIC:
        return b"", b""
    low, dash, high = text.partition("-")
    if not dash:
        network = ip_network(text, strict=False)
        return network[0].packed, network[-1].packed
    first, last = ip_address(low.strip()), ip_address(high.strip())
    if first.version != last.version or first.packed > last.packed:
        raise ValueError(f"{text!r}: the first address of a range is greater than the last")
    return first.packed, last.packed
