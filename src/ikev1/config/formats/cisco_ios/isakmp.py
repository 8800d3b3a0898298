"""Phase 1 of IOS: policies, keys, keyrings, profiles and the groups of remote users."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import (
    AggressivePeer,
    Device,
    Group,
    Keepalive,
    Key,
    Keyring,
    Match,
    Network,
    Policy,
    Profile,
)
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Set, texts
from ikev1.config.formats.cisco_ios.secrets import take_key
from ikev1.config.formats.cisco_ios.statements import Command, Grammar

LONGEST_LIFE = 86_400 * 365
_METHODS = ("pre-share", "rsa-sig", "rsa-encr", "ecdsa-sig", "crack")
_DEFAULT_RETRY = 2


def policy(arguments: Arguments, device: Device) -> Policy:
    number = arguments.number(1, 10_000)
    place = arguments.place
    arguments.end()
    return device.policies.setdefault(number, Policy(number, place))


def _encryption(arguments: Arguments, into: Policy) -> None:
    cipher = arguments.one_of("aes", "3des", "des", "aes-192", "aes-256", "aes-128")
    bits = arguments.keyword("128", "192", "256") if cipher == "aes" else ""
    into.encryption = Set(cipher.replace("-", "") + bits, arguments.place)
    arguments.end()


def _hash(arguments: Arguments, into: Policy) -> None:
    into.hash = Set(arguments.one_of("sha", "sha256", "sha384", "sha512", "md5"), arguments.place)
    arguments.end()


def _authentication(arguments: Arguments, into: Policy) -> None:
    method = arguments.one_of(*_METHODS)
    arguments.end()
    if method == "crack":
        arguments.unsupported("the policy is left out")
    into.authentication = Set(method, arguments.place)


def _group(arguments: Arguments, into: Policy) -> None:
    into.group = Set(arguments.number(1, 31), arguments.place)
    arguments.end()


def _lifetime(arguments: Arguments, into: Policy) -> None:
    if arguments.keyword("none"):
        arguments.lost("an ISAKMP SA lives for a day")
        return
    into.lifetime = Set(arguments.number(60, LONGEST_LIFE), arguments.place)
    arguments.end()


POLICY = Grammar(
    {
        "encryption": Command(_encryption),
        "hash": Command(_hash),
        "authentication": Command(_authentication),
        "group": Command(_group),
        "lifetime": Command(_lifetime),
    }
)


def owner(arguments: Arguments) -> tuple[Network | None, str]:
    """The network or host name that a key belongs to: any address for 0.0.0.0, else a host if there is no mask."""
    kind = arguments.one_of("address", "hostname", "ipv6")
    if kind == "hostname":
        return None, arguments.word("a host name").lower()
    if kind == "address" and arguments.keyword("ipv6"):
        kind = "ipv6"
    if kind == "ipv6":
        column, written = arguments.column, arguments.word("an IPv6 prefix")
        try:
            return ip_network(written, strict=False), ""
        except ValueError:
            raise Fault(column, f"{written!r} is not an IPv6 prefix") from None
    address = arguments.ipv4()
    return with_netmask(arguments, address, 0 if int(address) == 0 else 32), ""


def with_netmask(arguments: Arguments, address: IPv4Address, prefix: int) -> Network:
    """The network of an address and the netmask that may follow."""
    if not arguments.peek().replace(".", "").isdigit() or "." not in arguments.peek():
        return ip_network((int(address), prefix), strict=False)
    column, mask = arguments.column, arguments.ipv4()
    try:
        return ip_network(f"{address}/{mask}", strict=False)
    except ValueError:
        raise Fault(column, f"{str(mask)!r} is not a netmask") from None


def key(arguments: Arguments, device: Device) -> None:
    secret = take_key(arguments)
    network, hostname = owner(arguments)
    xauth = not arguments.keyword("no-xauth")
    arguments.end()
    add_key(device.keys, Key(secret, arguments.place, network, hostname, xauth))


def add_key(keys: list[Key], added: Key) -> None:
    """Add a key in place of that of the same owner."""
    keys[:] = [each for each in keys if (each.network, each.hostname) != (added.network, added.hostname)]
    keys.append(added)


def keyring(arguments: Arguments, device: Device) -> Keyring:
    name = arguments.word("a name")
    if arguments.keyword("vrf") and arguments.word("a name") != "default":
        arguments.unsupported("its peers are in a VRF, but the gateway has one routing table")
    arguments.end()
    return device.keyrings.setdefault(name, Keyring(name, arguments.place))


def _key_of_ring(arguments: Arguments, into: Keyring) -> None:
    network, hostname = owner(arguments)
    arguments.one_of("key")
    add_key(into.keys, Key(take_key(arguments), arguments.place, network, hostname))
    arguments.end()


def _local_address(arguments: Arguments, into: Keyring | Profile) -> None:
    into.local_address = Set(arguments.word("an address or an interface"), arguments.place)
    arguments.rest()


KEYRING = Grammar(
    {
        "pre-shared-key": Command(_key_of_ring),
        "local-address": Command(_local_address),
        "description": Command(lambda arguments, into: arguments.rest()),
        "rsa-pubkey": Command(lambda arguments, into: arguments.unsupported("the public key is not read")),
    }
)


def keepalive(arguments: Arguments, into: Device | Profile) -> None:
    delay = arguments.number(10, 3600)
    arguments.keyword("retry")
    retry = _DEFAULT_RETRY if not arguments.peek().isdigit() else arguments.number(2, 60)
    arguments.keyword("periodic", "on-demand")
    arguments.end()
    into.keepalive = Keepalive(delay, retry, arguments.place)


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
            arguments.unsupported(f"the peer is in the VRF {arguments.peek()}, but the gateway has one routing table")
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


def ignored(arguments: Arguments, into: object) -> None:
    """A command that changes nothing here."""
    arguments.rest()


PROFILE = Grammar(
    {
        "keyring": Command(_ring_of_profile),
        "match identity": Command(_match),
        "match certificate": Command(lambda arguments, into: arguments.unsupported("certificates are not read")),
        "self-identity": Command(_self_identity),
        "local-address": Command(_local_address),
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


def group(arguments: Arguments, device: Device) -> Group:
    name = arguments.word("a name")
    arguments.end()
    return device.groups.setdefault(name, Group(name, arguments.place))


def _key_of_group(arguments: Arguments, into: Group) -> None:
    into.key = Key(take_key(arguments), arguments.place)
    arguments.end()


def _servers(arguments: Arguments, attribute: str, into: Group) -> None:
    addresses = []
    while arguments.left:
        addresses.append(str(arguments.address()))
    setattr(into, attribute, Set(addresses, arguments.place))


def _word(arguments: Arguments, attribute: str, into: Group) -> None:
    setattr(into, attribute, Set(arguments.word("a name"), arguments.place))
    arguments.end()


def _banner(arguments: Arguments, into: Group) -> None:
    into.banner = Set(" ".join(texts(arguments.rest())), arguments.place)


def _split_dns(arguments: Arguments, into: Group) -> None:
    names = [*(into.split_dns.value if into.split_dns else ()), arguments.word("a domain")]
    into.split_dns = Set(names, arguments.place)
    arguments.end()


def _backup(arguments: Arguments, into: Group) -> None:
    into.backup.append(Set(arguments.word("an address or a name"), arguments.place))
    arguments.end()


def _flag(name: str) -> Command:
    def handle(arguments: Arguments, into: Group) -> None:
        into.flags[name] = arguments.place
        arguments.end()

    return Command(handle)


GROUP = Grammar(
    {
        "key": Command(_key_of_group),
        "pool": Command(lambda arguments, into: _word(arguments, "pool", into)),
        "acl": Command(lambda arguments, into: _word(arguments, "acl", into)),
        "domain": Command(lambda arguments, into: _word(arguments, "domain", into)),
        "netmask": Command(lambda arguments, into: _word(arguments, "netmask", into)),
        "dns": Command(lambda arguments, into: _servers(arguments, "dns", into)),
        "wins": Command(lambda arguments, into: _servers(arguments, "wins", into)),
        "split-dns": Command(_split_dns),
        "backup-gateway": Command(_backup),
        "banner": Command(_banner),
        "save-password": _flag("save_password"),
        "include-local-lan": _flag("local_lan"),
        "pfs": _flag("pfs"),
        "max-users": Command(lambda arguments, into: arguments.lost("the number of users is not limited")),
        "max-logins": Command(lambda arguments, into: arguments.lost("a user may log in more than once")),
        "group-lock": Command(
            lambda arguments, into: arguments.unsupported("users may log in whatever group they name")
        ),
        "access-restrict": Command(
            lambda arguments, into: arguments.unsupported("clients are accepted on all interfaces")
        ),
        "firewall": Command(lambda arguments, into: arguments.lost("clients are not asked about firewalls")),
        "browser-proxy": Command(lambda arguments, into: arguments.lost("clients are not told about proxies")),
        "configuration": Command(lambda arguments, into: arguments.lost("clients get no configuration from a URL")),
        "auto-update": Command(lambda arguments, into: arguments.lost("clients are not updated")),
        "dhcp": Command(lambda arguments, into: arguments.unsupported("addresses come from a pool only")),
        "subscriber-only": Command(ignored),
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


def identity(arguments: Arguments, device: Device) -> None:
    chosen = arguments.one_of("address", "hostname", "dn", "auto", "key-id")
    if chosen == "key-id":
        chosen = f"keyid:{arguments.word('a key ID')}"
    arguments.end()
    device.identity = Set("address" if chosen == "auto" else chosen, arguments.place)


def nat_keepalive(arguments: Arguments, device: Device) -> None:
    if not arguments.left:  # of ASA, which then has a default
        return
    device.nat_keepalive = Set(arguments.number(5, 3600), arguments.place)
    arguments.end()


def aggressive_disabled(arguments: Arguments, device: Device) -> None:
    arguments.end()
    device.aggressive = Set(False, arguments.place)


def ikev2(arguments: Arguments, device: Device) -> None:
    arguments.rest()
    arguments.report.warn(arguments.place._replace(key="crypto ikev2"), Rule.NOT_IKEV1, "is skipped: IKEv2")
