"""Protected tunnel interfaces: GRE, DMVPN, and those that consist of IPsec alone (VTI)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.crypto_maps import remotes_of
from ikev1.config.formats.cisco_ios.identities import own_identity, peer_identity, unknown_identities
from ikev1.config.formats.cisco_ios.keys import Chooser, address_of
from ikev1.config.formats.cisco_ios.model import Device, Interface, Ipsec, Key, Profile
from ikev1.config.formats.cisco_ios.peerings import Pair, Peering, Protection
from ikev1.config.formats.cisco_ios.protection import protection
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.cisco_ios.remote_access import Access, methods_of, peerings_of_groups
from ikev1.config.formats.cisco_ios.selectors import as_text, lines_of

_GRE = "dynamic[gre]"
_EVERYTHING = {"ipv4": "0.0.0.0/0", "ipv6": "::/0"}


def peerings_of_interfaces(device: Device, chooser: Chooser, report: Report) -> Iterator[Peering]:
    """The peerings of all protected tunnel interfaces."""
    for name, route in device.routes:
        behind = device.interfaces.find(name)
        if behind is not None:
            behind.routes.append(route)
    for found in device.interfaces:
        if found.protection is not None:
            yield from _of_interface(device, chooser, found, found.protection, report)
        elif found.policy is not None:
            report.unsupported(found.policy.place, "there is no IPsec profile: the interface is left out")


def _of_interface(
    device: Device, chooser: Chooser, interface: Interface, chosen: Set[str], report: Report
) -> Iterator[Peering]:
    ipsec = device.ipsec_profiles.get(chosen.value)
    if ipsec is None:
        report.error(chosen.place, Rule.INVALID_VALUE, f"there is no crypto ipsec profile {chosen.value}")
        return
    if ipsec.ikev2 is not None and not (device.asa and ipsec.transform_sets):
        report.warn(ipsec.ikev2.place, Rule.NOT_IKEV1, f"{interface.name} is skipped: IKEv2")
        return
    if interface.vrf is not None:
        report.unsupported(interface.vrf.place, "the peer is in a VRF, but the gateway has one routing table")
    protected = protection(device, ipsec, report)
    if protected is not None:
        yield from _Tunnel(device, chooser, interface, ipsec, protected, report).peerings()


class _Tunnel:
    def __init__(
        self,
        device: Device,
        chooser: Chooser,
        interface: Interface,
        ipsec: Ipsec,
        protected: Protection,
        report: Report,
    ) -> None:
        self._device = device
        self._chooser = chooser
        self._interface = interface
        self._ipsec = ipsec
        self._protected = protected
        self._report = report
        mode = interface.mode.value.split() if interface.mode else ["gre"]
        self._is_ipsec = mode[0].startswith("ips")
        self._version = "ipv6" if mode[-1:] == ["ipv6"] else "ipv4"
        self._multipoint = mode[0] == "gre" and "multipoint".startswith(mode[-1]) and len(mode) > 1

    def peerings(self) -> Iterator[Peering]:
        interface = self._interface
        chosen = interface.profile or self._ipsec.profile
        if interface.name.lower().startswith("virtual-template"):
            yield from self._of_template()
            return
        self._say_what_is_missing()
        if self._multipoint or (interface.destination and interface.destination.value == "dynamic"):
            hubs = list({hub.value: hub for hub in interface.nhrp}.values())
            for number, hub in enumerate(hubs, 1):
                name = interface.name if len(hubs) == 1 else f"{interface.name}-{number}"
                yield from self._with_peer(name, hub, chosen)
            profile = self._chooser.profile(chosen, "")
            yield from self._with_unknown(f"{interface.name}-any" if hubs else interface.name, profile, hubs)
        elif interface.destination is None:
            self._report.warn(interface.place, Rule.UNUSED_KEY, "is left out: there is no tunnel destination")
        else:
            yield from self._with_peer(interface.name, interface.destination, chosen)

    def _of_template(self) -> Iterator[Peering]:
        """A peering for each peer that a profile with this template accepts."""
        number = re.sub(r"\D", "", self._interface.name)
        for profile in self._device.profiles.values():
            if profile.template is None or profile.template.value != number:
                continue
            name = profile.name
            if any(match.kind != "group" for match in profile.matches):
                yield from self._with_unknown(name, profile, [])
            local = address_of(self._device, profile.local_address) or self._local(None)
            access = Access(self._device, profile, None, local, self._report)
            yield from peerings_of_groups(access, name, profile.place, self._protected)

    def _with_peer(self, name: str, peer: Set[str], chosen: Set[str] | None) -> Iterator[Peering]:
        profile = self._chooser.profile(chosen, peer.value)
        key = self._chooser.key(profile, peer.value)
        if key is None:
            text = f"there is no pre-shared key for {peer.value}, and certificates are not read"
            self._report.unsupported(peer.place, text)
            return
        made = self._made(name, profile, key)
        made.remotes = [peer]
        made.peer_identity = peer_identity(profile, several=False)
        made.only_answers = self._ipsec.responder_only is not None
        yield made

    def _with_unknown(self, name: str, profile: Profile | None, known: list[Set[str]]) -> Iterator[Peering]:
        keys = self._chooser.keys_of_unknown(profile, [peer.value for peer in known])
        for number, (key, identity) in enumerate(product(keys, unknown_identities(profile)), 1):
            made = self._made(name if number == 1 else f"{name}-{number}", profile, key)
            made.remotes = remotes_of(key)
            made.peer_identity = identity
            made.only_answers = True
            made.beside_hubs = bool(known)
            made.answers_aggressive = Set(True, key.place) if key.hostname else None
            yield made
        if not keys and not known:
            text = "there is no pre-shared key for its peers, and certificates are not read"
            self._report.unsupported(self._protected.place, text)

    def _made(self, name: str, profile: Profile | None, key: Key) -> Peering:
        return Peering(
            name,
            self._interface.place,
            key,
            self._local(profile),
            own_identity=own_identity(self._device, profile),
            keepalive=profile.keepalive if profile and profile.keepalive else self._device.keepalive,
            calls_aggressive=profile.aggressive if profile else None,
            pairs=self._pairs(name),
            users=methods_of(self._device, profile.user_list if profile else None, self._report),
        )

    def _local(self, profile: Profile | None) -> Set[str] | None:
        own = address_of(self._device, profile.local_address) if profile else None
        return own or address_of(self._device, self._interface.source)

    def _pairs(self, name: str) -> list[Pair]:
        place, protected = self._interface.place, self._protected
        if not self._is_ipsec:
            transport = protected.mode == "transport"
            return [Pair(name, place, _GRE, _GRE, protected, permanent=True, transport=transport)]
        if self._interface.policy is not None:
            lines = lines_of(self._device, self._interface.policy, self._report) or []
            return [
                Pair(
                    f"{name}-{count}",
                    line.place,
                    as_text(line.source),
                    as_text(line.destination),
                    protected,
                    permanent=True,
                    interface=self._interface,
                    line=line,
                )
                for count, line in enumerate(lines, 1)
            ]
        whole = _EVERYTHING[self._version]
        return [Pair(name, place, whole, whole, protected, permanent=True, interface=self._interface)]

    def _say_what_is_missing(self) -> None:
        if not self._is_ipsec:
            text = "the gateway does not make the GRE interface, with its address and routes"
            self._report.warn(self._interface.place, Rule.NO_COUNTERPART, text)
