"""Interfaces: their addresses, the crypto maps that they apply, and protected tunnels."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from ikev1.config.formats.cisco_ios.isakmp import ignored
from ikev1.config.formats.cisco_ios.model import Device, Interface, Map
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Set
from ikev1.config.formats.cisco_ios.statements import Command, Grammar


def interface(arguments: Arguments, device: Device) -> tuple[Device, Interface]:
    """``interface Tunnel 0`` and ``interface Tunnel0`` are the same."""
    name = "".join(word.text for word in arguments.rest() if word.text not in ("point-to-point", "multipoint", "type"))
    name = name.removesuffix("tunnel") if name.lower().startswith("virtual-template") else name
    return device, device.interfaces.find(name) or device.interfaces.add(Interface(name, arguments.place))


Target = tuple[Device, Interface]


def _address(arguments: Arguments, target: Target) -> None:
    if arguments.keyword("dhcp", "negotiated", "pool"):
        arguments.rest()
        return
    column = arguments.column
    written = arguments.word("an address")
    if "/" not in written:
        written = f"{target[0].names.get(written, written)}/{arguments.word('a mask')}"
    try:
        address = IPv4Interface(written)
    except ValueError:
        raise Fault(column, f"{written!r} is not an address with a mask") from None
    if not arguments.keyword("secondary"):
        target[1].address = Set(address, arguments.place)
    arguments.rest()


def _mtu(arguments: Arguments, target: Target) -> None:
    if (written := arguments.peek()).isdecimal() and 576 <= int(written[:6]) <= 65_535:
        target[1].mtu = Set(int(written), arguments.place)
    arguments.rest()


def route(arguments: Arguments, device: Device) -> None:
    """``ip route NETWORK MASK INTERFACE``; other routes do not matter."""
    words = [word.text for word in arguments.rest()]
    if len(words) < 3 or words[0] == "vrf":
        return
    try:
        network = IPv4Network(f"{words[0]}/{words[1]}", strict=False)
    except ValueError:
        return
    device.routes.append((words[2], Set(str(network), arguments.place)))


def _unnumbered(arguments: Arguments, target: Target) -> None:
    target[1].unnumbered = Set("".join(word.text for word in arguments.rest()), arguments.place)


def _crypto_map(arguments: Arguments, target: Target) -> None:
    device, into = target
    name = arguments.word("the name of a map")
    whole = device.maps.setdefault(name, Map(name, arguments.place))
    whole.interfaces.append(Set(into.name, arguments.place))
    arguments.end()


def _source(arguments: Arguments, target: Target) -> None:
    words = (word.text for word in arguments.rest())
    target[1].source = Set("".join(word for word in words if word.lower() != "interface"), arguments.place)


def _destination(arguments: Arguments, target: Target) -> None:
    target[1].destination = Set(arguments.word("an address or a name").lower(), arguments.place)
    arguments.rest()


def _mode(arguments: Arguments, target: Target) -> None:
    target[1].mode = Set(" ".join(word.text.lower() for word in arguments.rest()), arguments.place)


def _protection(arguments: Arguments, target: Target) -> None:
    if arguments.one_of("ipsec") and arguments.one_of("profile", "policy") == "policy":
        arguments.keyword("ipv4", "ipv6")
        target[1].policy = Set(arguments.word("an access list"), arguments.place)
        arguments.end()
        return
    target[1].protection = Set(arguments.word("the name of an IPsec profile"), arguments.place)
    while arguments.left:
        if arguments.one_of("shared", "isakmp-profile", "ikev2-profile") == "isakmp-profile":
            target[1].profile = Set(arguments.word("the name of a profile"), arguments.place)
        elif arguments.peek():
            arguments.rest()


def _nhrp_map(arguments: Arguments, target: Target) -> None:
    if arguments.peek() in ("multicast", "group"):
        arguments.rest()
        return
    arguments.word("an address")
    if arguments.peek().replace(".", "").isdigit() and "." in arguments.peek() and arguments.left == 2:
        arguments.word("a mask")
    target[1].nhrp.append(Set(arguments.word("an address").lower(), arguments.place))
    arguments.rest()


def _nhrp_server(arguments: Arguments, target: Target) -> None:
    arguments.word("an address")
    if arguments.keyword("nbma"):
        target[1].nhrp.append(Set(arguments.word("an address").lower(), arguments.place))
    arguments.rest()


def _vrf(arguments: Arguments, target: Target) -> None:
    target[1].vrf = Set(arguments.word("a name"), arguments.place)


INTERFACE = Grammar(
    {
        "ip address": Command(_address),
        "ip unnumbered": Command(_unnumbered),
        "ip mtu": Command(_mtu),
        "ip nhrp map": Command(_nhrp_map),
        "ip nhrp nhs": Command(_nhrp_server),
        "crypto map": Command(_crypto_map, most=3),
        "crypto ipsec df-bit": Command(lambda arguments, target: arguments.lost("the DF bit is copied")),
        "crypto ipsec fragmentation": Command(ignored),
        "crypto ipsec client ezvpn": Command(ignored),  # which side is inside
        "tunnel source": Command(_source),
        "tunnel destination": Command(_destination),
        "tunnel mode": Command(_mode),
        "tunnel protection": Command(_protection),
        "tunnel vrf": Command(_vrf),
        "nameif": Command(lambda arguments, target: _nameif(arguments, target)),
    }
)


def _nameif(arguments: Arguments, target: Target) -> None:
    """The name of an interface of an ASA."""
    device, into = target
    device.interfaces.name(arguments.word("a name"), into)
    arguments.end()
