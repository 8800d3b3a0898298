"""ISAKMP profiles of IOS: who a peer is, and which keyring is for it; and peers that are called in Aggressive Mode."""

from __future__ import annotations

from ipaddress import ip_network

from ikev1.config.formats.cisco_ios.isakmp import ignored, keepalive, local_address, with_netmask
from ikev1.config.formats.cisco_ios.model import AggressivePeer, Device, Key, Match, Network, Profile
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Set
from ikev1.config.formats.cisco_ios.secrets import take_key
from ikev1.config.formats.cisco_ios.statements import Command, Grammar


def profile(arguments: Arguments, device: Device) -> Profile:
    name = arguments.word("a name")
    if arguments.keyword("accounting"):
        arguments.rest()
    arguments.end()
    return device.profiles.setdefault(name, Profile(name, arguments.place))


def _match(arguments: Arguments, into: Profile) -> None:
    kind = arguments.one_of("address", "host", "user", "group")
    network = None
    if kind == "address":
        network, value = owner_of_match(arguments), ""
        if arguments.left:
            vrf = arguments.word("a name")
            arguments.unsupported(f"the peer is in the VRF {vrf}, but the gateway has one routing table")
    else:
        if kind in ("host", "user") and arguments.keyword("domain"):
            kind = f"{kind} domain"
        value = arguments.word("a name")
    arguments.end()
    into.matches.append(Match(kind, value, arguments.place, network))


def owner_of_match(arguments: Arguments) -> Network:
    """The address and mask of ``match identity address``."""
    if arguments.keyword("ipv6"):
        column, written = arguments.column, arguments.word("an IPv6 prefix")
        try:
            return ip_network(written, strict=False)
        except ValueError:
            raise Fault(column, f"{written!r} is not an IPv6 prefix") from None
    address = arguments.ipv4()
    return with_netmask(arguments, address, 0 if int(address) == 0 else 32)


def _self_identity(arguments: Arguments, into: Profile) -> None:
    kind = arguments.one_of("address", "fqdn", "user-fqdn")
    if kind == "address":
        into.own_identity = Set("address", arguments.place)
        arguments.keyword("ipv6")
    elif kind == "fqdn":
        into.own_identity = Set(f"@{arguments.word('a name')}" if arguments.left else "hostname", arguments.place)
    else:
        into.own_identity = Set(f"userfqdn:{arguments.word('user@name')}", arguments.place)
    arguments.end()


def _ring_of_profile(arguments: Arguments, into: Profile) -> None:
    into.keyrings.append(Set(arguments.word("the name of a keyring"), arguments.place))
    arguments.end()


def _client(arguments: Arguments, into: Profile) -> None:
    what = arguments.one_of("authentication", "configuration", "accounting", "pki")
    if what == "authentication" and arguments.keyword("list"):
        into.user_list = Set(arguments.word("the name of a list"), arguments.place)
    elif what == "configuration" and arguments.keyword("address"):
        into.respond = Set(arguments.one_of("respond", "initiate"), arguments.place)
    else:
        arguments.lost("only lists of users, and the address of clients, are read")
    arguments.rest()


def _initiate(arguments: Arguments, into: Profile) -> None:
    arguments.one_of("mode")
    arguments.one_of("aggressive")
    into.aggressive = Set(True, arguments.place)
    arguments.end()


def _template(arguments: Arguments, into: Profile) -> None:
    into.template = Set(arguments.word("a number"), arguments.place)
    arguments.end()


PROFILE = Grammar(
    {
        "keyring": Command(_ring_of_profile),
        "match identity": Command(_match),
        "match certificate": Command(lambda arguments, into: arguments.unsupported("certificates are not read")),
        "self-identity": Command(_self_identity),
        "local-address": Command(local_address),
        "keepalive": Command(keepalive),
        "initiate": Command(_initiate),
        "client": Command(_client),
        "virtual-template": Command(_template),
        "isakmp authorization": Command(ignored),  # where groups are configured
        "accounting": Command(lambda arguments, into: arguments.lost("there is no accounting")),
        "qos-group": Command(lambda arguments, into: arguments.lost("packets have no group")),
        "ca trust-point": Command(lambda arguments, into: arguments.unsupported("certificates are not read")),
        "vrf": Command(
            lambda arguments, into: arguments.unsupported("the traffic of the tunnel is in the usual routing table")
        ),
        "description": Command(ignored),
    }
)


def aggressive_peer(arguments: Arguments, device: Device) -> AggressivePeer:
    if arguments.one_of("address", "hostname", "ip-address") == "hostname":
        address = arguments.word("a host name").lower()
    else:
        address = str(arguments.address())
    if arguments.left:
        arguments.unsupported("the peer is in a VRF, but the gateway has one routing table")
    return device.aggressive_peers.setdefault(address, AggressivePeer(address, arguments.place))


def _client_endpoint(arguments: Arguments, into: AggressivePeer) -> None:
    kind = arguments.one_of("fqdn", "user-fqdn", "ipv4-address")
    prefix = {"fqdn": "@", "user-fqdn": "userfqdn:", "ipv4-address": ""}[kind]
    into.identity = Set(prefix + arguments.word("an identity"), arguments.place)
    arguments.end()


def _aggressive_key(arguments: Arguments, into: AggressivePeer) -> None:
    into.key = Key(take_key(arguments), arguments.place)
    arguments.end()


AGGRESSIVE_PEER = Grammar(
    {
        "set aggressive-mode client-endpoint": Command(_client_endpoint),
        "set aggressive-mode password": Command(_aggressive_key),
        "description": Command(ignored),
    }
)
