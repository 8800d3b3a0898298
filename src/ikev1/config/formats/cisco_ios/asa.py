"""The commands of ASA that IOS does not have, or that are spelled in another way there."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from ikev1.config.formats.cisco_ios import access_lists, ipsec, isakmp
from ikev1.config.formats.cisco_ios.device import COMMON, ELSEWHERE, IKEV2, lost, unsupported
from ikev1.config.formats.cisco_ios.isakmp import ignored
from ikev1.config.formats.cisco_ios.model import (
    Device,
    Entry,
    Group,
    Ipsec,
    Keepalive,
    Key,
    Keyring,
    Map,
    Match,
    Profile,
    TransformSet,
    TunnelGroup,
)
from ikev1.config.formats.cisco_ios.reading import Arguments, Set, texts
from ikev1.config.formats.cisco_ios.secrets import take_key
from ikev1.config.formats.cisco_ios.statements import Command, Grammar

_VERSION = re.compile(r"(\d+)\.(\d+)")
_ANY = ip_network("0.0.0.0/0")
_DEFAULT_GROUP = "defaultl2lgroup"
_DELAY, _DELAY_OF_CLIENTS, _RETRY = 10, 300, 2  # seconds
_OTHER_ATTRIBUTES = ("webvpn-attributes", "ppp-attributes")


def _version(arguments: Arguments, device: Device) -> None:
    found = _VERSION.match(arguments.peek())
    device.version = (int(found[1][:4]), int(found[2][:4])) if found else (0, 0)


def _name(arguments: Arguments, device: Device) -> None:
    """``name ADDRESS NAME``; in other modes, the word means something else."""
    address = arguments.peek()
    if address.replace(".", "").isdecimal() and arguments.left > 1:
        arguments.word("an address")
        device.names[arguments.word("a name").lower()] = address
    arguments.rest()


def _transform_set(arguments: Arguments, device: Device) -> TransformSet | None:
    """A set, or in a line of its own its mode."""
    if len(arguments.statement.words) - arguments.left + 1 < len(arguments.statement.words):
        words = texts(arguments.statement.words)
        if words[-2].lower() == "mode":
            known = device.transform_sets.get(words[-3])
            if known is not None:
                known.mode = Set(words[-1].lower(), arguments.place)
            arguments.rest()
            return None
    return ipsec.transform_set(arguments, device)


def _map(arguments: Arguments, device: Device) -> None:
    """``crypto map NAME interface IF``, or a property of an entry."""
    name = arguments.word("the name of a map")
    whole = device.maps.setdefault(name, Map(name, arguments.place._replace(key=f"crypto map {name}")))
    if arguments.keyword("interface"):
        whole.interfaces.append(Set(arguments.word("the name of an interface"), arguments.place))
        return
    if arguments.keyword("client"):
        arguments.rest()  # users of a remote access group are asked for anyway
        return
    _entry(arguments, whole)


def _dynamic_map(arguments: Arguments, device: Device) -> None:
    name = arguments.word("the name of a map")
    _entry(arguments, device.dynamic_maps.setdefault(name, Map(name, arguments.place)))


def _entry(arguments: Arguments, whole: Map) -> None:
    number = arguments.number(1, 65_535)
    arguments.key = f"{arguments.key} {whole.name} {number}"
    entry = whole.entries.setdefault(number, Entry(arguments.place, map=whole.name, number=number))
    if arguments.keyword("ipsec-isakmp"):
        if arguments.keyword("dynamic"):
            entry.dynamic = Set(arguments.word("the name of a dynamic map"), arguments.place)
        return
    arguments.delegate(_ENTRY, entry)


def _peers(arguments: Arguments, into: Entry) -> None:
    into.peers = [Set(word.text.lower(), arguments.place) for word in arguments.rest()]


def _nat_disabled(arguments: Arguments, into: Entry) -> None:
    arguments.end()
    into.nat_traversal = False


def _aggressive(arguments: Arguments, into: Entry) -> None:
    if arguments.one_of("aggressive", "main") == "aggressive":
        into.aggressive = Set(True, arguments.place)
    arguments.rest()


def _connection_type(arguments: Arguments, into: Entry) -> None:
    kind = arguments.one_of("bidirectional", "answer-only", "originate-only")
    if kind == "answer-only":
        into.answers_only = Set(True, arguments.place)
    elif kind == "originate-only":
        arguments.lost("the peer may initiate, too")


def _ikev2(arguments: Arguments, into: Ipsec) -> None:
    into.ikev2 = Set(" ".join(texts(arguments.rest())), arguments.place)


_ENTRY = Grammar(
    {
        **ipsec.COMMON,
        "set peer": Command(_peers),
        "match address": Command(ipsec.match_address),
        "set ikev1 transform-set": Command(ipsec.transform_sets),
        "set ikev2 ipsec-proposal": Command(_ikev2),
        "set ikev2 pre-shared-key": Command(ignored),
        "set ikev1 phase1-mode": Command(_aggressive),
        "set phase1-mode": Command(_aggressive),
        "set nat-t-disable": Command(_nat_disabled),
        "set connection-type": Command(_connection_type),
        "set reverse-route": Command(ipsec.reverse_route),
        "set trustpoint": unsupported("certificates are not read"),
        "set inheritance": unsupported("there is one pair of SAs for each line of the access list"),
        "set tfc-packets": unsupported("packets are not padded, so their lengths show"),
        "set validate-icmp-errors": Command(ignored),
    }
)
_PROFILE = Grammar(
    {
        **ipsec.COMMON,
        "set ikev1 transform-set": Command(ipsec.transform_sets),
        "set ikev2 ipsec-proposal": Command(_ikev2),
        "responder-only": Command(ipsec.responder_only),
    }
)


def _tunnel_group(arguments: Arguments, device: Device) -> TunnelGroup | None:
    name = arguments.word("a name")
    key = f"tunnel-group {name}"
    found = device.tunnel_groups.setdefault(name, TunnelGroup(name, arguments.place._replace(key=key)))
    if arguments.keyword("type"):
        found.kind = arguments.one_of("ipsec-l2l", "remote-access", "ipsec-ra", "webvpn")
        return None
    return None if arguments.keyword(*_OTHER_ATTRIBUTES) else found


def _pre_shared_key(arguments: Arguments, into: TunnelGroup) -> None:
    into.key = Key(take_key(arguments), arguments.place)
    arguments.end()


def _keepalive(arguments: Arguments, into: TunnelGroup) -> None:
    if arguments.keyword("disable"):
        into.keepalive = Keepalive(0, _RETRY, arguments.place)
        return
    if arguments.keyword("threshold") and arguments.keyword("infinite"):
        into.keepalive = Keepalive(0, _RETRY, arguments.place)
        return
    delay = arguments.number(10, 3600)
    retry = arguments.number(2, 10) if arguments.keyword("retry") else _RETRY
    into.keepalive = Keepalive(delay, retry, arguments.place)


def _user_authentication(arguments: Arguments, into: TunnelGroup) -> None:
    if arguments.peek().startswith("("):
        arguments.word("an interface")
    kind = arguments.one_of("none", "xauth", "hybrid")
    if kind == "hybrid":
        arguments.unsupported("certificates are not read, which hybrid authentication needs")
    into.xauth = Set(kind != "none", arguments.place)


def _setter(attribute: str) -> Command:
    def handle(arguments: Arguments, into: TunnelGroup) -> None:
        if arguments.peek().startswith("("):
            arguments.word("an interface")
        setattr(into, attribute, Set(arguments.word("a name"), arguments.place))
        arguments.rest()

    return Command(handle)


_TUNNEL_GROUP = Grammar(
    {
        "ikev1 pre-shared-key": Command(_pre_shared_key),
        "pre-shared-key": Command(_pre_shared_key),
        "ikev1 trust-point": unsupported("certificates are not read"),
        "trust-point": unsupported("certificates are not read"),
        "ikev1 user-authentication": Command(_user_authentication),
        "isakmp ikev1-user-authentication": Command(_user_authentication),
        "isakmp keepalive": Command(_keepalive),
        "ikev1 radius-sdi-xauth": Command(ignored),
        "ikev2": Command(ignored),
        "peer-id-validate": Command(ignored),  # of certificates
        "chain": Command(ignored),
        "address-pool": _setter("pool"),
        "default-group-policy": _setter("policy"),
        "authentication-server-group": _setter("users"),
    }
)


def _group_policy(arguments: Arguments, device: Device) -> Group | None:
    name = arguments.word("a name")
    if arguments.one_of("internal", "external", "attributes") != "attributes":
        arguments.rest()
        return None
    return device.group_policies.setdefault(name, Group(name, arguments.place))


def _value(attribute: str, *, several: bool = False) -> Command:
    def handle(arguments: Arguments, into: Group) -> None:
        if arguments.keyword("none"):
            return
        arguments.one_of("value")
        words = texts(arguments.rest())
        if attribute == "banner" and into.banner is not None:
            words = [into.banner.value, *words]
        setattr(into, attribute, Set(words if several else " ".join(words), arguments.place))

    return Command(handle)


def _split_policy(arguments: Arguments, into: Group) -> None:
    into.split = Set(arguments.one_of("tunnelall", "tunnelspecified", "excludespecified"), arguments.place)


def _flag(name: str) -> Command:
    def handle(arguments: Arguments, into: Group) -> None:
        if arguments.one_of("enable", "disable") == "enable":
            into.flags[name] = arguments.place

    return Command(handle)


_GROUP_POLICY = Grammar(
    {
        "dns-server": _value("dns", several=True),
        "wins-server": _value("wins", several=True),
        "default-domain": _value("domain"),
        "split-dns": _value("split_dns", several=True),
        "banner": _value("banner"),
        "split-tunnel-policy": Command(_split_policy),
        "split-tunnel-network-list": _value("acl"),
        "password-storage": _flag("save_password"),
        "pfs": _flag("pfs"),
        "vpn-filter": unsupported("decrypted packets are not filtered: use a packet filter"),
        "group-lock": unsupported("users may log in whatever group they name"),
        "vpn-idle-timeout": lost("idle SAs are not closed"),
        "vpn-session-timeout": lost("sessions have no end"),
        "vpn-simultaneous-logins": lost("a user may log in more than once"),
    }
)


ASA = Grammar(
    {
        **COMMON,
        "asa version": Command(_version),
        "pix version": Command(_version),
        "name": Command(_name),
        "object": Command(access_lists.object_, access_lists.MEMBERS, others=ignored),
        "tunnel-group": Command(_tunnel_group, _TUNNEL_GROUP),
        "group-policy": Command(_group_policy, _GROUP_POLICY, others=ignored),
        "crypto ikev1 policy": Command(isakmp.policy, isakmp.POLICY),
        "crypto ikev1 enable": Command(ignored),
        "crypto ikev1 am-disable": Command(isakmp.aggressive_disabled),
        "crypto isakmp am-disable": Command(isakmp.aggressive_disabled),
        "crypto isakmp enable": Command(ignored),
        "crypto isakmp nat-traversal": Command(isakmp.nat_keepalive),
        "crypto isakmp disconnect-notify": Command(ignored),
        "crypto isakmp reload-wait": Command(ignored),
        "crypto ikev1 ipsec-over-tcp": lost("IKE and ESP use UDP"),
        "crypto ikev1 limit": lost("half_open_limit limits the number of peers"),
        "crypto ipsec ikev1 transform-set": Command(_transform_set),
        "crypto ipsec transform-set": Command(_transform_set),
        "crypto ipsec ikev2": IKEV2,
        "crypto ipsec profile": Command(ipsec.ipsec_profile, _PROFILE),
        "crypto ipsec security-association pmtu-aging": Command(ignored),
        "crypto map": Command(_map),
        "crypto dynamic-map": Command(_dynamic_map),
        "crypto ca": ELSEWHERE,
    },
    3,
)


def finish(device: Device) -> None:
    """Make what IOS has of tunnel groups: a profile with a key for each peer, and groups of remote users."""
    last: list[Profile] = []
    device.user_lists["LOCAL"] = Set(["local"], device.place)
    for tunnel_group in device.tunnel_groups.values():
        if tunnel_group.kind == "ipsec-l2l" and tunnel_group.key is not None:
            made = _profile(device, tunnel_group, tunnel_group.key)
            if tunnel_group.name.lower() == _DEFAULT_GROUP:
                last.append(made)
            else:
                device.profiles[made.name] = made
        elif tunnel_group.kind in ("remote-access", "ipsec-ra") and tunnel_group.key is not None:
            device.groups[tunnel_group.name] = _group(device, tunnel_group, tunnel_group.key)
    device.profiles.update({each.name: each for each in last})


def _profile(device: Device, tunnel_group: TunnelGroup, key: Key) -> Profile:
    name = tunnel_group.name
    match = Match("host", name, tunnel_group.place)
    if name.lower() == _DEFAULT_GROUP:
        key.network = match.network = _ANY
    else:
        try:
            key.network = match.network = ip_network(ip_address(name))
        except ValueError:
            key.hostname = name.lower()
    ring = device.keyrings[name] = Keyring(name, tunnel_group.place)
    ring.keys.add(key)
    keepalive = tunnel_group.keepalive or Keepalive(_DELAY, _RETRY)
    return Profile(name, tunnel_group.place, [Set(name, tunnel_group.place)], [match], keepalive=keepalive)


def _group(device: Device, tunnel_group: TunnelGroup, key: Key) -> Group:
    policy = device.group_policies.get(tunnel_group.policy.value if tunnel_group.policy else "DfltGrpPolicy")
    made = policy or Group(tunnel_group.name, tunnel_group.place)
    group = Group(**{**vars(made), "name": tunnel_group.name, "place": tunnel_group.place, "key": key})
    group.pool = tunnel_group.pool
    group.keepalive = tunnel_group.keepalive or Keepalive(_DELAY_OF_CLIENTS, _RETRY)
    if group.acl is not None and (group.split is None or group.split.value != "tunnelspecified"):
        excludes = group.split is not None and group.split.value == "excludespecified"
        group.acl, group.exclude = None, group.acl if excludes else None
    if tunnel_group.xauth is None or tunnel_group.xauth.value:
        group.user_list = tunnel_group.users or Set("LOCAL", tunnel_group.place)
    return group
