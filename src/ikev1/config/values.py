"""Converters of TOML values; each raises a ValueError that says what was found and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar

from ikev1.config.findings import Invalid, Rule

Member = TypeVar("Member", bound=StrEnum)
Value = TypeVar("Value")

ANY = "%any"
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# RFC 1123 §2.1; the last label is not a number, as it is in an address that is mistyped
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?!\d+$){_LABEL}")
_QUANTITY = re.compile(r"^(\d+)\s*([A-Za-z]*)$")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_KILOBYTES = {"": 1, "k": 1, "m": 1024, "g": 1024 * 1024}
_OCTETS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_LARGEST = 0xFFFF_FFFF  # the largest life duration of 4 octets
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def text(value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not allowed: expected a non-empty string")
    return value


def boolean(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not allowed: expected true or false")
    return value


def choice(allowed: Sequence[str]) -> Callable[[object], str]:
    """One of the words ``allowed``."""

    def convert(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not allowed: expected one of {', '.join(allowed)}")
        return str(value)

    return convert


def member(kind: type[Member]) -> Callable[[object], Member]:
    """One of the words of an enumeration."""
    words = choice(tuple(kind))
    return lambda value: kind(words(value))


def number(least: float, most: float) -> Callable[[object], float]:
    """A number from ``least`` to ``most``."""

    def convert(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ValueError(f"{value!r} is not allowed: expected a number from {least} to {most}")
        return value

    return convert


def integer(least: int, most: int) -> Callable[[object], int]:
    """A whole number from ``least`` to ``most``."""

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{value!r} is not allowed: expected an integer from {least} to {most}")
        return value

    return convert


port = integer(1, 65_535)


def fragment_size(value: object) -> int:
    """The octets of an IP packet with an IKE fragment: 0 for the smallest that every host accepts (576 with IPv4, 1280
    with IPv6), or 576 to 65,535.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 576 <= value <= 65_535):
        raise ValueError(f"{value!r} is not allowed: expected 0, or an integer from 576 to 65535")
    return value


def _quantity(value: object, units: dict[str, int], allowed: str, largest: int = _LARGEST) -> int:
    form = _QUANTITY.match(value.strip()) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        amount = value
    elif form is not None and form[2].lower() in units:
        amount = int(form[1]) * units[form[2].lower()]
    else:
        raise ValueError(f"{value!r} is not allowed: expected {allowed}")
    if not 1 <= amount <= largest:
        raise ValueError(f"{value!r} is out of range: expected 1 to {largest}")
    return amount


def duration(value: object) -> int:
    """Seconds: an integer, or a string with a unit: ``3600``, ``"3600s"``, ``"60m"``, ``"24h"``, ``"1d"``."""
    return _quantity(
        value, _SECONDS, 'seconds as an integer, or a string with a unit such as "3600s", "60m", "24h", "1d"'
    )


def duration_or_never(value: object) -> float:
    """As `duration`, and 0 for never."""
    return 0.0 if value == 0 and not isinstance(value, bool) else float(duration(value))


def kilobytes(value: object) -> int:
    """Units of 1024 octets: an integer, or a string with a unit: ``4608000``, ``"4608000K"``, ``"4500M"``, ``"4G"``."""
    value = value.strip().removesuffix("iB").removesuffix("B") if isinstance(value, str) else value
    return _quantity(
        value, _KILOBYTES, 'kilobytes as an integer, or a string with a unit such as "4608000K", "4500M", "4G"'
    )


def octets(value: object) -> int:
    """Octets: an integer, or a string with a unit: ``500000000``, ``"500M"``, ``"4G"``."""
    value = value.strip().removesuffix("iB").removesuffix("B") if isinstance(value, str) else value
    return _quantity(value, _OCTETS, 'octets as an integer, or a string with a unit such as "4G"', (1 << 63) - 1)


def address(value: object) -> str:
    """An IPv4 or IPv6 address, in its canonical form."""
    try:
        return str(ip_address(text(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not an IPv4 or IPv6 address") from None


def listener(folder: Path) -> Callable[[object], str]:
    """``address:port``, ``[address]:port``, or the path of a Unix socket, which has a slash, relative to ``folder``."""

    def convert(value: object) -> str:
        written = text(value)
        if "/" in written:
            return file_path(folder)(written)
        host, _, port_number = written.rpartition(":")
        try:
            ip = ip_address(host.removeprefix("[").removesuffix("]"))
            bracketed = host.startswith("[") and host.endswith("]")
            if bracketed is (ip.version == 6) and port_number.isascii() and 0 < int(port_number) < 65_536:
                return f"[{ip}]:{int(port_number)}" if bracketed else f"{ip}:{int(port_number)}"
        except ValueError:
            pass
        raise ValueError(
            f"{value!r} is not allowed: expected an address and a port such as 127.0.0.1:9474 or [::1]:9474, or the "
            "path of a socket with a slash in it"
        )

    return convert


def endpoint(value: object) -> str:
    """``%any``, an address, or a network. A link-local address may name its interface: ``fe80::1%eth0``."""
    if value == ANY:
        return ANY
    try:
        if "%" in text(value):
            return str(ip_address(text(value)))
        network = ip_network(text(value), strict=False)
    except ValueError:
        raise ValueError(
            f"{value!r} is not allowed: expected an address, a network such as 192.0.2.0/24, or {ANY}"
        ) from None
    if (cleared := host_bits(text(value))) is not None:
        raise ValueError(f"{value!r} has host bits set: expected the network {cleared}, or an address without a prefix")
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def host_bits(written: str) -> str | None:
    """The network that is meant by ``written`` if this is a network with host bits set, such as 10.1.2.3/16."""
    try:
        ip_network(written)
    except ValueError:
        pass
    else:
        return None
    try:
        return str(ip_network(written, strict=False))
    except ValueError:
        return None


def remote(value: object) -> str:
    """``%any``, an address, a network, or a host name, which is returned in lower case without a dot at the end."""
    written = text(value).strip()
    if written.lower() in ("any", "*", "default"):
        raise ValueError(f"{value!r} is not allowed: any address is {ANY!r}")
    if "," in written:
        raise ValueError(f"{value!r} is not allowed: write several remote addresses as a list of strings")
    name = written.rstrip(".").lower()
    if _HOST_NAME.fullmatch(name):
        return name
    try:
        return endpoint(written)
    except ValueError as error:
        raise ValueError(f"{error}, or a host name") from None


def remotes(value: object) -> tuple[str, ...]:
    """One remote address or a list of them, without repetitions."""
    found = tuple(dict.fromkeys(each(remote)(value)))
    if not found:
        raise ValueError(f"is an empty list: expected an address, a network, a host name, or {ANY}")
    if ANY in found and len(found) > 1:
        raise ValueError(f"{ANY} matches all other remote addresses of the list: remove it or the others")
    return found


def interface(value: object) -> str:
    """A network interface's name: at most 15 characters (IFNAMSIZ), none of them a slash or a blank."""
    if not isinstance(value, str) or not re.fullmatch(r"[^\s/:]{1,15}", value) or value in (".", ".."):
        raise ValueError(
            f"{value!r} is not an interface name: expected 1 to 15 characters without spaces, slashes or colons"
        )
    return value


def file_path(folder: Path) -> Callable[[object], str]:
    """A file name, relative to ``folder`` unless it is absolute."""
    return lambda value: str(folder / Path(text(value)).expanduser())


def each(convert: Callable[[object], Value]) -> Callable[[object], tuple[Value, ...]]:
    """A list, or a single value that stands for a list of one, each item converted."""

    def convert_all(value: object) -> tuple[Value, ...]:
        return tuple(convert(item) for item in (value if isinstance(value, list) else [value]))

    return convert_all


def check_name(name: str) -> str:
    """The name of a connection, tunnel or pool."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            Rule.INVALID_NAME,
            "a name has 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit",
        )
    return name
