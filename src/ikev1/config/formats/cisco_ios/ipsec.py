"""Phase 2 of IOS: transform sets, crypto maps, IPsec profiles and lifetimes."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.isakmp import LONGEST_LIFE, ignored
from ikev1.config.formats.cisco_ios.model import Device, Entry, Ipsec, Map, TransformSet
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Set
from ikev1.config.formats.cisco_ios.statements import Command, Grammar

_CIPHERS = {
    "esp-aes": "aes",
    "esp-3des": "3des",
    "esp-des": "des",
    "esp-null": "null",
    "esp-gcm": "aes{}gcm16",
    "esp-gmac": "aes{}gmac",
}
_CIPHERS |= {f"esp-aes-{bits}": f"aes{bits}" for bits in ("128", "192", "256")}
_WITH_SIZE = ("esp-aes", "esp-gcm", "esp-gmac")
_HASHES = {
    "sha": "sha1",
    "sha1": "sha1",
    "md5": "md5",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
}
_MOST_KILOBYTES = 4_294_967_295
_MOST_SETS = 11  # transform sets of an entry
_GROUP = "group"


def transform_set(arguments: Arguments, device: Device) -> TransformSet:
    name = arguments.word("a name")
    found = TransformSet(name, arguments.place)
    while arguments.left:
        _transform(arguments, found)
    if found.ah and (found.cipher or found.hash):
        arguments.unsupported("ESP and AH cannot be combined: the set is used without AH")
        found.ah = ""
    if found.cipher and not found.hash and not found.protects_itself:
        text = "encrypts without protecting the integrity, which RFC 8221 §4 forbids: add a hash, such as esp-sha-hmac"
        arguments.report.error(arguments.place, Rule.INVALID_VALUE, text)
    if found.hash and not found.cipher:
        found.cipher = "null"
    if not (found.cipher or found.ah):
        raise Fault(arguments.column, "expected a transform, such as esp-aes, and esp-sha-hmac", Rule.SYNTAX)
    device.transform_sets[name] = found
    return found


def _transform(arguments: Arguments, into: TransformSet) -> None:
    column, written = arguments.column, arguments.word("a transform").lower()
    protocol, _, hashed = written.partition("-")
    if written in _CIPHERS:
        bits = arguments.keyword("128", "192", "256") if written in _WITH_SIZE else ""
        cipher = _CIPHERS[written]
        into.cipher = cipher.format(bits or "128") if "{}" in cipher else cipher + bits
    elif hashed.endswith("-hmac") and hashed.removesuffix("-hmac") in _HASHES and protocol in ("esp", "ah"):
        word = _HASHES[hashed.removesuffix("-hmac")]
        if protocol == "esp":
            into.hash = word
        else:
            into.ah = word
    elif written == "esp-none":  # of ASA: no hash
        return
    elif written == "comp-lzs":
        place = arguments.place._replace(column=column)
        arguments.report.lost(place, "packets are not compressed (comp-lzs)")
    elif written in ("esp-seal", "ah-rfc1828", "esp-rfc1829"):
        arguments.keyword("128", "192", "256", "160")
        place = arguments.place._replace(column=column)
        arguments.report.unsupported(place, f"there is no {written}: the set is used without it")
    else:
        allowed = ", ".join((*_CIPHERS, *(f"esp-{word}-hmac" for word in _HASHES), "ah-sha-hmac"))
        raise Fault(column, f"unknown transform {written!r}; expected some of {allowed}", Rule.UNKNOWN_KEY)


def _mode(arguments: Arguments, into: TransformSet) -> None:
    into.mode = Set(arguments.one_of("tunnel", "transport"), arguments.place)
    arguments.keyword("require")
    arguments.end()


TRANSFORM_SET = Grammar({"mode": Command(_mode)})


def crypto_map(arguments: Arguments, device: Device) -> object:
    """An entry of a static map, or a property of the whole map."""
    whole, number = _map(arguments, device.maps)
    if number is None:
        _of_whole_map(arguments, whole)
        return None
    kind = arguments.keyword("ipsec-isakmp", "ipsec-manual", "gdoi")
    if kind in ("ipsec-manual", "gdoi"):
        arguments.unsupported(f"there are only SAs that IKEv1 negotiates, not those of {kind}")
        return Entry(arguments.place, map=whole.name, number=number)
    entry = whole.entries.setdefault(number, Entry(arguments.place, map=whole.name, number=number))
    if arguments.keyword("dynamic"):
        entry.dynamic = Set(arguments.word("the name of a dynamic map"), arguments.place)
        arguments.keyword("discover")
    elif arguments.keyword("profile"):
        entry.profile = Set(arguments.word("the name of a profile"), arguments.place)
    arguments.end()
    return entry


def dynamic_map(arguments: Arguments, device: Device) -> object:
    whole, number = _map(arguments, device.dynamic_maps)
    if number is None:
        raise Fault(arguments.column, "expected a number behind the name of the map", Rule.SYNTAX)
    arguments.end()
    return whole.entries.setdefault(number, Entry(arguments.place, map=whole.name, number=number))


def _map(arguments: Arguments, maps: dict[str, Map]) -> tuple[Map, int | None]:
    if arguments.keyword("ipv6"):
        pass
    name = arguments.word("the name of a map")
    whole = maps.setdefault(name, Map(name, arguments.place._replace(key=f"crypto map {name}")))
    return whole, arguments.number(0, 65_535) if arguments.peek().isdigit() else None


def _of_whole_map(arguments: Arguments, whole: Map) -> None:
    what = arguments.one_of("local-address", "client", "isakmp", "isakmp-profile", "redundancy", "gdoi")
    if what == "local-address":
        whole.local_address = Set(arguments.word("an interface"), arguments.place)
    elif what == "client" and arguments.keyword("authentication"):
        arguments.one_of("list")
        whole.user_list = Set(arguments.word("the name of a list"), arguments.place)
    elif what == "client" and arguments.keyword("configuration"):
        arguments.one_of("address")
        whole.respond = Set(arguments.one_of("respond", "initiate"), arguments.place)
    elif what == "client":
        arguments.lost("there is no accounting")
    elif what == "isakmp-profile":
        whole.profile = Set(arguments.word("the name of a profile"), arguments.place)
    elif what in ("redundancy", "gdoi"):
        arguments.unsupported("the map is used without it")
    arguments.rest()


def _peer(arguments: Arguments, into: Entry) -> None:
    name = arguments.word("an address or a name")
    peer = Set(name.lower(), arguments.place)
    first = arguments.keyword("dynamic", "default") == "default" or arguments.keyword("default")
    arguments.end()
    into.peers = [each for each in into.peers if each.value != peer.value]
    into.peers.insert(0 if first else len(into.peers), peer)


def transform_sets(arguments: Arguments, into: Ipsec) -> None:
    """The transform sets, the preferred first."""
    names = [word.text for word in arguments.rest()]
    if not 0 < len(names) <= _MOST_SETS:
        raise Fault(arguments.column, f"expected 1 to {_MOST_SETS} names of transform sets", Rule.SYNTAX)
    into.transform_sets = [Set(name, arguments.place) for name in names]


def _pfs(arguments: Arguments, into: Ipsec) -> None:
    column, word = arguments.column, arguments.peek()
    number = 0  # the default
    if arguments.left:
        arguments.word("a group")
        number = int(word.removeprefix(_GROUP)) if word.removeprefix(_GROUP).isdecimal() and len(word) < 9 else -1
    if number < 0:
        raise Fault(column, f"{word!r} is not allowed: expected a group, such as group14")
    into.pfs = Set(number, arguments.place)
    arguments.end()


def match_address(arguments: Arguments, into: Entry) -> None:
    """The access list of what is protected."""
    arguments.keyword("ipv6")
    into.acl = Set(arguments.word("an access list"), arguments.place)
    arguments.end()


def _isakmp_profile(arguments: Arguments, into: Ipsec) -> None:
    into.profile = Set(arguments.word("the name of a profile"), arguments.place)
    arguments.end()


def _ikev2_profile(arguments: Arguments, into: Ipsec) -> None:
    into.ikev2 = Set(arguments.word("the name of a profile"), arguments.place)
    arguments.end()


def lifetime(arguments: Arguments, into: Ipsec | Device) -> None:
    """The lifetimes of IPsec SAs."""
    while arguments.left:
        unit = arguments.one_of("seconds", "kilobytes", "days")
        if unit == "kilobytes":
            unlimited = arguments.keyword("disable", "unlimited")
            into.kilobytes = Set(0 if unlimited else arguments.number(2560, _MOST_KILOBYTES), arguments.place)
        elif unit == "days":
            into.lifetime = Set(86_400 * arguments.number(1, 30), arguments.place)
        elif arguments.keyword("unlimited"):
            arguments.lost("SAs live for the default time")
        else:
            into.lifetime = Set(arguments.number(120, LONGEST_LIFE), arguments.place)


def replay(arguments: Arguments, into: Ipsec | Device) -> None:
    """The window that protects against replays."""
    if arguments.keyword("disable"):
        into.window = Set(0, arguments.place)
    else:
        arguments.one_of("window-size")
        into.window = Set(arguments.number(1, 4096), arguments.place)
    arguments.end()


def reverse_route(arguments: Arguments, into: Ipsec) -> None:
    """Routes to the networks of the peer."""
    arguments.lost("traffic needs no route of its own into the tunnel, and other routers get none")


def responder_only(arguments: Arguments, into: Ipsec) -> None:
    """The router does not initiate."""
    arguments.end()
    into.responder_only = Set(True, arguments.place)


COMMON = {
    "set transform-set": Command(transform_sets),
    "set pfs": Command(_pfs),
    "set isakmp-profile": Command(_isakmp_profile),
    "set ikev2-profile": Command(_ikev2_profile),
    "set security-association lifetime": Command(lifetime),
    "set security-association replay": Command(replay),
    "set security-association idle-time": Command(lambda arguments, into: arguments.lost("idle SAs are not closed")),
    "set security-association level": Command(
        lambda arguments, into: arguments.unsupported("there is one pair of SAs for each line of the access list")
    ),
    "set security-association dummy": Command(
        lambda arguments, into: arguments.unsupported("no dummy packets are sent, so the amount of traffic shows")
    ),
    "set security-association dfbit": Command(lambda arguments, into: arguments.lost("the DF bit is copied")),
    "set security-association ecn": Command(lambda arguments, into: arguments.lost("ECN is copied")),
    "set security-policy": Command(lambda arguments, into: arguments.lost("the number of SAs is not limited")),
    "set nat demux": Command(ignored),  # clients behind one NAT are told apart anyway
    "set reverse-route": Command(lambda arguments, into: arguments.lost("routes have no such property")),
    "set ip access-group": Command(
        lambda arguments, into: arguments.unsupported("decrypted packets are not filtered: use a packet filter")
    ),
    "set identity": Command(
        lambda arguments, into: arguments.unsupported("a peer is accepted whatever distinguished name it has")
    ),
    "set df-bit": Command(lambda arguments, into: arguments.lost("the DF bit is copied")),
    "reverse-route": Command(reverse_route),
    "responder-only": Command(responder_only),
    "qos pre-classify": Command(lambda arguments, into: arguments.lost("packets are classified after encryption")),
    "description": Command(ignored),
}


def _description(arguments: Arguments, into: Entry) -> None:
    """What the user wrote about an entry."""
    described = " ".join(word.text for word in arguments.rest())
    into.description = described


ENTRY = Grammar(
    {
        **COMMON,
        "description": Command(_description),
        "set peer": Command(_peer),
        "match address": Command(match_address),
        "set mixed-mode": Command(ignored),
    }
)
IPSEC_PROFILE = Grammar(COMMON)


def ipsec_profile(arguments: Arguments, device: Device) -> Ipsec:
    name = arguments.word("a name")
    arguments.end()
    return device.ipsec_profiles.setdefault(name, Ipsec(arguments.place))
