"""Access lists, and the objects and groups of objects in them. What cannot be a selector matters only to the lists that
a crypto map names.
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from ikev1.config.formats.cisco_ios.isakmp import ignored
from ikev1.config.formats.cisco_ios.model import Ace, Acl, Device, Unclear
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault
from ikev1.config.formats.cisco_ios.statements import Command, Grammar

ANY = "0.0.0.0/0"
ANY6 = "::/0"
_STEP = 10  # from a line to the next one
_STANDARD = (*range(1, 100), *range(1300, 2000))
_PROTOCOLS = {"ip": "", "ipv4": "", "ahp": "51", "esp": "50", "ospf": "89", "eigrp": "88", "pim": "103", "igmp": "2"}
_PROTOCOLS |= {"ipinip": "4", "sctp": "132", "nos": "94", "pcp": "108", "icmp6": "58", "ipsec": "50"}
_SAME = frozenset({"tcp", "udp", "icmp", "gre"})
_PORTS = {
    "bgp": 179, "bootpc": 68, "bootps": 67, "domain": 53, "ftp": 21, "ftp-data": 20, "http": 80, "https": 443,
    "imap4": 143, "isakmp": 500, "kerberos": 88, "ldap": 389, "ldaps": 636, "netbios-dgm": 138, "netbios-ns": 137,
    "netbios-ssn": 139, "non500-isakmp": 4500, "ntp": 123, "pop3": 110, "radius": 1645, "rip": 520, "sip": 5060,
    "smtp": 25, "snmp": 161, "snmptrap": 162, "ssh": 22, "sqlnet": 1521, "syslog": 514, "tacacs": 49, "telnet": 23,
    "tftp": 69, "www": 80,
}  # fmt: skip


class NoSelector(Fault):
    """A line that may be a good access list, but is no selector."""


def numbered(arguments: Arguments, device: Device) -> None:
    """``access-list 101 permit ...``, and on an ASA ``access-list NAME extended permit ...``."""
    name = arguments.word("a number")
    kind = arguments.keyword("extended", "standard", "webtype", "ethertype") if device.asa else ""
    if arguments.keyword("line"):
        arguments.word("a number")
        kind = arguments.keyword("extended", "standard") or kind
    arguments.key = f"access-list {name}"
    if kind in ("webtype", "ethertype"):
        arguments.rest()
        return
    standard = kind == "standard" or (not device.asa and name.isdecimal() and int(name) in _STANDARD)
    _line(arguments, device, device.acls.setdefault(name, Acl(name)), None, standard=standard)


def named(arguments: Arguments, device: Device) -> tuple[Device, Acl, bool]:
    """``ip access-list extended NAME``."""
    standard = arguments.one_of("extended", "standard", "resequence", "log-update", "logging") == "standard"
    name = arguments.word("a name")
    arguments.rest()
    return device, device.acls.setdefault(name, Acl(name)), standard


Target = tuple[Device, Acl, bool]


def _of_list(arguments: Arguments, target: Target) -> None:
    device, acl, standard = target
    arguments.restart()
    number = arguments.number(1, 2_147_483_647) if arguments.peek().isdigit() else None
    _line(arguments, device, acl, number, standard=standard)


LINES = Grammar({each: Command(_of_list) for each in ("permit", "deny", "remark", "evaluate", "dynamic")})
other_line = _of_list


def _line(arguments: Arguments, device: Device, acl: Acl, number: int | None, *, standard: bool) -> None:
    verb = arguments.keyword("permit", "deny")
    if not verb:
        arguments.rest()  # a remark, or something that is no entry
        return
    place = arguments.place._replace(key=f"{arguments.key}.{verb}")
    try:
        found: Ace | Unclear = _standard(arguments, device, verb) if standard else _extended(arguments, device, verb)
        if not isinstance(found, Unclear):
            found = found._replace(place=place)
    except Fault as fault:
        found = Unclear(place._replace(column=fault.column), str(fault))
    number = number or acl.last + _STEP
    acl.lines[number] = found
    acl.last = max(acl.last, number)


def _standard(arguments: Arguments, device: Device, verb: str) -> Ace:
    source = _end(arguments, device, host_by_default=not device.asa)
    _ignore_log(arguments)
    return Ace(verb == "permit", "", source, "", ANY, "", arguments.place)


def _extended(arguments: Arguments, device: Device, verb: str) -> Ace:
    column, protocol = arguments.column, arguments.word("a protocol").lower()
    if protocol in ("object-group", "object"):
        raise NoSelector(column, "a group of services is not supported: write a line for each protocol and port")
    if protocol in _SAME:
        pass
    elif protocol in _PROTOCOLS:
        protocol = _PROTOCOLS[protocol]
    elif not protocol.isdecimal() or int(protocol[:4]) > 255:
        raise NoSelector(column, f"unknown protocol {protocol!r}")
    source = _end(arguments, device)
    source_port = _port(arguments)
    destination = _end(arguments, device)
    destination_port = _port(arguments)
    _ignore_log(arguments)
    return Ace(verb == "permit", protocol, source, source_port, destination, destination_port, arguments.place)


def _ignore_log(arguments: Arguments) -> None:
    if arguments.keyword("log", "log-input"):
        arguments.rest()
    elif arguments.keyword("inactive"):
        raise NoSelector(arguments.column, "is not active on the ASA: remove the line")
    elif arguments.left:
        raise NoSelector(arguments.column, f"{arguments.peek()!r} cannot be negotiated: remove it")


def _end(arguments: Arguments, device: Device, *, host_by_default: bool = False) -> str:
    """The source or the destination."""
    column, word = arguments.column, arguments.peek()
    if arguments.keyword("any", "any4"):
        return ANY
    if word == "any6":
        arguments.word("any6")
        return ANY6
    if word == "host":
        arguments.word("host")
        return _host(arguments, device)
    if word in ("object", "object-group"):
        kind = arguments.word("object").lower().removeprefix("object-") or "object"
        return f"{kind} {arguments.word('a name')}"
    if word == "interface":
        raise NoSelector(column, "the address of an interface is not supported: write the address")
    if "/" in word:
        return _network(column, arguments.word("a network"))
    address = IPv4Address(_named_address(arguments, device))
    if host_by_default and "." not in arguments.peek():
        return f"{address}/32"
    return with_mask(arguments, address, wildcard=not device.asa)


def _host(arguments: Arguments, device: Device) -> str:
    column, written = arguments.column, arguments.word("an address")
    return _network(column, device.names.get(written, written))


def _network(column: int, written: str) -> str:
    try:
        return str(ip_network(written, strict=False))
    except ValueError:
        raise Fault(column, f"{written!r} is not an address") from None


def _named_address(arguments: Arguments, device: Device) -> str:
    if (named := device.names.get(arguments.peek())) is not None:
        arguments.word("a name")
        return named
    return str(arguments.ipv4())


def with_mask(arguments: Arguments, address: IPv4Address, *, wildcard: bool) -> str:
    """The network of an address and the mask that follows: a netmask, or its inverse."""
    column, mask = arguments.column, int(arguments.ipv4())
    inverse = mask if wildcard else mask ^ 0xFFFF_FFFF
    if inverse & (inverse + 1):
        kind = "a wildcard mask" if wildcard else "a netmask"
        text = f"{kind} of a network is expected: {IPv4Address(mask)} has bits of both kinds in between"
        if wildcard and not (mask ^ 0xFFFF_FFFF) & ((mask ^ 0xFFFF_FFFF) + 1):
            meant = IPv4Address(mask ^ 0xFFFF_FFFF)
            text = f"{IPv4Address(mask)} is a netmask: access lists have wildcard masks, here {meant}"
        raise Fault(column, text)
    return str(ip_network((int(address) & ~inverse, 32 - inverse.bit_length())))


def _port(arguments: Arguments) -> str:
    operator = arguments.peek()
    if operator in ("gt", "lt", "neq", "range"):
        text = f"{operator!r}: a selector has one port or all: write a line for each port"
        raise NoSelector(arguments.column, text)
    if operator != "eq":
        return ""
    arguments.word("eq")
    port = _port_number(arguments)
    if arguments.peek().isdecimal() and "." not in arguments.peek():
        raise NoSelector(arguments.column, "a selector has one port or all: write a line for each port")
    return port


def _port_number(arguments: Arguments) -> str:
    column, written = arguments.column, arguments.word("a port").lower()
    if written.isdecimal() and len(written) < 6 and int(written) < 65_536:
        return written
    if written not in _PORTS:
        raise Fault(column, f"unknown port {written!r}: write its number")
    return str(_PORTS[written])


def object_group(arguments: Arguments, device: Device) -> tuple[Device, list[str | Unclear], bool]:
    """``object-group network NAME``; groups of services and others are ignored."""
    kind = arguments.one_of("network", "service", "protocol", "icmp-type", "security", "user", "v6-network")
    name = arguments.word("a name")
    arguments.rest()
    return device, device.objects.setdefault(f"group {name}", []), kind in ("network", "v6-network")


def object_(arguments: Arguments, device: Device) -> tuple[Device, list[str | Unclear], bool]:
    """``object network NAME`` of an ASA."""
    kind = arguments.one_of("network", "service", "network-service")
    name = arguments.word("a name")
    arguments.rest()
    return device, device.objects.setdefault(f"object {name}", []), kind == "network"


Objects = tuple[Device, list[str | Unclear], bool]


def _member(arguments: Arguments, target: Objects) -> None:
    device, members, of_networks = target
    if not of_networks:
        arguments.rest()
        return
    try:
        members.append(_read_member(arguments, device))
    except Fault as fault:
        members.append(Unclear(arguments.place._replace(column=fault.column), str(fault)))


def _read_member(arguments: Arguments, device: Device) -> str:
    arguments.restart()
    column, word = arguments.column, arguments.peek()
    if word == "group-object":
        arguments.word(word)
        return f"group {arguments.word('a name')}"
    if word in ("network-object", "subnet"):
        arguments.word(word)
        word = arguments.peek()
    if word == "range":
        arguments.word(word)
        return f"{arguments.address()}-{arguments.address()}"
    if word == "fqdn":
        raise Fault(column, "host names are not supported in access lists")
    if word in ("any", "host", "object") or "/" in word:
        return _end(arguments, device)
    # object groups have netmasks, also on IOS
    return with_mask(arguments, IPv4Address(_named_address(arguments, device)), wildcard=False)


MEMBERS = Grammar(
    {
        **{each: Command(_member) for each in ("host", "range", "group-object", "network-object", "subnet", "fqdn")},
        "description": Command(ignored),
        "nat": Command(ignored),
    }
)
other_member = _member
