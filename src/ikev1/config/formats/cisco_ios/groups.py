"""Groups of remote users of IOS: their key, addresses and attributes."""

from __future__ import annotations

from ikev1.config.formats.cisco_ios.isakmp import ignored
from ikev1.config.formats.cisco_ios.model import Device, Group, Key
from ikev1.config.formats.cisco_ios.reading import Arguments, Set, texts
from ikev1.config.formats.cisco_ios.secrets import take_key
from ikev1.config.formats.cisco_ios.statements import Command, Grammar


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
