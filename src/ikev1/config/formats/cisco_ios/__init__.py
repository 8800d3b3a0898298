"""Configurations of Cisco IOS, IOS-XE and ASA: saved ones, and what was typed at a terminal."""

from __future__ import annotations

import re
from itertools import chain, islice
from pathlib import Path

from ikev1.config.findings import ConfigError, Finding, Findings, Rule
from ikev1.config.formats.cisco_ios.asa import ASA, finish
from ikev1.config.formats.cisco_ios.crypto_maps import peerings_of_maps
from ikev1.config.formats.cisco_ios.device import IOS, read_device
from ikev1.config.formats.cisco_ios.keys import Chooser
from ikev1.config.formats.cisco_ios.lexer import lines
from ikev1.config.formats.cisco_ios.model import Device
from ikev1.config.formats.cisco_ios.peerings import Peering, mirrored
from ikev1.config.formats.cisco_ios.reading import Report
from ikev1.config.formats.cisco_ios.statements import Router, routers
from ikev1.config.formats.cisco_ios.tunnel_interfaces import peerings_of_interfaces
from ikev1.config.formats.cisco_ios.writing import Writer
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Part, Place, Places, Side, Written
from ikev1.config.secrets import exposure

MOST_PEERINGS = 10_000
# What findings about `ikev1.toml` mention, in the words of IOS
_WORDS = {
    "remote_address": "set peer",
    "local_address": "the address of the interface",
    "remote_id": "match identity",
    "local_id": "self-identity",
    "secret or secret_file": "crypto isakmp key",
    "a [policy]": "a crypto isakmp policy",
    "proposals": "the transform set",
    "xauth_backend": "aaa authentication login",
    "remove local and remote": "remove the networks from the access list",
    "set local and remote of the tunnel": "set the networks in the access list",
}
_PROMPT = r"^[ \t`]*(?:[\w./-]+(?:\([\w-]+\))?[#>][ \t]*)?"
_OF_IOS = re.compile(
    _PROMPT + r"crypto[ \t]+(?:isakmp[ \t]+(?:policy|key|profile|client|keepalive)|keyring|map[ \t]+\S+[ \t]+\d+|"
    r"ipsec[ \t]+(?:ikev1[ \t]+)?(?:transform-set|profile)|dynamic-map|ikev1)\b",
    re.MULTILINE | re.IGNORECASE,
)
_OF_ASA = re.compile(
    _PROMPT + r"(?:ASA Version|tunnel-group[ \t]+\S+[ \t]|crypto[ \t]+(?:ipsec[ \t]+)?ikev1[ \t]|[ \t]+nameif[ \t]|"
    r"crypto[ \t]+map[ \t]+\S+[ \t]+\d+[ \t]+(?:set|match)[ \t])",
    re.MULTILINE | re.IGNORECASE,
)


def recognises(name: str, text: str) -> bool:
    """Whether a file with this content is a configuration for IOS or ASA."""
    return _OF_IOS.search(text) is not None


def read_cisco(file: Path, side: Side) -> Written:
    """The configuration of one end that is in ``file``: of the router ``side.name``, or of its peers.

    Raises:
        ConfigError: it cannot be read, or it is not clear which router is meant, or nothing in it is for IKEv1.
    """
    files = TextFiles(Findings(file))
    with files.opened(file) as text:
        asa = _OF_ASA.search(text) is not None
        grammar = ASA if asa else IOS
        found = routers(lines(text), grammar, "asa" if asa else "ios")
    report = Report(file)
    device = read_device(_chosen(found, side, report), grammar, report, asa=asa)
    if asa:
        finish(device)
    ours = Part(Places(_WORDS))
    _write(device, side, ours, report)
    errors, warnings = tuple(report.errors), tuple(report.warnings)
    if not ours.values.get("connection") and not errors:
        nothing = Finding(file, "", Rule.NOT_IKEV1, f"there is no tunnel of {device.name} for IKEv1")
        skipped = [each for each in warnings if each.rule is Rule.NOT_IKEV1]  # why there is none
        raise ConfigError((nothing, *skipped))
    return Written(ours.values, ours.places, exposure(files.read[file]), tuple(files.read), errors, warnings)


def _chosen(found: dict[str, Router], side: Side, report: Report) -> Router:
    """The router that is meant: the only one if none is named."""
    names = ", ".join(found)
    if side.name is not None:
        by_lower = {name.lower(): router for name, router in found.items()}
        if side.name.lower() not in by_lower:
            text = f"there is no router {side.name} in the file" + (f": it has {names}" if found else "")
            raise ConfigError((Finding(report.file, "", Rule.INVALID_VALUE, text),))
        return by_lower[side.name.lower()]
    if not found:
        text = "there is no command for Cisco IOS or ASA in it"
        raise ConfigError((Finding(report.file, "", Rule.NOT_IKEV1, text),))
    if len(found) > 1:
        text = f"has several routers ({names}): --as NAME takes the place of one, --peer-of NAME that of its peer"
        raise ConfigError((Finding(report.file, "", Rule.SEVERAL_DEVICES, text),))
    (router,) = found.values()
    text = f"the gateway takes the place of {router.name}; --peer-of {router.name} takes that of its peer"
    place = Place(report.file, router.number, 1, f"hostname {router.name}")
    report.warn(place, Rule.WHICH_END, text)
    return router


def _write(device: Device, side: Side, ours: Part, report: Report) -> None:
    chooser = Chooser(device, report)
    found = chain(peerings_of_maps(device, chooser, report), peerings_of_interfaces(device, chooser, report))
    peerings = list(islice(found, MOST_PEERINGS + 1))
    if len(peerings) > MOST_PEERINGS:
        report.error(device.place, Rule.INVALID_VALUE, f"has more than {MOST_PEERINGS} peers")
        return
    if side.is_peer:
        # The peers of a spoke are its hubs: what another spoke has to say to it does not stand in its text
        peerings = [_other_end(peering, report) for peering in peerings if not peering.beside_hubs]
        ends = dict.fromkeys(peering.local.value for peering in peerings if peering.local is not None)
        if len(ends) > 1:
            text = f"has several peers, {', '.join(ends)}: the tunnels of all of them are there, each with its address"
            report.warn(device.place, Rule.SEVERAL_PEERS, text)
    writer = Writer(device, ours, report, is_peer=side.is_peer)
    writer.write_policies()
    if device.nat_keepalive is not None:
        ours.part("gateway").put("nat_keepalive", device.nat_keepalive.value, device.nat_keepalive.place)
    writer.write(peerings)


def _other_end(peering: Peering, report: Report) -> Peering:
    if any(pair.is_open for pair in peering.pairs):
        text = "the text does not say which networks its peers have: all traffic would be protected"
        report.unsupported(peering.place, text)
    if peering.local is None:
        text = "the text has no fixed address of the router: the gateway does not initiate"
        report.warn(peering.place, Rule.MISSING_KEY, text)
    return mirrored(peering)
