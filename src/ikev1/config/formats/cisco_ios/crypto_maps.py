"""Crypto maps: each entry is a peering with a pair of selectors for each line of its access list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.identities import own_identity, peer_identity, unknown_identities
from ikev1.config.formats.cisco_ios.keys import Chooser, address_of, fixed_address
from ikev1.config.formats.cisco_ios.model import Device, Entry, Key, Line, Map, Profile
from ikev1.config.formats.cisco_ios.peerings import Pair, Peering, Protection
from ikev1.config.formats.cisco_ios.protection import protection
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.cisco_ios.remote_access import Access, groups_of, methods_of, peerings_of_groups
from ikev1.config.formats.cisco_ios.selectors import as_text, lines_of
from ikev1.core.records.selector import Selector

_EVERYTHING = "0.0.0.0/0"


class _Applied(NamedTuple):
    """A map that is applied at the address ``local`` of the router; ``suffix`` tells it from others in names."""

    map: Map
    local: Set[str] | None
    suffix: str


def peerings_of_maps(device: Device, chooser: Chooser, report: Report) -> Iterator[Peering]:
    """The peerings of all maps that interfaces apply; of all maps, if no interface in the text applies one."""
    anywhere = any(each.interfaces for each in device.maps.values())
    for whole in device.maps.values():
        if not whole.entries:
            for interface in whole.interfaces[:1]:
                report.error(interface.place, Rule.INVALID_VALUE, f"there is no crypto map {whole.name}")
            continue
        if not whole.interfaces:
            left = "it is left out" if anywhere else "its tunnels may have any local address"
            report.warn(whole.place, Rule.UNUSED_KEY, f"is applied by no interface: {left}")
            if anywhere:
                continue
        for applied in _ends(device, whole, report):
            for _, entry in sorted(whole.entries.items()):
                yield from _Entries(device, chooser, applied, report).peerings(entry)


def _ends(device: Device, whole: Map, report: Report) -> Iterator[_Applied]:
    if whole.local_address is not None:
        found = address_of(device, whole.local_address)
        if found is None:
            report.lost(whole.local_address.place, "the interface has no fixed address in this text")
        yield _Applied(whole, found, "")
        return
    names = list(dict.fromkeys(interface.value for interface in whole.interfaces))
    for name in names:
        interface = device.interfaces.find(name)
        local = fixed_address(device, interface) if interface is not None else None
        yield _Applied(whole, local, f"-{name}" if len(names) > 1 else "")
    if not names:
        yield _Applied(whole, None, "")


class _Entries:
    """The entries of a map that is applied."""

    def __init__(self, device: Device, chooser: Chooser, applied: _Applied, report: Report) -> None:
        self._device = device
        self._chooser = chooser
        self._map, self._local, self._suffix = applied
        self._report = report

    def peerings(self, entry: Entry) -> Iterator[Peering]:
        """Those of an entry of the static map."""
        if entry.dynamic is None:
            yield from self._with_peers(entry)
            return
        dynamic = self._device.dynamic_maps.get(entry.dynamic.value)
        if dynamic is None:
            text = f"there is no crypto dynamic-map {entry.dynamic.value}"
            self._report.error(entry.dynamic.place, Rule.INVALID_VALUE, text)
            return
        for _, inner in sorted(dynamic.entries.items()):
            yield from self._with_unknown(inner)

    def _with_peers(self, entry: Entry) -> Iterator[Peering]:
        if entry.ikev2 is not None and not (self._device.asa and entry.transform_sets):
            self._report.warn(entry.ikev2.place, Rule.NOT_IKEV1, "the entry is skipped: IKEv2")
            return
        if not entry.peers or entry.acl is None:
            missing = "match address" if entry.peers else "set peer"
            self._report.warn(entry.place, Rule.UNUSED_KEY, f"is left out, because it is incomplete: {missing}")
            return
        lines = lines_of(self._device, entry.acl, self._report)
        protected = protection(self._device, entry, self._report)
        first = entry.peers[0].value
        profile = self._chooser.profile(entry.profile or self._map.profile, first)
        key = self._key(entry)
        if lines is None or protected is None or key is None:
            return
        called = self._device.aggressive_peers.get(first)
        name = f"{entry.map}-{entry.number}{self._suffix}"
        made = self._made(name, entry, profile, key)
        made.remotes = entry.peers
        made.pairs = self._pairs(name, lines, protected, entry.peers)
        made.peer_identity = peer_identity(profile, several=len(entry.peers) > 1)
        made.only_answers = bool(entry.answers_only or entry.responder_only)
        if called is not None:
            made.own_identity = called.identity or made.own_identity
            made.key = called.key or key
            made.calls_aggressive = Set(True, called.place)
        yield made

    def _key(self, entry: Entry) -> Key | None:
        """The key for the first peer; another one for the others is reported."""
        chooser, peers = self._chooser, [peer.value for peer in entry.peers]
        found = [chooser.key(chooser.profile(entry.profile or self._map.profile, peer), peer) for peer in peers]
        called = self._device.aggressive_peers.get(entry.peers[0].value)
        if found[0] is None and called is not None:
            found[0] = called.key
        for peer, key in zip(entry.peers, found, strict=True):
            if key is None:
                text = f"there is no pre-shared key for {peer.value}, and certificates are not read"
                self._report.unsupported(peer.place, text)
            elif found[0] is not None and key.secret != found[0].secret:
                text = f"{peer.value} has another key than {entry.peers[0].value}: write an entry for each of them"
                self._report.unsupported(peer.place, text)
        return found[0]

    def _with_unknown(self, entry: Entry) -> Iterator[Peering]:
        """One peering for each key of peers that are not in the map, and for each group of remote users."""
        device, report = self._device, self._report
        protected = protection(device, entry, report)
        lines = lines_of(device, entry.acl, report) if entry.acl is not None else []
        if protected is None or lines is None:
            return
        profile = self._chooser.profile(entry.profile or self._map.profile, "")
        name = f"{entry.map}-{entry.number}{self._suffix}"
        known = [peer.value for each in self._map.entries.values() for peer in each.peers]
        number = 0
        for key, identity in product(self._keys(profile, known), unknown_identities(profile)):
            number += 1
            numbered = f"{name}-{number}" if number > 1 else name
            made = self._made(numbered, entry, profile, key)
            made.remotes = remotes_of(key)
            made.pairs = self._pairs(numbered, lines, protected, []) or [_open(numbered, protected, entry)]
            made.peer_identity = identity
            made.only_answers = True
            made.answers_aggressive = Set(True, key.place) if key.hostname else None
            yield made
        access = Access(device, profile, self._map, self._local_of(profile), report)
        yield from peerings_of_groups(access, name, entry.place, protected)
        if not number and not groups_of(device, profile):
            report.unsupported(entry.place, "there is no pre-shared key for its peers, and certificates are not read")

    def _keys(self, profile: Profile | None, known: list[str]) -> list[Key]:
        """The keys of a dynamic entry; those of groups are others."""
        if profile is not None and profile.matches and all(match.kind == "group" for match in profile.matches):
            return []
        return self._chooser.keys_of_unknown(profile, known)

    def _made(self, name: str, entry: Entry, profile: Profile | None, key: Key) -> Peering:
        users = profile.user_list if profile else self._map.user_list if key.xauth else None
        return Peering(
            name,
            entry.described,
            key,
            self._local_of(profile),
            own_identity=own_identity(self._device, profile),
            keepalive=profile.keepalive if profile and profile.keepalive else self._device.keepalive,
            calls_aggressive=entry.aggressive or (profile.aggressive if profile else None),
            nat_traversal=entry.nat_traversal,
            users=methods_of(self._device, users, self._report),
        )

    def _local_of(self, profile: Profile | None) -> Set[str] | None:
        return (address_of(self._device, profile.local_address) if profile else None) or self._local

    def _pairs(self, name: str, lines: list[Line], protected: Protection, peers: list[Set[str]]) -> list[Pair]:
        made = []
        for number, line in enumerate(lines, 1):
            ends = line.source, line.destination
            of_peers = protected.mode == "transport" and self._of_peers(ends, peers)
            local, remote = (_dynamic(end) if of_peers else as_text(end) for end in ends)
            numbered = name if len(lines) == 1 else f"{name}-{number}"
            made.append(Pair(numbered, line.place, local, remote, protected, transport=of_peers, line=line))
        return made

    def _of_peers(self, ends: tuple[Selector, Selector], peers: list[Set[str]]) -> bool:
        """Whether the selectors are the addresses of the router and of its peer, or of any peer."""
        local = [self._local.value] if self._local and not (ends[0].has_all_addresses and not peers) else []
        return _is_host(ends[0], local) and _is_host(ends[1], [peer.value for peer in peers])


def _is_host(end: Selector, hosts: list[str]) -> bool:
    """Whether a selector is one of the hosts; any single one, or any at all, if there are none."""
    if not hosts:
        return end.first == end.last or end.has_all_addresses
    return any(end.with_address(host) == end for host in hosts if host[-1].isdigit() or ":" in host)


def _dynamic(end: Selector) -> str:
    return f"dynamic{as_text(end)[len(as_text(end).partition('[')[0]) :]}"


def remotes_of(key: Key) -> list[Set[str]]:
    """The peers that have a key; empty for all."""
    if key.network is None:
        return [Set(key.hostname, key.place)]
    if key.network.prefixlen == 0:
        return []
    single = key.network.num_addresses == 1
    return [Set(str(key.network.network_address) if single else str(key.network), key.place)]


def _open(name: str, protected: Protection, entry: Entry) -> Pair:
    """What an entry without an access list protects: what its peers propose."""
    if protected.mode == "transport":
        return Pair(name, entry.place, "dynamic", "dynamic", protected, transport=True)
    return Pair(name, entry.place, _EVERYTHING, _EVERYTHING, protected, is_open=True)
