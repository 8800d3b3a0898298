"""The commands of a router, read into a `Device`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios import access_lists, groups, interfaces, ipsec, isakmp, profiles, users
from ikev1.config.formats.cisco_ios.isakmp import ignored
from ikev1.config.formats.cisco_ios.model import Device
from ikev1.config.formats.cisco_ios.reading import Arguments, Fault, Report
from ikev1.config.formats.cisco_ios.statements import Command, Grammar, Router, Statement
from ikev1.config.formats.written import Place


def lost(text: str) -> Command:
    """A command that has no counterpart."""
    return Command(lambda arguments, device: arguments.lost(text))


def unsupported(text: str) -> Command:
    """A command that the gateway lacks, which matters."""
    return Command(lambda arguments, device: arguments.unsupported(text))


ELSEWHERE = Command(ignored, Grammar({}), others=ignored)  # a mode without meaning here
IKEV2 = Command(isakmp.ikev2, Grammar({}), others=ignored)
COMMON = {
    "interface": Command(interfaces.interface, interfaces.INTERFACE, others=ignored),
    "access-list": Command(access_lists.numbered),
    "object-group": Command(access_lists.object_group, access_lists.MEMBERS, others=access_lists.other_member),
    "ip local pool": Command(users.pool),
    "username": Command(users.user, Grammar({}), others=ignored),
    "crypto isakmp policy": Command(isakmp.policy, isakmp.POLICY),
    "crypto isakmp identity": Command(isakmp.identity),
    "isakmp": unsupported("of PIX: write the commands as ASA shows them, crypto isakmp policy and tunnel-group"),
    "crypto ikev2": IKEV2,
    "crypto pki": ELSEWHERE,
    "crypto ca": ELSEWHERE,
    "crypto key": ELSEWHERE,
    "crypto engine": ELSEWHERE,
    "crypto ipsec security-association lifetime": Command(ipsec.lifetime),
    "crypto ipsec security-association replay": Command(ipsec.replay),
    "crypto ipsec security-association idle-time": lost("idle SAs are not closed"),
    "crypto ipsec df-bit": lost("the DF bit is copied"),
    "crypto ipsec fragmentation": lost("packets are fragmented by their path MTU"),
}
IOS = Grammar(
    {
        **COMMON,
        "ip access-list": Command(access_lists.named, access_lists.LINES, others=access_lists.other_line),
        "ip route": Command(interfaces.route),
        "ip domain name": Command(users.domain),
        "ip domain-name": Command(users.domain),
        "aaa authentication login": Command(users.login),
        "crypto isakmp key": Command(isakmp.key),
        "crypto isakmp keepalive": Command(isakmp.keepalive),
        "crypto isakmp nat keepalive": Command(isakmp.nat_keepalive),
        "crypto isakmp aggressive-mode disable": Command(isakmp.aggressive_disabled),
        "crypto isakmp profile": Command(profiles.profile, profiles.PROFILE),
        "crypto isakmp client configuration group": Command(groups.group, groups.GROUP),
        "crypto isakmp client configuration address-pool local": unsupported("name the pool in a group"),
        "crypto isakmp peer": Command(profiles.aggressive_peer, profiles.AGGRESSIVE_PEER),
        "crypto isakmp invalid-spi-recovery": Command(ignored),
        "crypto isakmp diagnose": Command(ignored),
        "crypto isakmp enable": Command(ignored),
        "crypto isakmp fragmentation": Command(ignored),
        "crypto isakmp xauth": lost("users have a minute to log in"),
        "crypto isakmp default": Command(ignored),
        "crypto keyring": Command(isakmp.keyring, isakmp.KEYRING),
        "crypto ipsec transform-set": Command(ipsec.transform_set, ipsec.TRANSFORM_SET),
        "crypto ipsec profile": Command(ipsec.ipsec_profile, ipsec.IPSEC_PROFILE),
        "crypto ipsec nat-transparency": Command(ignored),
        "crypto ipsec optional": unsupported("traffic is not sent in the clear while a tunnel is down"),
        "crypto ipsec client ezvpn": Command(users.ezvpn_client, Grammar({}), others=ignored),
        "crypto map": Command(ipsec.crypto_map, ipsec.ENTRY),
        "crypto dynamic-map": Command(ipsec.dynamic_map, ipsec.ENTRY),
        "crypto call admission": lost("half_open_limit limits the number of peers"),
        "crypto logging": Command(ignored),
        "crypto mib": Command(ignored),
        "crypto wui": Command(ignored),
        "crypto xauth": lost("users have a minute to log in"),
    },
    3,
)
# ``no`` before a command that was not configured before: it switches off a default
_OFF = Grammar(
    {
        "crypto isakmp default policy": Command(lambda arguments, device: _no_built_in(arguments, device)),
        "crypto isakmp enable": unsupported("the router does not use IKE, but the gateway would"),
        "crypto ipsec nat-transparency udp-encapsulation": Command(users.no_nat_traversal),
        "crypto ipsec nat-transparency udp-encaps": Command(users.no_nat_traversal),
        "crypto isakmp nat-traversal": Command(users.no_nat_traversal),
    }
)

_MOST_EXPLAINED = 20  # unknown commands
_TWO_WORDS = frozenset({"map", "dynamic-map", "access-list", "object-group", "object", "tunnel-group", "peer"})


def read_device(router: Router, grammar: Grammar, report: Report, *, asa: bool) -> Device:
    """The device that the commands of ``router`` configure; what is wrong or not understood is reported."""
    device = Device(router.name, Place(report.file, router.number, 1, f"hostname {router.name}"), asa)
    for statement in router.statements:
        if statement.words[0].text.lower() == "no":
            _switch_off(statement, device, report)
        else:
            _read(statement, grammar, device, report, "")
    return device


def _read(statement: Statement, grammar: Grammar, target: Any, report: Report, around: str) -> None:
    found = grammar.find(statement.words)
    if found is None and statement.words[0].text.lower() == "no" and grammar.find(statement.words[1:]) is not None:
        return  # what is switched off is not on
    if found is None:
        _unknown(statement, grammar, report, around)
        return
    keywords, command = found
    written = statement.words if command.inner is not None else statement.words[: len(keywords)]
    key = " ".join(keywords) if command.inner is None else _header(written, keywords)
    arguments = Arguments(statement, len(keywords), f"{around}.{key}" if around else key, report)
    made = _handled(command.handle, arguments, target)
    if command.inner is None or made is None:
        return
    for each in statement.inner:
        if command.others is not None and command.inner.find(each.words) is None:
            _handled(command.others, Arguments(each, 0, arguments.key, report), made)
        else:
            _read(each, command.inner, made, report, arguments.key)


def _header(words: tuple[Any, ...], keywords: tuple[str, ...]) -> str:
    """What a command that opens a mode is called: with its name and number."""
    named = 2 if keywords[-1] in _TWO_WORDS else 1
    return " ".join((*keywords, *(word.text for word in words[len(keywords) : len(keywords) + named])))


def _handled(handle: Any, arguments: Arguments, target: Any) -> Any:
    try:
        return handle(arguments, target)
    except Fault as fault:
        arguments.report.error(arguments.place._replace(column=fault.column), fault.rule, str(fault))
        return None


def _unknown(statement: Statement, grammar: Grammar, report: Report, around: str) -> None:
    words = [word.text.lower() for word in statement.words[:3]]
    key = " ".join(words[: 3 if words[0] == "crypto" else 1])
    arguments = Arguments(statement, 0, f"{around}.{key}" if around else key, report)
    explained = len(report.errors) < _MOST_EXPLAINED
    known = grammar.first_words if words[0] != "crypto" and explained else ()
    near = get_close_matches(words[0], known, n=1)
    hint = f": did you mean {near[0]!r}?" if near else f"; allowed: {', '.join(known)}" if known else ""
    report.error(arguments.place, Rule.UNKNOWN_KEY, f"unknown command{hint}")


def _switch_off(statement: Statement, device: Device, report: Report) -> None:
    rest = Statement(statement.words[1:], statement.number, statement.comments)
    found = _OFF.find(rest.words)
    if found is not None:
        _read(rest, _OFF, device, report, "no")
    elif rest.words[0].text.lower() == "crypto":
        key = " ".join(word.text for word in statement.words[:4])
        place = Arguments(statement, 0, key, report).place
        report.lost(place, "there is nothing to switch off")


def _no_built_in(arguments: Arguments, device: Device) -> None:
    arguments.rest()
    device.built_in_policies = False
