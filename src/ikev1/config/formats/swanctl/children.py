"""``children``: each child becomes a tunnel."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from itertools import count as counter
from itertools import islice
from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.options import Lost, Options, count, items, seconds, word, yes
from ikev1.config.formats.swanctl.proposals import ABSENT_ESP, Apart, ah_proposals, esp_proposals
from ikev1.config.formats.written import Part
from ikev1.config.selectors import with_numbers
from ikev1.core.records.selector import Selector

REKEY_TIME = 3600
MOST_PAIRS = 100  # of selectors of a child
_BOTH = frozenset({4, 6})
_ICMP = frozenset({"icmp", "1", "ipv6-icmp", "58"})
_OF_SHELL = frozenset(";&|<>()$`")
_LOST = (
    Lost("policies", "policies are always installed", ("yes",), matters=True),
    Lost(
        "reqid",
        "the gateway assigns reqids, so rules of a packet filter for this one do not match",
        ("0",),
        True,
    ),
    Lost("priority", "the narrowest tunnel takes precedence", ("0",), matters=True),
    Lost("interface", "the tunnel's traffic may use any interface", matters=True),
    Lost("mark_in_sa", "received packets are selected by their marks after decryption, too", ("no",), matters=True),
    Lost("set_mark_in", "packets are not marked", ("0/0x00000000", "0"), matters=True),
    Lost("set_mark_out", "packets are not marked", ("0/0x00000000", "0"), matters=True),
    Lost("tfc_padding", "packets are not padded, so their lengths show", ("0",), matters=True),
    Lost("rand_bytes", "SAs are rekeyed at rekey_bytes"),
    Lost("life_packets", "SAs do not expire after a number of packets"),
    Lost("rand_packets", "SAs are rekeyed at rekey_packets"),
    Lost("policies_fwd_out", "there are no such policies", ("no",)),
    Lost("inactivity", "idle SAs are not closed", ("0", "0s")),
    Lost("hw_offload", "no hardware offload is requested", ("no",)),
    Lost("copy_df", "the DF bit is copied", ("yes",)),
    Lost("copy_ecn", "ECN is copied", ("yes",)),
    Lost("copy_dscp", "DSCP is copied to the outer header only", ("out",)),
    Lost("label", "IKEv1 has no labels"),
    Lost("label_mode", "IKEv1 has no labels", ("system",)),
)
_HOSTACCESS = "/usr/bin/env PLUTO_HOST_ACCESS=1 "  # as charon sets it
_MODE = word(tunnel="tunnel", transport="transport")
_OTHER_MODES = {
    "beet": "there is no tunnel in this mode",
    "transport_proxy": "there is no tunnel in this mode",
}
_START = word(
    none="none", trap="trap", start="start", **{"trap|start": "start", "start|trap": "start", "route": "trap"}
)


def is_tunnel(child: Options) -> bool:
    """Whether ``child`` has a mode of this gateway; others are reported."""
    meaning = _OTHER_MODES.get(child.take("mode", str, "tunnel"))
    if meaning is not None:
        child.findings.error(child.key("mode"), Rule.NOT_SUPPORTED, f"is not supported: {meaning}")
    return meaning is None


class Versions(NamedTuple):
    """The IP versions that the dynamic selectors of both ends may have; empty if they are not known."""

    local: frozenset[int]
    remote: frozenset[int]


def write_child(child: Options, name: str, tunnels: Part, versions: Versions, taken: Options) -> list[Part]:
    """Write the tunnels for ``child`` to ``tunnels``: one for each pair of its selectors that can have traffic. The
    first bears its ``name``, the others have a number behind it; their names are not among the keys of ``taken``.
    """
    local = child.take("local_ts", selectors, ["dynamic"])
    remote = child.take("remote_ts", selectors, ["dynamic"])
    pairs = _pairs(local, remote, versions)
    names = [name, *islice((each for n in counter(2) if (each := f"{name}-{n}") not in taken), len(pairs) - 1)]
    key = "local_ts" if len(local) > 1 else "remote_ts"
    if len(pairs) > MOST_PAIRS:
        text = f"has {len(pairs)} pairs of networks: expected at most {MOST_PAIRS}"
        child.findings.error(child.key(key), Rule.INVALID_VALUE, text)
        pairs = pairs[:1]
    elif len(pairs) > 1:
        text = f"IKEv1 negotiates one pair of networks, so that others are tunnels of their own: {', '.join(names[1:])}"
        child.findings.warn(child.key(key), Rule.NO_COUNTERPART, text)
    first = tunnels.part(name, child.place())
    _write_pair(child, first, pairs[0])
    _write_child(child, first)
    child.finish()
    others = [first.copied(tunnels, each) for each in names[1 : len(pairs)]]
    for tunnel, pair in zip(others, pairs[1:], strict=True):
        _write_pair(child, tunnel, pair)
    return [first, *others]


def _write_pair(child: Options, into: Part, pair: tuple[str, str]) -> None:
    for theirs, ours, selector in zip(("local_ts", "remote_ts"), ("local", "remote"), pair, strict=True):
        if theirs in child:
            into.put(ours, selector, child.place(theirs))


def _pairs(local: list[str], remote: list[str], versions: Versions) -> list[tuple[str, str]]:
    """The pairs of one IP version and one protocol, at least one."""
    ours = [(each, *_kind(each, versions.local)) for each in local]
    theirs = [(each, *_kind(each, versions.remote)) for each in remote]
    found = [
        (one, other)
        for one, of_one, protocol in ours
        for other, of_other, protocol_of_other in theirs
        if of_one & of_other and (protocol == protocol_of_other or 0 in (protocol, protocol_of_other))
    ]
    return found or [(local[0], remote[0])]  # the reader of `ikev1.toml` says what is wrong with it


def _kind(written: str, dynamic: frozenset[int]) -> tuple[frozenset[int], int]:
    """The IP versions that a selector may have, and its protocol."""
    try:
        selector = Selector.parse(written)
    except ValueError:
        return _BOTH, 0
    return (dynamic or _BOTH) if selector.dynamic else frozenset({selector.version}), selector.protocol


def _write_child(child: Options, into: Part) -> None:
    _write_proposals(child, into)
    _write_lives(child, into)
    child.copy("mode", into, "mode", _MODE, "tunnel")
    child.copy("ipcomp", into, "compress", yes)
    child.copy("sha256_96", into, "sha256_96", yes)
    hostaccess = child.take("hostaccess", yes, False)
    child.copy("updown", into, "updown", lambda value: f"{_HOSTACCESS if hostaccess else ''}{_program(value)}")
    child.copy("start_action", into, "start", _START)
    close = child.take("close_action", _START, "none")
    if close != "none" and into.values.get("start", "none") == "none":
        text = "a tunnel that the peer closes comes up again only with start_action"
        child.findings.warn(child.key("close_action"), Rule.NO_COUNTERPART, text)
    for mark in ("mark_in", "mark_out"):
        child.copy(mark, into, mark)
    for interface in ("if_id_in", "if_id_out"):
        child.copy(interface, into, interface)
    child.copy("replay_window", into, "replay_window", count, 32)
    child.lose(*_LOST)


def _write_proposals(child: Options, into: Part) -> None:
    ah = child.take("ah_proposals", _apart(ah_proposals), None)
    esp = child.take("esp_proposals", _apart(esp_proposals), None)
    if esp is None and ah is None:
        esp = esp_proposals(ABSENT_ESP)
    for key, name, apart in (("ah_proposals", "ah_proposals", ah), ("esp_proposals", "proposals", esp)):
        if apart is None:
            continue
        report_left_out(child, key, apart)
        into.put(name, apart.proposals, child.place(key))


def report_left_out(options: Options, key: str, apart: Apart) -> None:
    """Report algorithms that are not offered."""
    if not apart.proposals:
        text = f"none of the algorithms can be used with IKEv1: {', '.join(apart.left_out) or 'there is none'}"
        options.findings.error(options.key(key), Rule.INVALID_VALUE, text)
    elif apart.left_out:
        text = f"not offered, because IKEv1 or this gateway does not have it: {', '.join(apart.left_out)}"
        options.findings.warn(options.key(key), Rule.NO_COUNTERPART, text)


def _apart(take_apart: Callable[[list[str]], Apart]) -> Callable[[object], Apart]:
    return lambda value: take_apart(items(value))


def _write_lives(child: Options, into: Part) -> None:
    """The times; strongSwan's defaults depend on one another: an SA lives a tenth longer than until it is rekeyed."""
    life = child.take("life_time", seconds, None)
    rekey = child.take("rekey_time", seconds, REKEY_TIME if not life else life * 10 // 11)
    into.put("lifetime", life or (rekey + rekey // 10) or REKEY_TIME, child.place("life_time"))
    if rekey:
        into.put("rekey_time", rekey, child.place("rekey_time"))
        child.copy("rand_time", into, "rand_time", seconds)
    else:
        text = f"the SAs are rekeyed before they expire after {into.values['lifetime']} s"
        child.findings.warn(child.key("rekey_time"), Rule.NO_COUNTERPART, text)
        child.take("rand_time", seconds, None)
    rekey_bytes = child.take("rekey_bytes", _bytes, 0)
    life_bytes = child.take("life_bytes", _bytes, rekey_bytes * 11 // 10)
    if rekey_bytes:
        into.put("rekey_bytes", rekey_bytes, child.place("rekey_bytes"))
    if life_bytes:
        into.put("lifetime_kilobytes", max(1, -(-life_bytes // 1024)), child.place("life_bytes"))
    if packets := child.take("rekey_packets", count, 0):
        into.put("rekey_packets", packets, child.place("rekey_packets"))


def _bytes(value: object) -> int:
    """Octets, a number that may be followed by ``k``, ``m`` or ``g``."""
    written = str(value).lower()
    unit = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(written[-1:], 1)
    number = written[:-1] if unit > 1 else written
    if not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise ValueError(f"{value!r} is not allowed: expected bytes, or a number with a unit such as 500m")
    return int(number) * unit


def selectors(value: object) -> list[str]:
    """The selectors of an end, with the numbers of protocols and services."""
    return [_selector(each) for each in items(value)] or ["dynamic"]


def _selector(written: str) -> str:
    """A selector with numbers. Unlike others, strongSwan writes the type of an ICMP message alone, without its code."""
    numbered = with_numbers(written)
    addresses, _, behind = numbered.partition("[")
    protocol, _, port = behind.rstrip("]").partition("/")
    if protocol in _ICMP and port.isdigit() and int(port) < 256:
        return f"{addresses}[{protocol}/{int(port) << 8}]"
    return numbered


def _program(value: object) -> str:
    """A command, whose program a shell would find; `updown` names files. charon has a shell run it."""
    if special := sorted(_OF_SHELL.intersection(str(value))):
        raise ValueError(
            f"{value!r} is not allowed: it runs without a shell, to which {' '.join(special)} has a meaning"
        )
    try:
        program, *arguments = shlex.split(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a command: {error}") from None
    found = program if "/" in program else shutil.which(program) or program
    return shlex.join([found, *arguments])
