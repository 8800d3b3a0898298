"""Phase 1 of IOS: policies, keys, keyrings, and what holds for all peers."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import (
    Device,
    Keepalive,
    Key,
    Keyring,
    Network,
    Policy,
    Profile,
)
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Set
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
    device.keys.add(Key(secret, arguments.place, network, hostname, xauth))


def keyring(arguments: Arguments, device: Device) -> Keyring:
    name = arguments.word("a name")
    if arguments.keyword("vrf") and arguments.word("a name") != "default":
        arguments.unsupported("its peers are in a VRF, but the gateway has one routing table")
    arguments.end()
    return device.keyrings.setdefault(name, Keyring(name, arguments.place))


def _key_of_ring(arguments: Arguments, into: Keyring) -> None:
    network, hostname = owner(arguments)
    arguments.one_of("key")
    into.keys.add(Key(take_key(arguments), arguments.place, network, hostname))
    arguments.end()


def local_address(arguments: Arguments, into: Keyring | Profile) -> None:
    """The address of the router, or the interface that has it."""
    into.local_address = Set(arguments.word("an address or an interface"), arguments.place)
    arguments.rest()


KEYRING = Grammar(
    {
        "pre-shared-key": Command(_key_of_ring),
        "local-address": Command(local_address),
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


def ignored(arguments: Arguments, into: object) -> None:
    """A command that changes nothing here."""
    arguments.rest()


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
